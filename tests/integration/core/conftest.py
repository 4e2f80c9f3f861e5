"""An empty warehouse whose owner is no superuser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from database_owner import DATABASE, PASSWORD, USER, Server
from databases import create_database, drop_database
from sync_hostaway.core import session
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local.postgres import EmbeddedPostgres


@pytest.fixture
def admin(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def server(admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An empty database of a role, which may create roles."""
    names = {"role": sql.Identifier(USER), "database": sql.Identifier(DATABASE), "password": sql.Literal(PASSWORD)}
    # What an earlier test session has left
    drop_database(admin, DATABASE)
    admin.execute(sql.SQL("drop role if exists {role}").format(**names))
    admin.execute(sql.SQL("create role {role} login createrole password {password}").format(**names))
    # Another database of this server has made hostaway_api.
    if not admin.execute("select 1 from pg_roles where rolname = 'hostaway_api_users'").fetchone():
        admin.execute("create role hostaway_api_users nologin noinherit")
        admin.execute("grant hostaway_api to hostaway_api_users")
    admin.execute(sql.SQL("grant hostaway_api_users to {role}").format(**names))
    create_database(admin, DATABASE, "template0")
    admin.execute(sql.SQL("alter database {database} owner to {role}").format(**names))
    session.require_own_session.cache_clear()
    get_settings.cache_clear()
    yield Server(admin.info.port)
    drop_database(admin, DATABASE)
    admin.execute(sql.SQL("drop role {role}").format(**names))
