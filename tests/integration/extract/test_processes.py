"""Syncs as processes: killed wherever they commit, and two of them at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator import RunningSimulator
from waiting import eventually

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
CHANGING = (Resource.RESERVATIONS, Resource.CONVERSATIONS, Resource.MESSAGES, Resource.CALENDAR_DAYS)
USERS_OF_DATABASE = "select from pg_stat_activity where datname = %s and backend_type = 'client backend'"
Copy = Callable[[], str]


def start(account: int, mode: Mode, run_key: str, resources: tuple[Resource, ...] = CHANGING) -> subprocess.Popen[str]:
    """A sync in a process of its own, in the warehouse that the settings point to now."""
    names = ",".join(resource.value for resource in resources)
    command = [sys.executable, str(HERE / "sync_process.py"), str(account), mode.value, run_key, names]
    return subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def alive(warehouse: Connection, resource: str, account: int) -> set[str]:
    query = sql.SQL("select entity_id from {} where account_id = %s and deleted_at is null")
    rows = warehouse.execute(query.format(sql.Identifier("landing", resource)), [account])
    return {row["entity_id"] for row in rows}


def assert_equal_to_the_truth(warehouse: Connection, simulator: RunningSimulator, account: int) -> None:
    truth = simulator.control.truth(account)["ids"]
    for resource in ("listings", "reservations", "conversations", "messages"):
        assert alive(warehouse, resource, account) == {str(number) for number in truth[resource]}, resource
    stale = [
        row["id"]
        for row in simulator.control.objects("reservations", account)
        if not warehouse.execute(
            "select 1 from landing.reservations where entity_id = %s and payload ->> 'updatedOn' = %s",
            [str(row["id"]), row["updatedOn"]],
        ).fetchone()
    ]
    assert not stale


@pytest.fixture
def copy_of_warehouse(
    warehouse_dsn: str, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Copy]:
    """Makes copies of the warehouse as it is when first asked, and points the settings to the newest one."""
    made: list[str] = []
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:

        def copy() -> str:
            made.append(f"w_{uuid.uuid4().hex[:12]}")
            name = warehouse_dsn.rpartition("/")[2]
            template = sql.Identifier(name)
            # A database with sessions cannot be copied, and PostgreSQL may notice late that a connection has ended.
            eventually(lambda: not admin.execute(USERS_OF_DATABASE, [name]).fetchall())
            admin.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(sql.Identifier(made[-1]), template)
            )
            monkeypatch.setenv("WAREHOUSE_URL", postgres.dsn(made[-1]))
            get_settings.cache_clear()
            return postgres.dsn(made[-1])

        yield copy
        for name in made:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@contextmanager
def held_at(dsn: str, point: int) -> Iterator[Connection]:
    """A process that reaches this commit point waits there until the end of the block."""
    with connect(dsn) as connection:
        connection.execute((HERE / "commit_points.sql").read_text(encoding="utf-8"))
        connection.execute("insert into held_commit values (%s)", [point])
        connection.execute("select pg_advisory_lock(4711)")
        yield connection


def who_is_held(connection: Connection) -> int | None:
    row = connection.execute(
        "select pid from pg_locks where locktype = 'advisory' and objid = 4711 and not granted"
        " and database = (select oid from pg_database where datname = current_database())"
    ).fetchone()
    return row["pid"] if row else None


def killed_at(dsn: str, account: int, run_key: str, point: int) -> bool:
    """Kill a sync just before its n-th commit; false when it has fewer."""
    with held_at(dsn, point) as connection:
        process = start(account, Mode.FULL, run_key)
        eventually(lambda: who_is_held(connection) or process.poll() is not None, every=0.01)
        pid = who_is_held(connection)
        if pid is None:
            said, _ = process.communicate()
            assert process.returncode == 0, said
            return False
        process.send_signal(signal.SIGKILL)
        process.communicate()
        # What its server process was about to commit is lost, too.
        connection.execute("select pg_terminate_backend(%s, 10000)", [pid])
        connection.execute("drop trigger hold_commit on ops.sync_runs; drop trigger hold_commit on ops.sync_reads")
    return True


@pytest.mark.timeout(600)
def test_a_sync_killed_at_any_commit_ends_equal_to_the_truth_when_it_is_run_again(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    copy_of_warehouse: Copy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sync_account(warehouse, account, Mode.FULL)
    warehouse.close()
    control = simulator.control
    control.touch("reservations", 40, account_id=account)
    control.create("reservations", account_id=account)
    for number in control.truth(account)["ids"]["reservations"][:2]:
        control.delete("reservations", number, account_id=account)
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "30")
    point = 0
    # Every second run continues the same run, as a retry does; the others are separate commands.
    while killed_at(dsn := copy_of_warehouse(), account, "first", point := point + 1):
        with connect(dsn) as copy:
            results = sync_account(copy, account, Mode.FULL, CHANGING, run_key="first" if point % 2 else "second")
            assert all(result.is_complete for result in results), (point, results)
            assert_equal_to_the_truth(copy, simulator, account)
            assert copy.execute("select count(*) as n from ops.sync_reads").fetchone() == {"n": 0}
    assert point > 15, "there were more commits than that"


def test_two_processes_that_sync_one_account_at_once_land_every_row_once(
    warehouse: Connection, warehouse_dsn: str, account: int, simulator: RunningSimulator
) -> None:
    everything = tuple(Resource)
    both = [start(account, Mode.FULL, run_key, everything) for run_key in ("one", "other")]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert_equal_to_the_truth(warehouse, simulator, account)
    landed = warehouse.execute(
        "select resource, sum(rows_new) as new, sum(rows_changed + rows_deleted) as more from ops.sync_runs group by 1"
    ).fetchall()
    for row in landed:
        assert row["new"] == len(alive(warehouse, row["resource"], account)), row["resource"]
        assert row["more"] == 0, row["resource"]


def test_the_next_sync_closes_one_whose_end_could_not_be_stored(warehouse: Connection, account: int) -> None:
    """As when the process is killed, or when the disk of PostgreSQL is full. The next sync has another run key."""
    warehouse.execute(
        "insert into ops.sync_runs (account_id, run_key, resource, mode, status) values"
        " (701, 'lost', 'listings', 'full', 'running'), (701, 'events', 'listings', 'delta', 'running')"
    )
    sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS])
    rows = warehouse.execute("select run_key, status, error from ops.sync_runs order by sync_run_id limit 2").fetchall()
    assert [tuple(row.values()) for row in rows] == [
        ("lost", "failed", "process exited before finishing"),
        ("events", "running", None),
    ]
