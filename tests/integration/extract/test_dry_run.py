"""A dry run says what the sync would do, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql

from sync_hostaway.accounts.registry import client_for
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.context import Progress
from sync_hostaway.extract.dry_run import _DryRunWriter, _read_only, dry_run_account, dry_run_resource
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.landing.writer import Counts, Fetched, LandingWriter
from sync_hostaway.simulator import RunningSimulator

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
            it.status,
            it.expected,
            it.counts.new,
            it.counts.changed,
            it.counts.deleted,
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


def test_a_failing_resource_is_reported_and_hides_no_other(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("fail_200", match={"resource": "conversations"}, times=0)
    before = contents(warehouse)
    dry = {it.resource: it.status for it in dry_run_account(warehouse, account, Mode.FULL)}
    assert contents(warehouse) == before
    assert (dry[Resource.CONVERSATIONS], dry[Resource.MESSAGES]) == ("failed", "incomplete")
    assert dry[Resource.USERS] == "complete"


def test_one_resource_is_found_through_its_parents(warehouse: Connection, account: int) -> None:
    result = dry_run_resource(warehouse, account, Resource.CALENDAR_DAYS, Mode.FULL)
    assert (result.resource, result.status, result.counts.new) == (Resource.CALENDAR_DAYS, "complete", 40)


def test_postgresql_itself_refuses_a_write_and_the_session_is_usable_afterwards(
    warehouse: Connection, account: int
) -> None:
    for _ in range(2):
        with _read_only(warehouse), pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            warehouse.execute("delete from ops.accounts")
    assert sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS])[0].status == "complete"


def test_a_dry_run_holds_up_no_sync(warehouse: Connection, warehouse_dsn: str, changed: int) -> None:
    with psycopg.connect(warehouse_dsn, autocommit=True) as other:
        other.execute("set lock_timeout = '5s'")
        written: set[Resource] = set()

        def write(progress: Progress) -> None:
            other.execute("update landing.reservations set landed_at = landed_at")
            other.execute("update landing.listings set landed_at = landed_at")
            written.add(progress.resource)

        dry_run_account(warehouse, changed, Mode.FULL, on_progress=write)
    assert {Resource.LISTINGS, Resource.RESERVATIONS} <= written


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROWS = st.fixed_dictionaries(
    {
        "id": st.sampled_from([1, 2, 3, "2", None, "x"]),
        "listingMapId": st.sampled_from([9, 8, "unreadable"]),
        "updatedOn": st.sampled_from(["", "2026-11-01 00:00:00", "2026-11-22 12:30:00", "odd"]),
    },
    optional={
        "financeField": st.sampled_from([[], [{"id": 1}]]),
        "guestName": st.sampled_from(["", "Ann", "Bo"]),
        "arrivalDate": st.sampled_from(["2026-12-01", "0000-00-00"]),
    },
)
ANSWERS = st.builds(
    Fetched,
    st.lists(ROWS, max_size=4),
    st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours)),
    st.none(),
    st.booleans(),
)
# Answers that land together, or ids that a complete walk saw: what else landed before it is deleted.
STEPS = st.lists(st.lists(ANSWERS, min_size=1, max_size=2) | st.frozensets(st.sampled_from("123")), max_size=4)
FULL_ROW = {"id": 1, "listingMapId": 9, "updatedOn": "2026-11-01 00:00:00", "financeField": [{"id": 1}]}
LEAN_ROW = {**FULL_ROW, "financeField": []}
_accounts = count(1)


def counted(
    writer: type[LandingWriter], warehouse: Connection, account_id: int, steps: Sequence[Any]
) -> list[Counts | int]:
    """What a writer says of each step."""
    found: list[Counts | int] = []
    for step in steps:
        with warehouse.transaction():
            hand = writer(warehouse, account_id, Resource.RESERVATIONS, None)
            if isinstance(step, frozenset):
                found.append(hand.mark_deleted_unseen(sorted(step), None, NOON + timedelta(hours=2)))
            else:
                found.append(hand.land(step))
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(before=[[Fetched([FULL_ROW], NOON, single=True)]], steps=[[Fetched([LEAN_ROW], NOON)]])
@example(before=[[Fetched([FULL_ROW], NOON)]], steps=[[Fetched([{**FULL_ROW, "listingMapId": "?"}], NOON)]])
@given(before=STEPS, steps=STEPS)
def test_a_dry_run_counts_every_row_as_the_sync_does(
    warehouse: Connection, before: Sequence[Any], steps: Sequence[Any]
) -> None:
    account_id = next(_accounts)
    counted(LandingWriter, warehouse, account_id, before)
    landed = contents(warehouse)
    with _read_only(warehouse):
        dry = counted(_DryRunWriter, warehouse, account_id, steps)
    assert contents(warehouse) == landed
    assert dry == counted(LandingWriter, warehouse, account_id, steps)


def test_what_was_read_singly_and_what_left_its_listing_counts_as_in_the_sync(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync_account(warehouse, account, Mode.FULL)
    ids = simulator.control.truth(account)["ids"]
    listings, reservations = ids["listings"], ids["reservations"]
    with client_for(warehouse, account) as client, warehouse.transaction():
        whole = [client.get(f"/v1/reservations/{number}").result for number in reservations[:5]]
        writer = LandingWriter(warehouse, account, Resource.RESERVATIONS, None)
        assert writer.land([Fetched(whole, datetime.now(UTC), single=True)]).changed > 0
    sync_account(warehouse, account, Mode.INCREMENTAL)
    of = {row["id"]: row["listingMapId"] for row in whole}
    other = next(listing for listing in listings if listing != of[reservations[0]])
    simulator.control.patch("reservations", reservations[0], {"listingMapId": other}, account_id=account)
    dry = told(dry_run_account(warehouse, account, Mode.INCREMENTAL))
    assert dry[Resource.RESERVATIONS][2:4] == (0, 1)
    assert dry == told(sync_account(warehouse, account, Mode.INCREMENTAL))
