"""A dry run says what the sync would do, and writes nothing."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql

from sync_hostaway.hostaway.endpoints import Mode, Resource
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.sync.dry_run import _writing_nothing, dry_run_account, dry_run_resource
from sync_hostaway.sync.engine import SyncResult, sync_account
from sync_hostaway.warehouse import Connection

pytestmark = pytest.mark.integration


def contents(warehouse: Connection) -> dict[str, list[Any]]:
    """Every row of every table of ours, but for the slots of the request budget, which a dry run takes too."""
    found = warehouse.execute(
        "select schemaname, tablename from pg_tables where schemaname in ('ops', 'landing') and tablename !~ '^budget'"
    ).fetchall()
    tables = {f"{row['schemaname']}.{row['tablename']}": sql.Identifier(*row.values()) for row in found}
    return {
        name: warehouse.execute(sql.SQL("select t::text from {} as t order by 1").format(table)).fetchall()
        for name, table in tables.items()
    }


def told(results: list[SyncResult]) -> dict[Resource, tuple[Any, ...]]:
    return {
        it.resource: (
            it.verdict,
            it.expected,
            it.counts.new,
            it.counts.changed,
            it.counts.tombstoned,
            it.counts.quarantined,
        )
        for it in results
    }


@pytest.fixture
def changed(warehouse: Connection, account: int, simulator: RunningSimulator) -> int:
    """An account that was mirrored, and where something of every kind has happened since."""
    sync_account(warehouse, account, Mode.FULL)
    hostaway = simulator.control
    ids = hostaway.truth(account)["ids"]
    reservations, listings = ids["reservations"], ids["listings"]
    hostaway.patch("reservations", reservations[0], {"hostNote": "changed"}, account_id=account)
    hostaway.create("reservations", {"listingMapId": listings[0]}, account_id=account)
    hostaway.delete("listings", listings[-1], account_id=account)
    hostaway.delete("conversations", ids["conversations"][3], account_id=account)
    hostaway.fault("bad_row", match={"resource": "users"}, times=0, defect="missing_id")
    return account


@pytest.mark.parametrize("mode", Mode)
def test_a_dry_run_tells_what_the_sync_does_then_and_writes_nothing(
    warehouse: Connection, changed: int, mode: Mode
) -> None:
    before = contents(warehouse)
    dry = told(dry_run_account(warehouse, changed, mode))
    assert contents(warehouse) == before
    assert dry == told(sync_account(warehouse, changed, mode))


def test_of_an_account_that_never_synced_everything_would_be_new(warehouse: Connection, account: int) -> None:
    before = contents(warehouse)
    dry = told(dry_run_account(warehouse, account, Mode.FULL))
    assert contents(warehouse) == before
    assert dry[Resource.MESSAGES][2] > 40
    assert dry[Resource.CALENDAR_DAYS][2] == 40
    assert dry == told(sync_account(warehouse, account, Mode.FULL))


def test_a_failing_resource_is_told_and_hides_no_other(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("fail_200", match={"resource": "conversations"}, times=0)
    before = contents(warehouse)
    dry = {it.resource: it.verdict for it in dry_run_account(warehouse, account, Mode.FULL)}
    assert contents(warehouse) == before
    assert (dry[Resource.CONVERSATIONS], dry[Resource.MESSAGES]) == ("failed", "incomplete")
    assert dry[Resource.USERS] == "complete"


def test_one_resource_is_found_through_its_parents(warehouse: Connection, account: int) -> None:
    result = dry_run_resource(warehouse, account, Resource.CALENDAR_DAYS, Mode.FULL)
    assert (result.resource, result.verdict, result.counts.new) == (Resource.CALENDAR_DAYS, "complete", 40)


def test_postgresql_itself_refuses_a_write_and_the_session_is_usable_afterwards(
    warehouse: Connection, account: int
) -> None:
    for _ in range(2):
        with _writing_nothing(warehouse), pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            warehouse.execute("delete from ops.accounts")
    assert sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS])[0].verdict == "complete"


def test_a_dry_run_holds_up_no_sync(warehouse: Connection, warehouse_dsn: str, changed: int) -> None:
    with psycopg.connect(warehouse_dsn, autocommit=True) as other:
        other.execute("set lock_timeout = '5s'")

        def write(*_: object) -> None:
            other.execute("update landing.reservations set landed_at = landed_at")
            other.execute("update landing.listings set landed_at = landed_at")

        dry_run_account(warehouse, changed, Mode.FULL, on_progress=write)
