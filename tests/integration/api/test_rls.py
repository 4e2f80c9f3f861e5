"""Row-level security: the API's role sees one account in every query; other roles see what was granted."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg import conninfo, errors, sql

from api_helpers import Issue, RecordedRuns
from sync_hostaway import migrations
from sync_hostaway.api.account_session import account_rows, make_pool
from sync_hostaway.api.app import create_app
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.exceptions import MissingPrivileges
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.local.privileges import programs
from sync_hostaway.transforms import run_transform

pytestmark = pytest.mark.integration

CORE = """
    select tables.relname as name, tables.relrowsecurity and tables.relforcerowsecurity as is_forced
    from pg_class as tables
    where tables.relnamespace = 'hostaway'::regnamespace and tables.relkind in ('r', 'p')
    order by 1
"""


def core_tables(connection: Connection) -> list[str]:
    rows = connection.execute(CORE).fetchall()
    assert len(rows) >= 8
    assert [row["name"] for row in rows if not row["is_forced"]] == []
    return [row["name"] for row in rows]


def become(connection: Connection, account_id: int | None) -> None:
    """As the API does at the beginning of a transaction."""
    if account_id is not None:
        connection.execute("select set_config('hostaway.account_id', %s, true)", (str(account_id),))
    connection.execute("set local role hostaway_api")


def accounts_in(connection: Connection, table: str) -> set[int]:
    query = sql.SQL("select distinct account_id from {}").format(sql.Identifier("hostaway", table))
    return {row["account_id"] for row in connection.execute(query)}


def test_every_core_table_shows_the_role_one_account(warehouse: Connection) -> None:
    for table in core_tables(warehouse):
        everything = accounts_in(warehouse, table)
        for account_id in (701, 702, 999):
            with warehouse.transaction():
                become(warehouse, account_id)
                assert accounts_in(warehouse, table) == everything & {account_id}, table
        with warehouse.transaction():
            become(warehouse, None)
            assert accounts_in(warehouse, table) == set(), table


def test_asking_for_the_others_gives_nothing(warehouse: Connection) -> None:
    with warehouse.transaction():
        become(warehouse, 702)
        for query in (
            "select * from hostaway.reservations where account_id = 701",
            "select * from hostaway.reservations where account_id = 701 or true",
            "select r.* from hostaway.reservations as r right join hostaway.listings as l using (listing_id)"
            " where l.account_id <> 702",
            "with r as materialized (select * from hostaway.messages) select * from r where account_id <> 702",
        ):
            rows = warehouse.execute(query).fetchall()
            assert [row for row in rows if row["account_id"] == 701] == [], query


@pytest.mark.parametrize(
    "statement",
    [
        "insert into hostaway.listings (account_id, listing_id, is_deleted, synced_at) values (702, 1, false, now())",
        "update hostaway.reservations set guest_name = 'x'",
        "delete from hostaway.messages",
        "truncate hostaway.messages",
        "alter table hostaway.messages disable row level security",
        "drop policy one_account on hostaway.messages",
        "select * from ops.secrets",
        "select * from ops.api_tokens",
        "select * from ops.outbox",
        "select * from landing.reservations",
        "select * from staging.stg_reservations",
        "select * from marts.reservation_revenue",
    ],
)
def test_the_role_reads_core_tables_and_does_nothing_else(warehouse: Connection, statement: str) -> None:
    with warehouse.transaction(force_rollback=True):
        become(warehouse, 702)
        with pytest.raises(errors.InsufficientPrivilege):
            warehouse.execute(statement)


def test_a_connection_that_goes_back_to_the_pool_keeps_nothing(
    warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_hostaway.api.account_session.ROW_CONNECTIONS", 1)
    query = sql.SQL("select count(*) as rows, min(account_id) as account_id from hostaway.reservations")
    with make_pool() as pool:
        with account_rows(pool, 701, Resource.RESERVATIONS) as rows:
            ours = rows.one(query)
        assert ours
        assert ours["account_id"] == 701
        with pytest.raises(errors.DivisionByZero), account_rows(pool, 701, Resource.RESERVATIONS) as rows:
            rows.one(sql.SQL("select 1 / 0"))
        with pool.connection() as connection, connection.transaction():
            back = connection.execute("select current_user <> 'hostaway_api' as is_back").fetchone()
            assert back == {"is_back": True}
            connection.execute("set local role hostaway_api")
            assert connection.execute(query).fetchone() == {"rows": 0, "account_id": None}
        with account_rows(pool, 702, Resource.RESERVATIONS) as rows:
            theirs = rows.one(query)
        assert theirs
        assert theirs["account_id"] == 702


def test_everybody_else_sees_what_was_granted(postgres: EmbeddedPostgres, warehouse: Connection) -> None:
    """Analysts must not suddenly find empty tables."""
    warehouse.execute("create role analyst")
    try:
        warehouse.execute("grant usage on schema hostaway to analyst")
        warehouse.execute("grant select on hostaway.reservations to analyst")
        with warehouse.transaction():
            warehouse.execute("set local role analyst")
            assert accounts_in(warehouse, "reservations") == {701, 702}
    finally:
        warehouse.execute("drop owned by analyst")
        warehouse.execute("drop role analyst")


def test_a_policy_leads_into_the_primary_key(warehouse: Connection) -> None:
    warehouse.execute("set enable_seqscan = off")
    with warehouse.transaction():
        become(warehouse, 701)
        plan = warehouse.execute("explain select * from hostaway.reservations where reservation_id = 5").fetchall()
    text = "\n".join(line["QUERY PLAN"] for line in plan)
    assert "Index Cond" in text
    assert "account_id = (InitPlan 1).col1" in text.partition("Filter")[0]


def test_a_table_that_is_built_anew_is_guarded_from_its_first_moment(warehouse: Connection, warehouse_dsn: str) -> None:
    warehouse.execute("drop table hostaway.listing_photos cascade")
    run_transform(warehouse_dsn, requested_by="test", full_refresh=True)
    assert {"listings", "listing_photos"} <= set(core_tables(warehouse))
    with warehouse.transaction():
        become(warehouse, 701)
        assert accounts_in(warehouse, "listings") == {701}


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server without our role."""
    with EmbeddedPostgres(tmp_path / "managed") as server:
        yield server


def test_an_owner_who_is_no_superuser_migrates_builds_and_is_held_to_one_account_as_the_role(
    managed: EmbeddedPostgres,
) -> None:
    """As on managed PostgreSQL, where no policy is bypassed."""
    dsn = owned_database(managed, "first", "createrole")
    migrations.upgrade(dsn)
    with connect(dsn) as connection:
        connection.execute("insert into ops.loads (account_id, resource) values (1, 'listings'), (2, 'listings')")
        for account_id in (1, 2):
            connection.execute(
                "insert into landing.listings (account_id, entity_id, payload, payload_hash, observed_at, load_id)"
                " values (%(account)s, '5', '{\"id\": 5}', '', now(), %(account)s)",
                {"account": account_id},
            )
        assert run_transform(connection, requested_by="test").rows["listings"] == 2
        assert accounts_in(connection, "listings") == {1, 2}
        with connection.transaction():
            become(connection, 2)
            assert accounts_in(connection, "listings") == {2}


def test_a_dump_of_such_an_owner_is_whole_and_restores_on_another_server(
    managed: EmbeddedPostgres, tmp_path: Path
) -> None:
    """As docs/deployment.md says: dumps hold no roles, and pg_dump distrusts row-level security."""
    source, dump = owned_database(managed, "first", "createrole"), tmp_path / "warehouse.dump"
    migrations.upgrade(source)
    with connect(source) as connection:
        connection.execute("create schema hostaway")
        connection.execute("create table hostaway.listings (account_id bigint)")
        connection.execute(
            "select ops.apply_row_security('hostaway.listings'), ops.note_relation('hostaway', 'listings')"
        )
        connection.execute("insert into hostaway.listings values (1), (2)")
    subprocess.run([programs() / "pg_dump", "-Fc", "--enable-row-security", "-f", dump, source], check=True)
    with EmbeddedPostgres(tmp_path / "elsewhere") as elsewhere:
        target = owned_database(elsewhere, "second", "createrole")
        migrations.upgrade(target)
        with psycopg.connect(elsewhere.dsn("postgres"), autocommit=True) as admin:
            admin.execute("drop database second")
            admin.execute("create database second owner second")
        subprocess.run([programs() / "pg_restore", "--no-owner", "-d", target, dump], check=True)
        assert migrations.upgrade(target) == migrations.head()
        with connect(target) as connection:
            assert accounts_in(connection, "listings") == {1, 2}
            with connection.transaction():
                become(connection, 2)
                assert accounts_in(connection, "listings") == {2}


def test_without_the_right_to_create_roles_the_way_out_is_named_and_works(managed: EmbeddedPostgres) -> None:
    dsn = owned_database(managed, "plain", "nocreaterole")
    with pytest.raises(MissingPrivileges) as refusal:
        migrations.upgrade(dsn)
    assert "plain may not create the role hostaway_api" in str(refusal.value)
    statements = str(refusal.value).partition(":\n")[2]
    with psycopg.connect(managed.dsn("postgres"), autocommit=True) as admin:
        admin.execute(statements)
    assert migrations.upgrade(dsn) == migrations.head()
    with connect(dsn) as connection, connection.transaction():
        become(connection, 1)


def owned_database(server: EmbeddedPostgres, name: str, rights: str) -> str:
    """URL of a database for its owner, who is no superuser."""
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(f"create role {name} login nosuperuser {rights} password 'test'")
        admin.execute(f"create database {name} owner {name}")
    parts = psycopg.conninfo.conninfo_to_dict(server.dsn(name))
    return f"postgresql://{name}:test@{parts['host']}:{parts['port']}/{name}"


def test_the_api_reads_with_the_login_that_the_page_about_security_makes(
    warehouse: Connection, warehouse_dsn: str, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "security.md").read_text(encoding="utf-8")
    [statements] = re.findall(r"^(create role hostaway_api_login.*?)^```", page, re.MULTILINE | re.DOTALL)
    warehouse.execute(statements)
    try:
        login = conninfo.make_conninfo(warehouse_dsn, user="hostaway_api_login", password="…")
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__API_WAREHOUSE_URL", login)
        get_settings.cache_clear()
        known = warehouse.execute(
            "select listing_id, reservation_id, conversation_id from hostaway.conversations where account_id = 701"
        ).fetchone()
        assert known
        with TestClient(create_app(RecordedRuns()), headers={"Authorization": f"Bearer {issue(701)}"}) as client:
            for path in (
                "/v1/listings",
                "/v1/reservations",
                f"/v1/reservations/{known['reservation_id']}",
                f"/v1/calendar/{known['listing_id']}",
                f"/v1/conversations/{known['conversation_id']}/messages",
            ):
                answer = client.get(path)
                assert (answer.status_code, bool(answer.json()["as_of"])) == (200, True), (path, answer.text[:200])
            query = "select distinct usename from pg_stat_activity where application_name = 'sync-hostaway api'"
            assert "hostaway_api_login" in {row["usename"] for row in warehouse.execute(query)}
        with psycopg.connect(login, autocommit=True) as connection:
            for statement in (
                "select * from hostaway.reservations",
                "select * from ops.secrets",
                "select * from ops.api_tokens",
                "select * from ops.outbox",
                "select payload from landing.calendar_days",
                "update ops.loads set transformed_at = null",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(statement)
    finally:
        warehouse.execute("drop owned by hostaway_api_login")
        warehouse.execute("drop role hostaway_api_login")
