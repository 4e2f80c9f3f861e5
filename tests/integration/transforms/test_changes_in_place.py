"""What others made in the warehouse, granted or built on our tables and views is there after every build."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from landing_harness import LandingHarness, edited_project, listing, next_version, reservation
from sync_hostaway.airflow.transform_operator import acquire_dbt_lock
from sync_hostaway.core.exceptions import ForeignObjects, TransformFailed
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms import find_project, profile_environment
from sync_hostaway.transforms.invocation import DbtResult, run_dbt

pytestmark = pytest.mark.integration


@pytest.fixture
def analyst(harness: LandingHarness) -> Iterator[str]:
    harness.connection.execute("drop role if exists analyst_of_tests; create role analyst_of_tests")
    yield "analyst_of_tests"
    harness.connection.execute("drop owned by analyst_of_tests cascade; drop role analyst_of_tests")


def fill(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10, totalPrice=300, currency="EUR"))
    harness.transform()


def nightly(harness: LandingHarness, project: Path | None = None) -> DbtResult:
    """What the producer task of `hostaway_nightly` does to models."""
    return run_dbt(["run"], project_dir=project or find_project(), environment=profile_environment(harness.connection))


def access(harness: LandingHarness) -> list[tuple[object, ...]]:
    """Everything that says who may do what with our relations, and what they are."""
    return harness.rows(
        """
        select relations.oid::bigint, relname, relowner::regrole::text, relacl::text, reloptions::text,
            relrowsecurity, obj_description(relations.oid, 'pg_class'), columns.*, policies.*
        from pg_class as relations
        cross join lateral (
            select array_agg(
                concat(attname, attacl::text, col_description(attrelid, attnum)) order by attnum
            ) as granted
            from pg_attribute where attrelid = relations.oid and attnum > 0
        ) as columns
        cross join lateral (
            select array_agg(polname::text order by polname) as names from pg_policy where polrelid = relations.oid
        ) as policies
        where relnamespace in ('hostaway'::regnamespace, 'marts'::regnamespace) and relkind in ('r', 'v')
        order by relname
        """
    )


def build_on_ours(harness: LandingHarness, analyst: str) -> None:
    harness.connection.execute(
        f"""
        grant usage on schema hostaway, marts to {analyst};
        grant select on all tables in schema hostaway, marts to {analyst} with grant option;
        grant update (host_note) on hostaway.reservations to {analyst};
        grant select (adr_gross) on marts.listing_performance to public;
        alter default privileges in schema hostaway, marts grant select on tables to {analyst};
        comment on column hostaway.reservations.nights is 'ours, says the analyst';
        comment on view marts.reservation_revenue is 'revenue, says the analyst';
        alter view marts.reservation_revenue set (security_barrier = true);
        create policy mine on hostaway.listings for select to {analyst} using (listing_id > 0);
        alter table hostaway.reservations add column my_note text;
        create index my_index on hostaway.reservations (nights);
        create schema bi;
        create view bi.occupancy as select * from marts.listing_performance;
        create view bi.bookings with (security_barrier) as select * from hostaway.reservations;
        create materialized view bi.revenue as select * from marts.reservation_revenue;
        create function bi.nights() returns bigint begin atomic select sum(nights) from hostaway.reservations; end;
        create table bi.notes (account_id bigint, reservation_id bigint,
            foreign key (account_id, reservation_id) references hostaway.reservations);
        insert into bi.notes values (1, 10);
        create table marts.budget (account_id bigint);
        create function marts.listing_performance() returns integer language sql as 'select 1';
        grant select on bi.occupancy, bi.bookings to {analyst};
        """
    )


def dependents(harness: LandingHarness) -> list[tuple[object, ...]]:
    return harness.rows(
        """
        select oid::bigint, relname, relkind::text, relacl::text, reloptions::text, pg_get_viewdef(oid)
        from pg_class where relnamespace = to_regnamespace('bi') and relkind in ('v', 'm', 'r')
        union all
        select oid::bigint, proname, 'f', null, null, prosrc from pg_proc where pronamespace = 'bi'::regnamespace
        order by 2
        """
    )


def test_grants_and_dependents_outlive_every_kind_of_build(
    harness: LandingHarness, analyst: str, tmp_path: Path
) -> None:
    fill(harness)
    build_on_ours(harness, analyst)
    before = access(harness), dependents(harness)
    outcome = nightly(harness)
    assert outcome.success, outcome.failures()
    assert (access(harness), dependents(harness)) == before
    harness.land("reservations", reservation(10, nights=5), reservation(11))
    harness.transform()
    assert (access(harness), dependents(harness)) == before
    harness.transform(full_refresh=True)
    assert (access(harness), dependents(harness)) == before
    harness.transform(project_dir=next_version(tmp_path))
    assert (access(harness), dependents(harness)) == before
    assert harness.value("select sum(nights) from bi.bookings") == 8
    assert harness.value("select bi.nights()") == 8
    assert harness.value("select my_note from hostaway.reservations where reservation_id = 10") is None


def changed_mart(folder: Path) -> Path:
    """A version whose mart has a new first column and lacks one it had."""
    project = edited_project(
        folder, "models/marts/reservation_revenue.sql", "---------- ids\n", "'x' as kind,\n        ---------- ids\n"
    )
    model = project / "models/marts/reservation_revenue.sql"
    model.write_text(model.read_text().replace("bookings.tax_amount,\n", ""))
    contract = project / "models/marts/reservation_revenue.yml"
    columns = contract.read_text().replace("name: tax_amount\n", "name: kind\n")
    contract.write_text(
        columns.replace(
            'data_type: numeric\n        description: "Taxes', 'data_type: text\n        description: "Kind'
        )
    )
    return project


def test_a_view_that_loses_a_column_keeps_its_grants_and_the_views_on_it(
    harness: LandingHarness, analyst: str, tmp_path: Path
) -> None:
    fill(harness)
    harness.connection.execute(
        f"""
        grant select on marts.reservation_revenue to {analyst} with grant option;
        grant update (revenue) on marts.reservation_revenue to {analyst};
        create schema bi;
        create view bi.v with (security_barrier) as select reservation_id, revenue from marts.reservation_revenue;
        create view bi.on_it as select * from bi.v;
        grant select on bi.v to {analyst};
        comment on view bi.v is 'mine';
        """
    )
    before = dependents(harness)
    harness.transform(project_dir=changed_mart(tmp_path))
    assert harness.rows("select kind, revenue from marts.reservation_revenue") == [("x", 300)]
    assert harness.rows("select * from bi.on_it") == [(10, 300)]
    assert dependents(harness) == before
    assert harness.value("select obj_description('bi.v'::regclass)") == "mine"
    assert harness.rows(
        "select has_table_privilege(%s, 'marts.reservation_revenue', 'select with grant option'),"
        " has_column_privilege(%s, 'marts.reservation_revenue', 'revenue', 'update')",
        analyst,
        analyst,
    ) == [(True, True)]


OBSTACLES = {
    "materialized view bi.m": "create materialized view bi.m as select revenue from marts.reservation_revenue",
    "function bi.f(marts.reservation_revenue)": (
        "create function bi.f(marts.reservation_revenue) returns int language sql as 'select 1'"
    ),
    "column row of table bi.t": "create table bi.t (row marts.reservation_revenue)",
    "function bi.g()": (
        "create function bi.g() returns numeric begin atomic select sum(revenue) from marts.reservation_revenue; end"
    ),
}


def test_what_was_revoked_on_a_view_stays_revoked(harness: LandingHarness, analyst: str, tmp_path: Path) -> None:
    fill(harness)
    harness.connection.execute(
        f"""
        alter default privileges in schema marts grant select on tables to {analyst}, public;
        revoke all on marts.reservation_revenue from {analyst};
        revoke delete on marts.reservation_revenue from current_user;
        grant update (nights) on marts.reservation_revenue to {analyst};
        """
    )
    before = access(harness)
    harness.transform(project_dir=changed_mart(tmp_path))
    acl = {name: (owner, granted, options) for _, name, owner, granted, options, *_ in access(harness)}
    assert acl == {name: (owner, granted, options) for _, name, owner, granted, options, *_ in before}
    assert not harness.value("select has_table_privilege(%s, 'marts.reservation_revenue', 'select')", analyst)
    assert harness.value("select has_column_privilege(%s, 'marts.reservation_revenue', 'nights', 'update')", analyst)


def test_a_table_that_inherits_from_ours_keeps_its_rows(harness: LandingHarness) -> None:
    fill(harness)
    harness.connection.execute(
        """
        create schema bi;
        create table bi.archived () inherits (hostaway.reservations);
        insert into bi.archived select * from hostaway.reservations;
        update bi.archived set reservation_id = 99;
        """
    )
    harness.transform(full_refresh=True)
    assert harness.rows("select reservation_id from bi.archived") == [(99,)]


def test_a_build_that_dependents_do_not_allow_names_them_and_changes_nothing(
    harness: LandingHarness, tmp_path: Path
) -> None:
    fill(harness)
    harness.connection.execute("create schema bi; " + "; ".join(OBSTACLES.values()))
    before = access(harness), dependents(harness)
    with pytest.raises(TransformFailed, match=r"marts\.reservation_revenue cannot be changed") as refused:
        harness.transform(project_dir=changed_mart(tmp_path))
    assert [name for name in OBSTACLES if name not in str(refused.value)] == []
    assert "Drop these" in str(refused.value)
    # What a reader can act on, and neither our functions nor our SQL.
    assert not re.search("CONTEXT|PL/pgSQL|select|ops\\.", str(refused.value), re.IGNORECASE), str(refused.value)
    assert (access(harness), dependents(harness)) == before


COUPONS = "select attname::text from pg_attribute where attrelid = 'hostaway.coupons'::regclass and attnum > 0"
PREPARE = (
    "select ops.prepare_table('hostaway', 'coupons', %s, array_fill('text'::text, array[cardinality(%s::text[])]))"
)


def test_a_column_that_others_made_not_null_stays_so_and_is_named(harness: LandingHarness) -> None:
    filled = [name for (name,) in harness.rows(COUPONS) if name != "coupon_type"]
    harness.connection.execute("alter table hostaway.coupons alter column coupon_type set not null")
    harness.connection.execute("alter table hostaway.coupons add column mine text not null")
    harness.connection.execute("alter table hostaway.coupons add column dated date not null default current_date")
    before = harness.rows(f"{COUPONS} and attnotnull")
    with pytest.raises(errors.NotNullViolation, match="coupon_type, mine") as refused:
        harness.connection.execute(PREPARE, (filled, filled))
    assert "drop not null" in (refused.value.diag.message_hint or "")
    assert harness.rows(f"{COUPONS} and attnotnull") == before


def test_a_column_that_a_version_made_not_null_and_the_next_does_not_fill_may_be_null(harness: LandingHarness) -> None:
    columns = [name for (name,) in harness.rows(COUPONS)]
    (ours,) = harness.rows(f"{COUPONS} and attnotnull and attname not in ('account_id', 'coupon_id') limit 1")
    filled = [name for name in columns if name != ours[0]]
    harness.connection.execute(PREPARE, (filled, filled))
    assert harness.rows(f"{COUPONS} and attnotnull and attname = '{ours[0]}'") == []


def test_a_view_that_reads_a_column_that_goes_is_named(harness: LandingHarness) -> None:
    harness.connection.execute("create schema bi; create view bi.v as select tax_amount from marts.reservation_revenue")
    before = access(harness), dependents(harness)
    with pytest.raises(errors.DependentObjectsStillExist, match=r"bi\.v"):
        harness.connection.execute("select ops.build_view('marts', 'reservation_revenue', 'x', 'select 1 as revenue')")
    assert (access(harness), dependents(harness)) == before


def test_views_on_a_column_that_gets_another_type_stay(harness: LandingHarness, analyst: str, tmp_path: Path) -> None:
    fill(harness)
    harness.connection.execute(
        f"""
        create schema bi;
        drop schema marts, staging cascade;
        alter table hostaway.reservations alter column number_of_guests type bigint;
        create view bi.counted as select count(number_of_guests) as guests from hostaway.reservations;
        create view bi.other as select reservation_id from hostaway.reservations;
        grant select on bi.counted to {analyst};
        """
    )
    before = dependents(harness)
    harness.transform(project_dir=next_version(tmp_path))
    assert dependents(harness) == before
    assert harness.value("select pg_typeof(number_of_guests)::text from hostaway.reservations") == "integer"


FOREIGN = {
    "table marts.listing_performance": "create table marts.listing_performance (kpi integer)",
    "view staging.stg_users": "create view staging.stg_users as select 1 as mine",
    "materialized view hostaway.coupons": "create materialized view hostaway.coupons as select 1 as mine",
    "sequence marts.reservation_revenue": "create sequence marts.reservation_revenue",
    "type staging.stg_coupons": "create type staging.stg_coupons as enum ('mine')",
    "partitioned table hostaway.tasks": "create table hostaway.tasks (mine bigint) partition by list (mine)",
    "table hostaway.users": "create table hostaway.users (account_id bigint, user_id bigint)",
    "composite type staging.stg_tasks": "create type staging.stg_tasks as (mine integer)",
    "foreign table staging.stg_reviews": "create foreign table staging.stg_reviews (mine integer) server elsewhere",
}


def test_relations_of_others_are_named_and_stay_as_they_are(harness: LandingHarness) -> None:
    harness.connection.execute("create foreign data wrapper nothing")
    harness.connection.execute("create server elsewhere foreign data wrapper nothing")
    for name, statement in FOREIGN.items():
        harness.connection.execute(
            f"drop {'table' if 'hostaway.' in name else 'view'} {name.split()[-1]} cascade; {statement}"
        )
    everything = "select oid::bigint, relname, relkind::text from pg_class order by oid"
    before = harness.rows(everything)
    # Also while nothing waits for a transform.
    with pytest.raises(ForeignObjects):
        harness.transform()
    assert harness.value("select count(*) from ops.transforms where state = 'failed'") == 0
    harness.land("listings", listing(1))
    builds: list[Callable[[], object]] = [
        harness.transform,
        lambda: harness.transform(full_refresh=True),
        lambda: acquire_dbt_lock({}),
    ]
    for build in builds:
        with pytest.raises(ForeignObjects) as refused:
            build()
        assert [name for name in FOREIGN if name not in str(refused.value)] == []
    # operators see it: the alert transform_failing names the objects
    alert = harness.value("select summary from ops.current_conditions() where kind = 'transform_failing'")
    assert [name for name in FOREIGN if name not in alert] == []
    # a dbt that a user started by hand
    outcome = nightly(harness)
    assert not outcome.success
    assert harness.rows(everything) == before
    assert harness.value("select count(*) from ops.loads where transformed_at is null") == 1


def test_names_of_others_that_differ_in_case_are_other_names(harness: LandingHarness) -> None:
    harness.connection.execute(
        """
        drop schema staging cascade;
        create schema "Staging";
        drop view if exists marts.reservation_revenue;
        create table marts."Reservation_Revenue" (mine integer);
        drop table hostaway.guests cascade;
        create table hostaway."Guests" (mine integer);
        """
    )
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10))
    harness.transform(full_refresh=True)
    assert harness.value("select count(*) from hostaway.guests") == 1
    assert harness.value("select count(*) from marts.reservation_revenue") == 1
    assert (
        harness.rows('select mine from hostaway."Guests" union all select mine from marts."Reservation_Revenue"') == []
    )


def test_a_restored_warehouse_is_ours(harness: LandingHarness) -> None:
    fill(harness)
    # as after pg_restore: every relation has another oid, and so has the registry
    harness.connection.execute("update ops.relations set relation_id = 1, registry_id = 1")
    harness.land("reservations", reservation(11))
    harness.transform()
    outcome = nightly(harness)
    assert outcome.success, outcome.failures()
    # The seed is loaded again only when the project changes
    assert harness.rows("select relation_name from ops.relations where registry_id = 1") == [("guest_decisions",)]


def test_readers_may_read_what_is_there_and_what_comes(
    harness: LandingHarness, analyst: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__READER_ROLES", f"{analyst}, no such role")
    get_settings.cache_clear()
    harness.transform()
    query = "select nspname, bool_and(has_table_privilege(%s, pg_class.oid, 'select')) from pg_class"
    query += " inner join pg_namespace as n on relnamespace = n.oid where relkind in ('r', 'v') and nspname = any(%s)"
    schemas = ["hostaway", "landing", "marts", "ops", "staging"]
    assert dict(harness.rows(f"{query} group by nspname", analyst, schemas)) == {
        schema: schema in ("hostaway", "marts") for schema in schemas
    }
    with harness.connection.transaction(force_rollback=True):
        harness.connection.execute(f"set local role {analyst}")
        assert harness.connection.execute("select * from marts.reservation_revenue").fetchall() == []


def test_a_reader_that_stays_holds_up_no_transform(harness: LandingHarness) -> None:
    fill(harness)
    with psycopg.connect(harness.dsn) as dump:
        dump.execute(
            "do $$ declare x text; begin for x in select oid::regclass from pg_class where relkind in ('r', 'v')"
            " and relnamespace in ('hostaway'::regnamespace, 'marts'::regnamespace, 'staging'::regnamespace)"
            " loop execute 'lock ' || x || ' in access share mode'; end loop; end $$"
        )
        harness.connection.execute("set statement_timeout = '20s'")
        harness.land("reservations", reservation(11))
        harness.transform()
        harness.transform(full_refresh=True)
        outcome = nightly(harness)
        assert outcome.success, outcome.failures()
        assert harness.value("select count(*) from hostaway.reservations") == 2


def test_a_publication_of_all_tables_stops_no_build(harness: LandingHarness, tmp_path: Path) -> None:
    fill(harness)
    # PostgreSQL then refuses to delete from a table without a key, whether there are rows or not.
    harness.connection.execute("create publication everything for all tables")
    harness.land("reservations", reservation(10, nights=5), reservation(11))
    harness.transform()
    harness.transform(full_refresh=True)
    harness.transform(project_dir=next_version(tmp_path))
    outcome = nightly(harness)
    assert outcome.success, outcome.failures()
    assert harness.value("select sum(nights) from hostaway.reservations") == 8


def test_words_about_models_make_no_row_read_again(harness: LandingHarness, tmp_path: Path) -> None:
    fill(harness)
    project = edited_project(tmp_path, "models/core/users.yml", 'description: "Time zone"', 'description: "Its zone"')
    for file, text in {
        "models/overview.md": "\nMore.\n",
        "models/core/users.sql": "\n-- a remark\n{# and another #}\n",
        "macros/tests.sql": "\n{% test never(model) %}select 1 where false{% endtest %}\n",
    }.items():
        path = project / file
        path.write_text(path.read_text() + text)
    assert harness.transform(project_dir=project).transform_id is None
    harness.land("users", {"id": 1})
    assert {run.name for run in harness.transform(project_dir=project, marts=False).models} == {"users"}
    assert (
        harness.value(
            "select col_description(attrelid, attnum) from pg_attribute"
            " where attrelid = 'hostaway.users'::regclass and attname = 'time_zone'"
        )
        == "Its zone"
    )


def test_two_versions_side_by_side_do_not_read_everything_in_turns(harness: LandingHarness, tmp_path: Path) -> None:
    fill(harness)
    other = next_version(tmp_path)
    read = []
    for turn in range(8):
        harness.land("users", {"id": turn})
        harness.transform(project_dir=[other, None][turn % 2])
        read.append(harness.value("select full_rebuild from ops.transforms order by transform_id desc limit 1"))
    # the new one, and going back once
    assert read == [True, True, False, False, False, False, False, False]
    # the version that stays is what the tables are of, a day later at the latest
    harness.connection.execute("update ops.transforms set started_at = started_at - interval '1 day'")
    harness.transform(project_dir=other)
    assert harness.value("select full_rebuild from ops.transforms order by transform_id desc limit 1")
    assert harness.transform(project_dir=other).transform_id is None
