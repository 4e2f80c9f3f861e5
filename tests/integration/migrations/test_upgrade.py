"""Migrations: once, twice, or by several processes at the same moment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from databases import drop_database
from sync_hostaway import migrations
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.exceptions import ForeignObjects, WarehouseBusy, WarehouseUnavailable
from sync_hostaway.local.postgres import EmbeddedPostgres

pytestmark = pytest.mark.integration


def test_processes_that_migrate_at_once_all_succeed(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute("create database migrated_at_once")
    dsn = postgres.dsn("migrated_at_once")
    code = f"from sync_hostaway import migrations; print(migrations.upgrade({dsn!r}))"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    results = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], results
    assert {out.strip() for out, _ in results} == {migrations.head()}
    with connect(dsn) as connection:
        assert migrations.revision(connection) == migrations.head()


def test_a_warehouse_that_was_never_migrated_has_no_revision(postgres: EmbeddedPostgres) -> None:
    with connect(postgres.dsn("postgres")) as connection:
        assert migrations.revision(connection) is None


def test_migrating_twice_changes_nothing(warehouse_dsn: str) -> None:
    assert migrations.upgrade(warehouse_dsn) == migrations.head()


def test_counters_begin_with_the_days_that_are_known(warehouse_dsn: str, warehouse: Connection) -> None:
    warehouse.execute("drop table ops.account_totals")
    warehouse.execute("drop function ops.add_to_account_totals cascade")
    warehouse.execute("drop index ops.quarantine_unresolved")
    warehouse.execute("create index quarantine_open on ops.quarantine (account_id) where resolved_at is null")
    warehouse.execute("update ops.alembic_version set version_num = '0211'")
    warehouse.execute(
        "insert into ops.account_days (account_id, day, complete, api_calls)"
        " values (1, '2026-01-01', 14, 60), (1, '2026-01-02', 13, 61), (2, '2026-01-02', 1, 2)"
    )
    migrations.upgrade(warehouse_dsn)
    warehouse.execute("update ops.account_days set api_calls = api_calls + 1 where account_id = 2")
    found = warehouse.execute("select account_id, complete, api_calls from ops.account_totals order by 1").fetchall()
    assert [tuple(row.values()) for row in found] == [(1, 27, 121), (2, 1, 3)]


@pytest.mark.parametrize("found", ["0001", "0013", "0121"])
def test_a_warehouse_from_before_the_first_release_is_refused_and_stays(
    warehouse_dsn: str, warehouse: Connection, found: str
) -> None:
    warehouse.execute("update ops.alembic_version set version_num = %s", (found,))
    # an early version lacks tables, which must not be created in it
    warehouse.execute("drop table ops.outbox")
    with pytest.raises(WarehouseUnavailable, match=rf"before the first release \(revision {found}\).*empty database"):
        migrations.upgrade(warehouse_dsn)
    with pytest.raises(WarehouseUnavailable, match="before the first release"), migrations.migrated_warehouse("test"):
        pass
    assert migrations.revision(warehouse) == found
    assert warehouse.execute("select to_regclass('ops.outbox') is null as absent").fetchall() == [{"absent": True}]


def test_a_warehouse_that_is_away_is_named(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(WarehouseUnavailable, match="does not exist"):
        migrations.upgrade(postgres.dsn("no_such_database"))


@pytest.fixture
def unused(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A database that was never migrated."""
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:
        admin.execute("create database never_migrated")
        with psycopg.connect(postgres.dsn("never_migrated"), autocommit=True) as connection:
            yield connection
        drop_database(admin, "never_migrated")


OTHERS = {
    "table staging.stg_users": "create table staging.stg_users (mine integer)",
    "materialized view marts.listing_performance": (
        "create materialized view marts.listing_performance as select 1 as a"
    ),
    "sequence landing.listings": "create sequence landing.listings",
    "view ops.accounts": "create view ops.accounts as select 1 as mine",
    "type ops.secrets": "create domain ops.secrets as text",
    "function ops.apply_row_security": (
        "create function ops.apply_row_security(text) returns integer language sql as 'select 1'"
    ),
    "index ops.sync_runs_by_key": "create table ops.mine (a integer); create index sync_runs_by_key on ops.mine (a)",
    "table ops.alembic_version": (
        "create table ops.alembic_version (version_num text); insert into ops.alembic_version values ('0005')"
    ),
}


@pytest.mark.parametrize("in_ops", [True, False])
def test_objects_of_others_are_named_and_nothing_is_changed(
    unused: psycopg.Connection[tuple[object, ...]], in_ops: bool
) -> None:
    others = {
        name: statement for name, statement in OTHERS.items() if (" ops." in name or " landing." in name) == in_ops
    }
    for schema in ("ops", "landing", "staging", "marts"):
        unused.execute(f"create schema {schema}")
    unused.execute("comment on schema ops is 'mine'")
    for statement in others.values():
        unused.execute(statement)
    everything = "select relname, relkind, relnamespace::regnamespace::text from pg_class order by oid"
    before = unused.execute(everything).fetchall()
    url = f"postgresql://{unused.info.user}:{unused.info.password}@{unused.info.host}:{unused.info.port}/never_migrated"
    with pytest.raises(ForeignObjects) as refused:
        migrations.upgrade(url)
    assert [name for name in others if name not in str(refused.value)] == []
    assert unused.execute(everything).fetchall() == before
    unused.execute("drop schema ops, landing, staging, marts cascade; create schema ops; create table ops.mine ()")
    unused.execute("comment on schema ops is 'mine'")
    assert migrations.upgrade(url) == migrations.head()
    assert unused.execute("select obj_description('ops'::regnamespace), to_regclass('ops.mine')::text").fetchall() == [
        ("mine", "ops.mine")
    ]


def test_a_role_of_another_owner_is_named(unused: psycopg.Connection[tuple[object, ...]]) -> None:
    url = f"postgresql://{unused.info.user}:{unused.info.password}@{unused.info.host}:{unused.info.port}/never_migrated"
    unused.execute("alter role hostaway_api login")
    try:
        with pytest.raises(ForeignObjects, match="role hostaway_api"):
            migrations.upgrade(url)
    finally:
        unused.execute("alter role hostaway_api nologin")


def test_a_lock_that_others_keep_is_waited_for_in_short_turns(
    warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_PAUSE", 0.01)
    monkeypatch.setattr(migrations, "_LOCK_ATTEMPTS", 2)
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    with psycopg.connect(warehouse_dsn) as long_query:
        long_query.execute("lock table ops.alembic_version in access exclusive mode")
        with pytest.raises(WarehouseBusy, match="nothing was changed"):
            migrations.upgrade(warehouse_dsn)
    assert migrations.upgrade(warehouse_dsn) == migrations.head()
