"""What others made in the warehouse, granted or built on our tables and views is there after every build."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from landing_hand import Hand, edited_project, listing, next_version, reservation
from psycopg import errors

from sync_hostaway.airflow.transform_operator import wait_for_transforms
from sync_hostaway.core.exceptions import ForeignObjects, TransformFailed
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms import find_project, profile_environment
from sync_hostaway.transforms.invocation import Outcome, run_dbt

pytestmark = pytest.mark.integration


@pytest.fixture
def analyst(hand: Hand) -> Iterator[str]:
    hand.connection.execute("drop role if exists analyst_of_tests; create role analyst_of_tests")
    yield "analyst_of_tests"
    hand.connection.execute("drop owned by analyst_of_tests cascade; drop role analyst_of_tests")


def fill(hand: Hand) -> None:
    hand.land("listings", listing(1))
    hand.land("reservations", reservation(10, totalPrice=300, currency="EUR"))
    hand.transform()


def nightly(hand: Hand, project: Path | None = None) -> Outcome:
    """What the producer task of `hostaway_nightly` does to models."""
    return run_dbt(["run"], project_dir=project or find_project(), environment=profile_environment(hand.connection))


def access(hand: Hand) -> list[tuple[object, ...]]:
    """Everything that says who may do what with our relations, and what they are."""
    return hand.rows(
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


def build_on_ours(hand: Hand, analyst: str) -> None:
    hand.connection.execute(
        f"""
        grant usage on schema hostaway, marts to {analyst};
        grant select on all tables in schema hostaway, marts to {analyst} with grant option;
        grant update (host_note) on hostaway.reservations to {analyst};
        grant select (adr) on marts.occupancy_by_month to public;
        alter default privileges in schema hostaway, marts grant select on tables to {analyst};
        comment on column hostaway.reservations.nights is 'ours, says the analyst';
        comment on view marts.reservation_revenue is 'revenue, says the analyst';
        alter view marts.reservation_revenue set (security_barrier = true);
        create policy mine on hostaway.listings for select to {analyst} using (listing_id > 0);
        alter table hostaway.reservations add column my_note text;
        create index my_index on hostaway.reservations (nights);
        create schema bi;
        create view bi.occupancy as select * from marts.occupancy_by_month;
        create view bi.bookings with (security_barrier) as select * from hostaway.reservations;
        create materialized view bi.revenue as select * from marts.reservation_revenue;
        create function bi.nights() returns bigint begin atomic select sum(nights) from hostaway.reservations; end;
        create table bi.notes (account_id bigint, reservation_id bigint,
            foreign key (account_id, reservation_id) references hostaway.reservations);
        insert into bi.notes values (1, 10);
        create table marts.budget (account_id bigint);
        create function marts.occupancy_by_month() returns integer language sql as 'select 1';
        grant select on bi.occupancy, bi.bookings to {analyst};
        """
    )


def dependents(hand: Hand) -> list[tuple[object, ...]]:
    return hand.rows(
        """
        select oid::bigint, relname, relkind::text, relacl::text, reloptions::text, pg_get_viewdef(oid)
        from pg_class where relnamespace = to_regnamespace('bi') and relkind in ('v', 'm', 'r')
        union all
        select oid::bigint, proname, 'f', null, null, prosrc from pg_proc where pronamespace = 'bi'::regnamespace
        order by 2
        """
    )


def test_grants_and_dependents_outlive_every_kind_of_build(hand: Hand, analyst: str, tmp_path: Path) -> None:
    fill(hand)
    build_on_ours(hand, analyst)
    before = access(hand), dependents(hand)
    outcome = nightly(hand)
    assert outcome.success, outcome.failures()
    assert (access(hand), dependents(hand)) == before
    hand.land("reservations", reservation(10, nights=5), reservation(11))
    hand.transform()
    assert (access(hand), dependents(hand)) == before
    hand.transform(full_refresh=True)
    assert (access(hand), dependents(hand)) == before
    hand.transform(project_dir=next_version(tmp_path))
    assert (access(hand), dependents(hand)) == before
    assert hand.value("select sum(nights) from bi.bookings") == 8
    assert hand.value("select bi.nights()") == 8
    assert hand.value("select my_note from hostaway.reservations where reservation_id = 10") is None


def changed_mart(folder: Path) -> Path:
    """A version whose mart has a new first column and lacks one it had."""
    project = edited_project(
        folder, "models/marts/reservation_revenue.sql", "---------- ids\n", "'x' as kind,\n        ---------- ids\n"
    )
    model = project / "models/marts/reservation_revenue.sql"
    model.write_text(model.read_text().replace("bookings.tax_amount,\n", ""))
    return project


def test_a_view_that_loses_a_column_keeps_its_grants_and_the_views_on_it(
    hand: Hand, analyst: str, tmp_path: Path
) -> None:
    fill(hand)
    hand.connection.execute(
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
    before = dependents(hand)
    hand.transform(project_dir=changed_mart(tmp_path))
    assert hand.rows("select kind, revenue from marts.reservation_revenue") == [("x", 300)]
    assert hand.rows("select * from bi.on_it") == [(10, 300)]
    assert dependents(hand) == before
    assert hand.value("select obj_description('bi.v'::regclass)") == "mine"
    assert hand.rows(
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


def test_what_was_revoked_on_a_view_stays_revoked(hand: Hand, analyst: str, tmp_path: Path) -> None:
    fill(hand)
    hand.connection.execute(
        f"""
        alter default privileges in schema marts grant select on tables to {analyst}, public;
        revoke all on marts.reservation_revenue from {analyst};
        revoke delete on marts.reservation_revenue from current_user;
        grant update (nights) on marts.reservation_revenue to {analyst};
        """
    )
    before = access(hand)
    hand.transform(project_dir=changed_mart(tmp_path))
    acl = {name: (owner, granted, options) for _, name, owner, granted, options, *_ in access(hand)}
    assert acl == {name: (owner, granted, options) for _, name, owner, granted, options, *_ in before}
    assert not hand.value("select has_table_privilege(%s, 'marts.reservation_revenue', 'select')", analyst)
    assert hand.value("select has_column_privilege(%s, 'marts.reservation_revenue', 'nights', 'update')", analyst)


def test_a_table_that_inherits_from_ours_keeps_its_rows(hand: Hand) -> None:
    fill(hand)
    hand.connection.execute(
        """
        create schema bi;
        create table bi.archived () inherits (hostaway.reservations);
        insert into bi.archived select * from hostaway.reservations;
        update bi.archived set reservation_id = 99;
        """
    )
    hand.transform(full_refresh=True)
    assert hand.rows("select reservation_id from bi.archived") == [(99,)]


def test_a_build_that_dependents_do_not_allow_names_them_and_changes_nothing(hand: Hand, tmp_path: Path) -> None:
    fill(hand)
    hand.connection.execute("create schema bi; " + "; ".join(OBSTACLES.values()))
    before = access(hand), dependents(hand)
    with pytest.raises(TransformFailed, match=r"marts\.reservation_revenue cannot be changed") as refused:
        hand.transform(project_dir=changed_mart(tmp_path))
    assert [name for name in OBSTACLES if name not in str(refused.value)] == []
    assert "Drop these" in str(refused.value)
    assert (access(hand), dependents(hand)) == before


def test_a_view_that_reads_a_column_that_goes_is_named(hand: Hand) -> None:
    hand.connection.execute("create schema bi; create view bi.v as select tax_amount from marts.reservation_revenue")
    before = access(hand), dependents(hand)
    with pytest.raises(errors.DependentObjectsStillExist, match=r"bi\.v"):
        hand.connection.execute("select ops.build_view('marts', 'reservation_revenue', 'x', 'select 1 as revenue')")
    assert (access(hand), dependents(hand)) == before


def test_views_on_a_column_that_gets_another_type_stay(hand: Hand, analyst: str, tmp_path: Path) -> None:
    fill(hand)
    hand.connection.execute(
        f"""
        create schema bi;
        drop view marts.reservation_revenue, marts.occupancy_by_month;
        alter table hostaway.reservations alter column number_of_guests type bigint;
        create view bi.counted as select count(number_of_guests) as guests from hostaway.reservations;
        create view bi.other as select reservation_id from hostaway.reservations;
        grant select on bi.counted to {analyst};
        """
    )
    before = dependents(hand)
    hand.transform(project_dir=next_version(tmp_path))
    assert dependents(hand) == before
    assert hand.value("select pg_typeof(number_of_guests)::text from hostaway.reservations") == "integer"


FOREIGN = {
    "table marts.occupancy_by_month": "create table marts.occupancy_by_month (kpi integer)",
    "view staging.stg_users": "create view staging.stg_users as select 1 as mine",
    "materialized view hostaway.coupons": "create materialized view hostaway.coupons as select 1 as mine",
    "sequence marts.reservation_revenue": "create sequence marts.reservation_revenue",
    "type staging.stg_coupons": "create type staging.stg_coupons as enum ('mine')",
    "partitioned table hostaway.tasks": "create table hostaway.tasks (mine bigint) partition by list (mine)",
    "table hostaway.users": "create table hostaway.users (account_id bigint, user_id bigint)",
    "composite type staging.stg_tasks": "create type staging.stg_tasks as (mine integer)",
    "foreign table staging.stg_reviews": "create foreign table staging.stg_reviews (mine integer) server elsewhere",
}


def test_relations_of_others_are_named_and_stay_as_they_are(hand: Hand) -> None:
    hand.connection.execute("create foreign data wrapper nothing")
    hand.connection.execute("create server elsewhere foreign data wrapper nothing")
    for name, statement in FOREIGN.items():
        hand.connection.execute(
            f"drop {'table' if 'hostaway.' in name else 'view'} {name.split()[-1]} cascade; {statement}"
        )
    everything = "select oid::bigint, relname, relkind::text from pg_class order by oid"
    before = hand.rows(everything)
    hand.land("listings", listing(1))
    builds: list[Callable[[], object]] = [
        hand.transform,
        lambda: hand.transform(full_refresh=True),
        lambda: wait_for_transforms({}),
    ]
    for build in builds:
        with pytest.raises(ForeignObjects) as refused:
            build()
        assert [name for name in FOREIGN if name not in str(refused.value)] == []
    # a dbt that somebody started by hand
    outcome = nightly(hand)
    assert not outcome.success
    assert hand.rows(everything) == before
    assert hand.value("select count(*) from ops.loads where transformed_at is null") == 1


def test_names_of_others_that_differ_in_case_are_other_names(hand: Hand) -> None:
    hand.connection.execute(
        """
        drop schema staging cascade;
        create schema "Staging";
        drop view marts.reservation_revenue;
        create table marts."Reservation_Revenue" (mine integer);
        drop table hostaway.guests;
        create table hostaway."Guests" (mine integer);
        """
    )
    hand.land("listings", listing(1))
    hand.land("reservations", reservation(10))
    hand.transform(full_refresh=True)
    assert hand.value("select count(*) from hostaway.guests") == 1
    assert hand.value("select count(*) from marts.reservation_revenue") == 1
    assert hand.rows('select mine from hostaway."Guests" union all select mine from marts."Reservation_Revenue"') == []


def test_a_restored_warehouse_is_ours(hand: Hand) -> None:
    fill(hand)
    # as after pg_restore: every relation has another oid, and so has the registry
    hand.connection.execute("update ops.relations set relation_id = 1, registry_id = 1")
    hand.land("reservations", reservation(11))
    hand.transform()
    outcome = nightly(hand)
    assert outcome.success, outcome.failures()
    assert hand.value("select count(*) from ops.relations where registry_id = 1") == 0


def test_readers_may_read_what_is_there_and_what_comes(
    hand: Hand, analyst: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__READER_ROLES", f"{analyst}, nobody here")
    get_settings.cache_clear()
    hand.transform()
    query = "select nspname, bool_and(has_table_privilege(%s, pg_class.oid, 'select')) from pg_class"
    query += " inner join pg_namespace as n on relnamespace = n.oid where relkind in ('r', 'v') and nspname = any(%s)"
    schemas = ["hostaway", "landing", "marts", "ops", "staging"]
    assert dict(hand.rows(f"{query} group by nspname", analyst, schemas)) == {
        schema: schema in ("hostaway", "marts") for schema in schemas
    }
    with hand.connection.transaction(force_rollback=True):
        hand.connection.execute(f"set local role {analyst}")
        assert hand.connection.execute("select * from marts.reservation_revenue").fetchall() == []


def test_a_reader_that_stays_holds_up_no_transform(hand: Hand) -> None:
    fill(hand)
    with psycopg.connect(hand.dsn) as dump:
        dump.execute(
            "do $$ declare x text; begin for x in select oid::regclass from pg_class where relkind in ('r', 'v')"
            " and relnamespace in ('hostaway'::regnamespace, 'marts'::regnamespace, 'staging'::regnamespace)"
            " loop execute 'lock ' || x || ' in access share mode'; end loop; end $$"
        )
        hand.connection.execute("set statement_timeout = '20s'")
        hand.land("reservations", reservation(11))
        hand.transform()
        hand.transform(full_refresh=True)
        outcome = nightly(hand)
        assert outcome.success, outcome.failures()
        assert hand.value("select count(*) from hostaway.reservations") == 2


def test_words_about_models_make_no_row_read_again(hand: Hand, tmp_path: Path) -> None:
    fill(hand)
    project = edited_project(tmp_path, "models/core/users.yml", 'description: "Time zone"', 'description: "Its zone"')
    for file, text in {
        "models/overview.md": "\nMore.\n",
        "models/core/users.sql": "\n-- a remark\n{# and another #}\n",
        "macros/tests.sql": "\n{% test never(model) %}select 1 where false{% endtest %}\n",
    }.items():
        path = project / file
        path.write_text(path.read_text() + text)
    assert hand.transform(project_dir=project).transform_id is None
    hand.land("users", {"id": 1})
    assert {run.name for run in hand.transform(project_dir=project).models} == {"users"}
    assert (
        hand.value(
            "select col_description(attrelid, attnum) from pg_attribute"
            " where attrelid = 'hostaway.users'::regclass and attname = 'time_zone'"
        )
        == "Its zone"
    )


def test_two_versions_side_by_side_do_not_read_everything_in_turns(hand: Hand, tmp_path: Path) -> None:
    fill(hand)
    other = next_version(tmp_path)
    read = []
    for turn in range(8):
        hand.land("users", {"id": turn})
        hand.transform(project_dir=[other, None][turn % 2])
        read.append(hand.value("select reads_all from ops.transforms order by transform_id desc limit 1"))
    # the new one, and going back once
    assert read == [True, True, False, False, False, False, False, False]
    # the version that stays is what the tables are of, a day later at the latest
    hand.connection.execute("update ops.transforms set started_at = started_at - interval '1 day'")
    hand.transform(project_dir=other)
    assert hand.value("select reads_all from ops.transforms order by transform_id desc limit 1")
    assert hand.transform(project_dir=other).transform_id is None
