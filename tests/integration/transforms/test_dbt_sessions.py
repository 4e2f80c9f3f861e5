"""Threads of dbt keep their connection: no model sees what another one did with it, and a lost one is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import psycopg2
import pytest
from dbt.clients.jinja import get_rendered
from psycopg.conninfo import make_conninfo

from landing_harness import LandingHarness, listing, reservation
from sync_hostaway.core import session
from sync_hostaway.transforms import dbt_connections, dbt_speed, find_project, profile_environment
from sync_hostaway.transforms.dbt_connections import WarehouseConnections
from sync_hostaway.transforms.invocation import run_dbt
from waiting import eventually

pytestmark = pytest.mark.integration

STATE = """
select
    pg_backend_pid() as process,
    (select count(*) from pg_locks where pid = pg_backend_pid() and relation = 'public.locked'::regclass) as locks,
    (select count(*) from pg_class where relname = 'scratch') as scratch_tables,
    current_setting('work_mem') as work_mem
"""
FAILS = """
{{ config(pre_hook=[
    "create temporary table scratch (id int)", "set local work_mem = '77MB'", "lock table public.locked"
]) }}
select 1 / (select count(*) from scratch) as id
"""


def small_project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "models").mkdir()
    (folder / "profiles.yml").write_text((find_project() / "profiles.yml").read_text())
    (folder / "dbt_project.yml").write_text("{name: small, version: '1.0', profile: sync_hostaway}")
    for name, query in {"a_first": STATE, "b_fails": FAILS, "c_next": STATE}.items():
        (folder / "models" / f"{name}.sql").write_text("{{ config(materialized='table') }}" + query)
    return folder


def test_nothing_of_a_failed_model_reaches_the_next_one(harness: LandingHarness, tmp_path: Path) -> None:
    harness.connection.execute("create table public.locked ()")
    environment = profile_environment(harness.dsn)
    result = run_dbt(["run", "--threads", "1"], project_dir=small_project(tmp_path / "small"), environment=environment)
    assert result.error is None
    assert [(run.name, run.failed) for run in result.runs] == [("a_first", False), ("b_fails", True), ("c_next", False)]
    [first], [following] = (harness.rows(f"select * from hostaway.{name}") for name in ("a_first", "c_next"))
    assert following == first
    assert following[1:3] == (0, 0)


def test_a_connection_that_cannot_be_prepared_is_closed(
    harness: LandingHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "settings", lambda _: "set lock_timeout = 'forever'")
    with pytest.raises(psycopg2.Error) as refused:
        dbt_connections._opened(make_conninfo(harness.dsn, application_name="unprepared"))
    none_left = "select count(*) = 0 from pg_stat_activity where application_name = 'unprepared'"
    eventually(lambda: harness.rows(none_left)[0][0], seconds=20)
    assert refused.value.pgcode == "22023"


def test_a_connection_that_ends_between_two_models_fails_none(
    harness: LandingHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    release = WarehouseConnections.release

    def release_and_end(self: WarehouseConnections) -> None:
        connection = self.get_if_exists()
        process = connection.handle.get_backend_pid() if connection and connection.state == "open" else None
        release(self)
        if process and self.keeps_connections:
            with psycopg.connect(harness.dsn, autocommit=True) as administrator:
                administrator.execute("select pg_terminate_backend(%s, 10000)", [process])
            ended.append(process)

    monkeypatch.setattr(WarehouseConnections, "release", release_and_end)
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10))
    result = harness.transform()
    assert len(ended) > len(result.models)
    assert harness.value("select count(*) from hostaway.reservations") == 1


def test_a_model_leaves_no_temporary_table(harness: LandingHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[Any] = []
    release = WarehouseConnections.release

    def release_and_look(self: WarehouseConnections) -> None:
        release(self)
        connection = self.get_if_exists()
        if connection and connection.state == "open":
            with connection.handle.cursor() as cursor:
                cursor.execute("select relname from pg_class where relnamespace = pg_my_temp_schema()")
                left.append(cursor.fetchall())
            connection.handle.rollback()

    monkeypatch.setattr(WarehouseConnections, "release", release_and_look)
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10))
    harness.transform(full_refresh=True)
    assert left
    assert [tables for tables in left if tables] == []


def test_values_of_yaml_files_keep_their_type() -> None:
    dbt_speed.install()
    for source, value in {"{{ '5' | as_number }}": 5, "{{ 'False' | as_bool }}": False, "{{ '05' }}": "05"}.items():
        assert get_rendered(source, {}, native=True) == value
    assert get_rendered("{{ '5' }}", {}) == "5"
