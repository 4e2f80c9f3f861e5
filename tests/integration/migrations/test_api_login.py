"""The API server reads rows as a role that can do little else: the embedded one's, or one that a command makes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo, errors
from typer.testing import CliRunner, Result

from sync_hostaway import migrations
from sync_hostaway.api.account_session import account_rows, make_pool
from sync_hostaway.cli import main as cli
from sync_hostaway.core.db import connect
from sync_hostaway.core.home_secrets import Secrets
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.doctor.installation import examine_installation
from sync_hostaway.local import ports
from sync_hostaway.local.platform import Platform
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.migrations.api_login import LOGIN, api_dsn, ensure_api_login

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


def test_the_doctor_examines_the_login_of_the_embedded_platform(
    server: EmbeddedPostgres, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell has no setting for it: only the platform's API server has."""
    monkeypatch.setenv("SYNC_HOSTAWAY_HOME", str(server.home.root))
    get_settings.cache_clear()

    def status() -> str:
        with connect() as connection:
            found = {finding.check: finding.status.value for finding in examine_installation(connection)}
        return found["role of the HTTP API"]

    assert status() == "fails"
    ensure_api_login(server.dsn("warehouse"), Secrets.ensure(server.home).api_login_password)
    assert status() == "holds"


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


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["api-login", *arguments])


@pytest.fixture
def elsewhere(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """A warehouse of one's own, without the role."""
    dsn = server.dsn("warehouse")
    migrations.upgrade(dsn)
    monkeypatch.setenv("WAREHOUSE_URL", dsn)
    get_settings.cache_clear()
    return dsn


def test_a_command_makes_the_login_and_prints_the_setting(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = call("--role", "reader of w"), call("--role", "reader of w")
    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr
    name, _, url = second.stdout.strip().partition("=")
    assert name == "AIRFLOW__HOSTAWAY__API_WAREHOUSE_URL"
    # Compose and shells read the line as it is.
    assert not set("\n '\"$#") & set(url)
    monkeypatch.setenv(name, url)
    get_settings.cache_clear()
    with make_pool() as pool, account_rows(pool, 701, Resource.RESERVATIONS) as rows:
        assert rows.as_of is None
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("select session_user::text").fetchone() == ("reader of w",)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("select * from ops.secrets")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(first.stdout.strip().partition("=")[2])


@pytest.mark.parametrize("attributes", ["login", "login superuser", "nologin", "login in role pg_read_all_data"])
def test_a_role_of_others_is_refused_and_stays_as_it_is(elsewhere: str, attributes: str) -> None:
    whole = (
        "select rolname, rolsuper, rolcanlogin, rolpassword, roles.oid from pg_authid as roles where rolname = 'theirs'"
    )
    with psycopg.connect(elsewhere, autocommit=True) as owner:
        owner.execute(f"create role theirs {attributes} password 'x'".encode())
        try:
            before = owner.execute(whole).fetchall()
            refused = call("--role", "theirs")
            assert refused.exit_code == 1
            assert "did not make" in refused.stderr
            assert owner.execute(whole).fetchall() == before
        finally:
            owner.execute("drop role theirs")


def test_one_who_may_not_make_the_login_gets_the_statements(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(elsewhere, autocommit=True) as owner:
        owner.execute("create role modest login password 'm' in role pg_read_all_data")
        try:
            monkeypatch.setenv("WAREHOUSE_URL", conninfo.make_conninfo(elsewhere, user="modest", password="m"))
            get_settings.cache_clear()
            refused = call("--role", "made_by_hand")
            assert refused.exit_code == 1
            statements = re.sub("password '[^']+'", "password 'p'", refused.stderr.partition("and password:")[2])
            owner.execute(statements.encode())
            psycopg.connect(conninfo.make_conninfo(elsewhere, user="made_by_hand", password="p")).close()
        finally:
            owner.execute("drop role modest")


def test_the_embedded_platform_keeps_its_own(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    migrations.upgrade(server.dsn("warehouse"))
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    monkeypatch.setenv("SYNC_HOSTAWAY_HOME", str(server.home.root))
    get_settings.cache_clear()
    refused = call()
    assert refused.exit_code == 1
    assert "embedded platform" in refused.stderr


def test_a_warehouse_elsewhere_and_a_role_of_ones_own_are_left_alone(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "AIRFLOW__HOSTAWAY__API_WAREHOUSE_URL"
    elsewhere = Platform(server.home.root, ROOT, 1, warehouse_url="postgresql://elsewhere/w", secret_keys="x")
    assert not elsewhere.env().get(name)
    monkeypatch.setitem(os.environ, name, "postgresql://own@127.0.0.1/warehouse")
    assert Platform(server.home.root, ROOT, 1).env()[name] == "postgresql://own@127.0.0.1/warehouse"
