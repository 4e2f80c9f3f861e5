"""Migrations: once, twice, or by several processes at the same moment."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest

from sync_hostaway import migrations
from sync_hostaway.exceptions import WarehouseUnavailable
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.warehouse import connect

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


def test_a_warehouse_that_is_away_is_named(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(WarehouseUnavailable, match="does not exist"):
        migrations.upgrade(postgres.dsn("no_such_database"))
