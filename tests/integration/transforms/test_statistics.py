"""The planner knows an account from its first load on, and autovacuum looks at large tables early enough."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from landing_harness import LandingHarness, listing, next_version, reservation
from sync_hostaway.core.resources import Resource
from sync_hostaway.landing.writer import Fetched, LandingWriter

pytestmark = pytest.mark.integration

TABLES = ("landing.reservations", "hostaway.reservations", "hostaway.reservation_guests")
SETTINGS = (
    "autovacuum_analyze_scale_factor",
    "autovacuum_vacuum_insert_scale_factor",
    "autovacuum_vacuum_scale_factor",
)


def land(harness: LandingHarness, account: int, resource: Resource, payloads: Iterable[dict[str, Any]]) -> None:
    writer = LandingWriter(harness.connection, account, resource, None)
    with harness.connection.transaction():
        writer.land([Fetched(list(payloads), datetime.now(UTC))])


def expected_rows(harness: LandingHarness, table: str, account: int) -> int:
    """How many rows of an account the planner expects."""
    plan = harness.value(f"explain (format json) select * from {table} where account_id = {account}")
    return int(plan[0]["Plan"]["Plan Rows"])


def analyzed(harness: LandingHarness) -> dict[str, int]:
    return dict(
        harness.rows(
            "select schemaname || '.' || relname, analyze_count from pg_stat_user_tables "
            "where schemaname || '.' || relname = any(%s)",
            list(TABLES),
        )
    )


@pytest.fixture
def harness(harness: LandingHarness) -> LandingHarness:
    # Or else it might do at any moment what is tested here.
    for table in TABLES:
        harness.connection.execute(f"alter table {table} set (autovacuum_enabled = false)")
    land(harness, 1, Resource.LISTINGS, [listing(1)])
    land(harness, 1, Resource.RESERVATIONS, (reservation(number) for number in range(1, 3_001)))
    harness.transform()
    return harness


def test_the_first_load_of_an_account_is_known_to_the_planner_at_once(harness: LandingHarness) -> None:
    assert {table: expected_rows(harness, table, 2) for table in TABLES} == dict.fromkeys(TABLES, 1)
    land(harness, 2, Resource.LISTINGS, [listing(1)])
    land(harness, 2, Resource.RESERVATIONS, (reservation(number) for number in range(1, 401)))
    harness.transform()
    for table in TABLES:
        assert 200 < expected_rows(harness, table, 2) < 800, table


def test_a_small_change_does_not_analyze_a_table(harness: LandingHarness) -> None:
    before = analyzed(harness)
    land(harness, 1, Resource.RESERVATIONS, (reservation(number, totalPrice=7) for number in range(1, 301)))
    # a tenth of what the account has
    land(harness, 1, Resource.RESERVATIONS, (reservation(number) for number in range(3_001, 3_301)))
    harness.transform()
    assert harness.value("select count(*) from hostaway.reservations") == 3_300
    assert analyzed(harness) == before


def test_a_full_refresh_analyzes_each_table_that_it_fills(harness: LandingHarness) -> None:
    before = analyzed(harness)
    harness.connection.execute("truncate hostaway.reservations")
    harness.transform(full_refresh=True)
    assert analyzed(harness)["hostaway.reservations"] == before["hostaway.reservations"] + 1


def test_autovacuum_looks_at_large_tables_early_and_a_value_of_yours_stays(
    harness: LandingHarness, tmp_path: Path
) -> None:
    names = harness.rows(
        "select tables.oid::regclass::text, tables.reloptions from pg_class as tables "
        "inner join pg_namespace on tables.relnamespace = pg_namespace.oid "
        "where relkind = 'r' and nspname in ('landing', 'hostaway', 'marts')"
    )
    assert len(names) > 20
    for table, options in names:
        found = {option.partition("=")[0] for option in options or []}
        assert found.issuperset(SETTINGS), table
    harness.connection.execute("alter table hostaway.reservations set (autovacuum_analyze_scale_factor = 0.5)")
    harness.connection.execute("alter table hostaway.listings reset (autovacuum_analyze_scale_factor)")
    harness.transform(full_refresh=True)
    harness.transform(project_dir=next_version(tmp_path))
    query = "select unnest(reloptions) from pg_class where oid = %s::regclass"
    assert ("autovacuum_analyze_scale_factor=0.5",) in harness.rows(query, "hostaway.reservations")
    assert ("autovacuum_analyze_scale_factor=0.01",) in harness.rows(query, "hostaway.listings")
