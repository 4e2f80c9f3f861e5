"""Settings of roles, databases and users' environments do not change the tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql
from psycopg.conninfo import make_conninfo

from database_owner import DATABASE, USER, Server
from databases import create_database, drop_database
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

COMMAND = Path(sys.executable).parent / "sync-hostaway"
TABLES = ("hostaway", "marts")
OURS = ("synced_at", "finished_at", "started_at", "sync_run_id", "run_key", "seconds")
"""Columns that differ from one run to the next."""

# What an administrator may prefer for a role, each with a value that our queries do not expect.
PREFERRED = {
    "datestyle": "'German, DMY'",
    "intervalstyle": "'sql_standard'",
    "timezone": "'Pacific/Kiritimati'",
    "bytea_output": "'escape'",
    "extra_float_digits": "'-10'",
    "client_encoding": "'LATIN1'",
    "search_path": "'nowhere'",
    "default_transaction_isolation": "'serializable'",
    "default_transaction_read_only": "'on'",
    "default_transaction_deferrable": "'on'",
    "standard_conforming_strings": "'off'",
    "statement_timeout": "'100ms'",
    "lock_timeout": "'1ms'",
    "idle_in_transaction_session_timeout": "'2s'",
    "idle_session_timeout": "'2s'",
    "transaction_timeout": "'100ms'",
    "row_security": "'off'",
    "array_nulls": "'off'",
    "transform_null_equals": "'on'",
    "quote_all_identifiers": "'on'",
    "lc_messages": "'C'",
}


PROXIES = {
    name: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY")
}
# A machine without locales, far in the west, and a user with a dbt of their own.
PLAIN = {
    **PROXIES,
    "LC_ALL": "POSIX",
    "TZ": "America/Los_Angeles",
    "PGTZ": "America/Los_Angeles",
    "PGDATESTYLE": "German",
    "COLUMNS": "20",
    "DBT_FULL_REFRESH": "1",
    "DBT_EMPTY": "1",
    "DBT_TARGET": "none",
    "DBT_PROFILES_DIR": "/nowhere",
    "DBT_LOG_FORMAT": "json",
}
# A Turkish machine in the east, and a user of another PostgreSQL: nothing leads away from the embedded one.
MEANT_FOR_ANOTHER_SERVER = {
    **PROXIES,
    "LC_ALL": "tr_TR.UTF-8",
    "TZ": "Pacific/Kiritimati",
    "PGHOST": "192.0.2.1",
    "PGHOSTADDR": "192.0.2.1",
    "PGDATABASE": "elsewhere",
    "PGSERVICE": "elsewhere",
    "PGSERVICEFILE": "/nowhere",
    "PGSSLMODE": "verify-full",
    "PGREQUIREAUTH": "none",
    "PGOPTIONS": "-c role=unknown",
    "PGTARGETSESSIONATTRS": "standby",
}


def settle(environment: dict[str, str], umask: int = 0o022) -> None:
    """Migrate, register the account, sync and transform, each command in a process of its own."""
    for arguments in (
        ["migrate"],
        ["accounts", "add", "701", "--secret", "secret-701"],
        ["sync", "--account", "701", "--mode", "full"],
        ["transform"],
    ):
        done = subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, timeout=180, umask=umask)
        if done.returncode:
            pytest.fail(f"{arguments}: {done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}")


def contents(dsn: str) -> dict[str, list[str]]:
    """The rows of each table and view, without what differs from one run to the next."""
    found = {}
    with psycopg.connect(dsn) as connection:
        connection.execute("set timezone = 'UTC'; set datestyle = 'ISO, MDY'")
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_schema = any(%s)"
            # Views of when each sync ran
            " and table_name not in ('account_status', 'resource_status') order by 1, 2",
            [list(TABLES)],
        ).fetchall()
        for schema, table in tables:
            query = sql.SQL("select (to_jsonb(t) - %s::text[])::text from {} as t").format(
                sql.Identifier(schema, table)
            )
            found[f"{schema}.{table}"] = sorted(row[0] for row in connection.execute(query, [list(OURS)]))
    return found


def assert_same(found: dict[str, list[str]], wanted: dict[str, list[str]]) -> None:
    assert found.keys() == wanted.keys()
    for table, rows in wanted.items():
        odd = sorted({*found[table]} ^ {*rows})
        assert not odd, f"{table}: {odd[0][:2000]} … {odd[-1][:2000]}"
        assert len(found[table]) == len(rows)


@pytest.fixture
def base(simulator: RunningSimulator, tmp_path: Path) -> dict[str, str]:
    """The environment of a command on a quiet machine."""
    keep = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
    return {
        **{name: os.environ[name] for name in keep if name in os.environ},
        **{name: value for name, value in os.environ.items() if name.startswith("AIRFLOW__HOSTAWAY__")},
        "HOSTAWAY_API_URL": simulator.url,
        "AIRFLOW__HOSTAWAY__SECRET_KEYS": Fernet.generate_key().decode(),
        # dbt's parsed project is shared.
        "SYNC_HOSTAWAY_HOME": str(tmp_path / "home"),
    }


@pytest.fixture
def reference(
    base: dict[str, str], admin: psycopg.Connection[Any], embedded_postgres: EmbeddedPostgres
) -> dict[str, list[str]]:
    """What a quiet machine makes of it."""
    dsn = embedded_postgres.dsn(DATABASE)
    create_database(admin, DATABASE, "template0")
    settle({**base, "WAREHOUSE_URL": dsn})
    found = contents(dsn)
    drop_database(admin, DATABASE)
    # What the embedded platform calls its own
    create_database(admin, "warehouse", "template0")
    assert found["hostaway.reservations"]
    return found


@pytest.mark.timeout(900)
def test_what_a_role_a_machine_and_a_user_prefer_changes_nothing(
    reference: dict[str, list[str]],
    server: Server,
    base: dict[str, str],
    admin: psycopg.Connection[Any],
    embedded_postgres: EmbeddedPostgres,
) -> None:
    """One test for all: each compares with what a quiet machine makes, which takes as long."""
    for name, value in PREFERRED.items():
        setting = sql.SQL(f"alter role {{}} in database {{}} set {name} = {value}")
        admin.execute(setting.format(sql.Identifier(USER), sql.Identifier(DATABASE)))
    settle(
        {**base, **PLAIN, "WAREHOUSE_URL": make_conninfo("", host="127.0.0.1", port=server.port, **server.who)}, 0o077
    )
    assert_same(contents(embedded_postgres.dsn(DATABASE)), reference)

    settle({**base, **MEANT_FOR_ANOTHER_SERVER, "SYNC_HOSTAWAY_HOME": str(embedded_postgres.home.root)}, 0o000)
    assert_same(contents(embedded_postgres.dsn("warehouse")), reference)
