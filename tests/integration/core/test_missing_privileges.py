"""A role that lacks rights: the message is what an administrator has to run, and afterwards it works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from database_owner import DATABASE, USER, Server
from sync_hostaway import migrations
from sync_hostaway.core.db import connect
from sync_hostaway.core.exceptions import MissingPrivileges
from sync_hostaway.local.postgres import EmbeddedPostgres

pytestmark = pytest.mark.integration
NAMES = {"role": sql.Identifier(USER), "database": sql.Identifier(DATABASE)}


@pytest.mark.parametrize("may_create_roles", [False, True])
@pytest.mark.parametrize("owns_database", [False, True])
def test_the_statements_that_are_shown_are_all_that_is_needed(
    server: Server,
    admin: psycopg.Connection[Any],
    postgres: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
    *,
    may_create_roles: bool,
    owns_database: bool,
) -> None:
    admin.execute(sql.SQL("revoke hostaway_api_users from {role}").format(**NAMES))
    if not may_create_roles:
        admin.execute(sql.SQL("alter role {role} nocreaterole").format(**NAMES))
    if not owns_database:
        admin.execute(sql.SQL("alter database {database} owner to current_user").format(**NAMES))
        admin.execute(sql.SQL("revoke temporary on database {database} from public").format(**NAMES))
    dsn = make_conninfo("", host="127.0.0.1", port=server.port, **server.who)
    monkeypatch.setenv("WAREHOUSE_URL", dsn)

    done = subprocess.run(
        [Path(sys.executable).parent / "sync-hostaway", "migrate"], capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    statements = done.stderr.partition("again:")[2]
    assert statements.count("grant") >= 1, done.stderr
    with psycopg.connect(postgres.dsn(DATABASE), autocommit=True) as administrator:
        for statement in filter(None, map(str.strip, statements.split(";"))):
            administrator.execute(statement.encode())

    assert migrations.upgrade(dsn) == migrations.head()
    with connect(dsn) as connection, connection.transaction():
        connection.execute("set local role hostaway_api")


def test_a_role_that_would_be_held_to_one_account_itself_is_refused(
    server: Server, admin: psycopg.Connection[Any]
) -> None:
    """Granted directly, hostaway_api's row-level security would hide every row from dbt."""
    admin.execute(sql.SQL("grant hostaway_api to {role}").format(**NAMES))
    dsn = make_conninfo("", host="127.0.0.1", port=server.port, **server.who)
    with pytest.raises(MissingPrivileges) as refusal:
        migrations.upgrade(dsn)
    for statement in filter(None, map(str.strip, str(refusal.value).partition("again:")[2].split(";"))):
        admin.execute(statement.encode())
    assert migrations.upgrade(dsn) == migrations.head()
