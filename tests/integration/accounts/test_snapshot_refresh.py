"""Each Dag processor keeps its own copy of the list of accounts, and no trouble of the registry costs a Dag."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from postgres_proxy import pooler
from sync_hostaway.accounts import registry
from sync_hostaway.accounts.dag_processors import note_trouble
from sync_hostaway.accounts.snapshot import Snapshot, SnapshotAccount, load_snapshot, write_snapshot
from sync_hostaway.accounts.snapshot_refresh import refreshed_snapshot
from sync_hostaway.core.db import Connection
from sync_hostaway.core.settings import get_settings

pytestmark = pytest.mark.integration

REGISTER = """
insert into ops.accounts (account_id, name, options)
select n, 'Account ' || n, %s::jsonb from generate_series(%s::bigint, %s::bigint) as n
"""


@dataclass(frozen=True)
class Machine:
    """A machine with a Dag processor."""

    copy: Path

    def ids(self, **options: float) -> list[int]:
        """The accounts that its next parse builds Dags for."""
        return [account.account_id for account in refreshed_snapshot(self.copy, **options).accounts]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "one" / "accounts.json")


@pytest.fixture
def accounts(warehouse: Connection) -> list[int]:
    warehouse.execute(REGISTER, ['{"sync_every_hours": 6}', 701, 703])
    return [701, 702, 703]


@pytest.fixture
def lead_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def lead(dsn: str) -> None:
        monkeypatch.setenv("WAREHOUSE_URL", dsn)
        get_settings.cache_clear()

    return lead


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections and never answers, as a server behind a broken network."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_what_the_registry_says_is_in_the_list(machine: Machine, warehouse: Connection, accounts: list[int]) -> None:
    assert machine.ids() == accounts
    [first, *_] = (load_snapshot(machine.copy) or Snapshot()).accounts
    assert (first.account_id, first.name, first.options) == (701, "Account 701", {"sync_every_hours": 6})
    registry.disable_account(warehouse, 701)
    warehouse.execute("delete from ops.accounts where account_id = 702")
    warehouse.execute("insert into ops.purged_accounts (account_id) values (702)")
    registry.rename_account(warehouse, 703, "Seaside")
    assert [(account.account_id, account.name) for account in refreshed_snapshot(machine.copy).accounts] == [
        (703, "Seaside")
    ]
    registry.enable_account(warehouse, 701)
    assert machine.ids() == [701, 703]


def test_an_account_whose_key_is_rejected_keeps_its_dag(
    machine: Machine, warehouse: Connection, accounts: list[int]
) -> None:
    warehouse.execute("update ops.accounts set state = 'credentials_rejected'")
    assert machine.ids() == accounts


def test_two_machines_agree_without_a_shared_file(
    machine: Machine, tmp_path: Path, warehouse: Connection, accounts: list[int]
) -> None:
    other = tmp_path / "two" / "accounts.json"
    assert refreshed_snapshot(machine.copy) == refreshed_snapshot(other)
    assert machine.copy.read_text() == other.read_text()


TROUBLE = {
    "empty": "delete from ops.accounts",
    "no tables": "drop schema ops cascade",
    "older version": "drop table ops.installation",
    "another version": "alter table ops.accounts rename column options to settings",
    "odd value": "alter table ops.accounts alter created_at drop not null; update ops.accounts set created_at = null",
}


@pytest.mark.parametrize("statements", TROUBLE.values(), ids=TROUBLE.keys())
def test_a_registry_in_trouble_costs_no_account(
    machine: Machine, warehouse: Connection, accounts: list[int], statements: str
) -> None:
    assert machine.ids() == accounts
    before = machine.copy.read_text()
    warehouse.execute(statements.encode())
    assert machine.ids() == accounts
    assert machine.copy.read_text() == before


def test_a_registry_that_is_down_or_silent_costs_a_short_time_and_no_account(
    machine: Machine, accounts: list[int], lead_to: Callable[[str], None], silent_port: int, warehouse_dsn: str
) -> None:
    assert machine.ids() == accounts
    for dsn in (
        "postgresql://nouser@127.0.0.1:9/nowhere",
        "postgresql://nouser@no-such-host.invalid/nowhere",
        "this is no URL",
        f"postgresql://127.0.0.1:{silent_port}/x?connect_timeout=600",
    ):
        lead_to(dsn)
        began = time.monotonic()
        assert machine.ids(timeout=1) == accounts
        assert time.monotonic() - began < 5
    lead_to(warehouse_dsn)
    with psycopg.connect(warehouse_dsn) as busy:
        busy.execute("lock table ops.accounts in access exclusive mode")
        assert machine.ids(timeout=0.5) == accounts
    assert machine.ids() == accounts


def test_a_new_machine_waits_longer_for_its_first_list(
    machine: Machine, warehouse_dsn: str, accounts: list[int]
) -> None:
    with psycopg.connect(warehouse_dsn) as busy:
        busy.execute("lock table ops.accounts in access exclusive mode")
        assert machine.ids(first_timeout=0.2) == []
    assert machine.ids(timeout=0.0001) == accounts


def test_a_missing_account_is_reported_until_the_registry_has_it_again(
    machine: Machine, warehouse: Connection, accounts: list[int]
) -> None:
    machine.ids()
    warehouse.execute("delete from ops.accounts where account_id > 701")
    assert refreshed_snapshot(machine.copy).missing == [702, 703]
    # Also for another process, which knows only the copy.
    assert refreshed_snapshot(machine.copy).missing == [702, 703]
    warehouse.execute(REGISTER, ["{}", 702, 703])
    assert refreshed_snapshot(machine.copy).missing == []


def test_a_list_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path, accounts: list[int]) -> None:
    (tmp_path / "file").write_text("")
    assert Machine(tmp_path / "file" / "accounts.json").ids() == accounts
    foreign = tmp_path / "foreign.json"
    foreign.write_text('{"of": "the user"}')
    assert Machine(foreign).ids() == accounts
    assert foreign.read_text() == '{"of": "the user"}'


def test_a_copy_of_an_earlier_version_is_read(machine: Machine, accounts: list[int]) -> None:
    write_snapshot(machine.copy, [SnapshotAccount(700), SnapshotAccount(701)])
    assert machine.ids() == [700, 701, 702, 703]


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_any_pooler_will_do(
    machine: Machine,
    warehouse: Connection,
    warehouse_dsn: str,
    accounts: list[int],
    lead_to: Callable[[str], None],
    mode: Literal["session", "transaction"],
) -> None:
    with pooler(warehouse_dsn, mode, 1) as port:
        lead_to(make_conninfo(warehouse_dsn, host="127.0.0.1", port=port))
        assert machine.ids() == accounts
        note_trouble("hostaway_sync.py", 12.0, 30.0, [])
    assert warehouse.execute("select import_seconds from ops.dag_processors").fetchall() == [{"import_seconds": 12.0}]
