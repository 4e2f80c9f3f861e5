"""The API server of the embedded platform reads rows as a role that can do little else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from sync_hostaway import migrations
from sync_hostaway.api.account_session import account_rows, make_pool
from sync_hostaway.core.home_secrets import Secrets
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local import ports
from sync_hostaway.local.api_login import LOGIN, api_dsn, ensure_api_login
from sync_hostaway.local.platform import Platform
from sync_hostaway.local.postgres import EmbeddedPostgres

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("home")) as server:
        # As a start of the platform leaves it.
        ports.choose(server.home, "airflow")
        yield server


@pytest.fixture
def login(server: EmbeddedPostgres) -> str:
    """The role, as two starts of the platform leave it; before the first, there was an installation without it."""
    warehouse = server.dsn("warehouse")
    migrations.upgrade(warehouse)
    ensure_api_login(warehouse, "first")
    ensure_api_login(warehouse, "second")
    return api_dsn(warehouse, "second")


def test_the_pool_of_reading_routes_logs_in_as_no_superuser(
    server: EmbeddedPostgres, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Platform(server.home.root, ROOT, 1)
    environment = running.env()
    ensure_api_login(server.dsn("warehouse"), Secrets.ensure(server.home).api_login_password)
    for name in ("WAREHOUSE_URL", "AIRFLOW__HOSTAWAY__API_WAREHOUSE_URL"):
        monkeypatch.setenv(name, environment[name])
    get_settings.cache_clear()
    with make_pool() as pool, account_rows(pool, 701, Resource.RESERVATIONS) as rows:
        assert rows.as_of is None
        with psycopg.connect(server.dsn("warehouse")) as owner:
            users = owner.execute(
                "select distinct usename, usesuper from pg_stat_activity inner join pg_user using (usename)"
                " where application_name = 'sync-hostaway api'"
            ).fetchall()
        assert users == [(LOGIN, False)]


def test_the_role_can_do_what_the_page_about_security_says_and_no_more(server: EmbeddedPostgres, login: str) -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    [statements] = re.findall(r"^(create role hostaway_api_login.*?)^```", page, re.MULTILINE | re.DOTALL)
    rights = """
        select relations.oid::regclass::text, rights.privilege_type, null
        from pg_class as relations cross join aclexplode(relations.relacl) as rights
        where rights.grantee = %(role)s::regrole
        union all
        select columns.attrelid::regclass::text, rights.privilege_type, columns.attname
        from pg_attribute as columns cross join aclexplode(columns.attacl) as rights
        where rights.grantee = %(role)s::regrole
        union all
        select schemas.nspname, rights.privilege_type, null
        from pg_namespace as schemas cross join aclexplode(schemas.nspacl) as rights
        where rights.grantee = %(role)s::regrole
        union all
        select roleid::regrole::text, 'member', null from pg_auth_members where member = %(role)s::regrole
        order by 1, 2, 3
    """
    with psycopg.connect(server.dsn("warehouse")) as owner:
        owner.execute(statements.encode())
        ours, documented = (owner.execute(rights, {"role": role}).fetchall() for role in (LOGIN, "hostaway_api_login"))
        assert ours == documented
        owner.rollback()
    with psycopg.connect(login, autocommit=True) as connection:
        for statement in ("select * from ops.secrets", "select * from ops.api_tokens", "create table public.t ()"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_password_is_that_of_the_last_start(server: EmbeddedPostgres, login: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(api_dsn(server.dsn("warehouse"), "first"))


def test_without_migrations_the_role_has_no_rights(server: EmbeddedPostgres) -> None:
    empty = server.dsn("postgres")
    ensure_api_login(empty, "password")
    with psycopg.connect(api_dsn(empty, "password")) as connection:
        assert connection.execute("select current_user::text").fetchone() == (LOGIN,)


def test_a_warehouse_elsewhere_and_a_role_of_ones_own_are_left_alone(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "AIRFLOW__HOSTAWAY__API_WAREHOUSE_URL"
    elsewhere = Platform(server.home.root, ROOT, 1, warehouse_url="postgresql://elsewhere/w", secret_keys="x")
    assert not elsewhere.env().get(name)
    monkeypatch.setitem(os.environ, name, "postgresql://own@127.0.0.1/warehouse")
    assert Platform(server.home.root, ROOT, 1).env()[name] == "postgresql://own@127.0.0.1/warehouse"
