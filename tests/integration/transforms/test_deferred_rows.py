"""Rows whose parent never comes enter core without it, as soon as that is known."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from landing_harness import LandingHarness, edited_project, listing, next_version, reservation
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.exceptions import TransformFailed
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

_numbers = count(1)


@pytest.fixture
def harness(harness: LandingHarness) -> LandingHarness:
    harness.connection.execute("insert into ops.accounts (account_id) values (1)")
    return harness


def sync(
    harness: LandingHarness,
    *resources: str,
    mode: str = "full",
    status: str = "complete",
    since: str | None = None,
    run_key: str | None = None,
) -> None:
    """A sync, or a try of one, as its log shows it: one run over each resource, in which nothing lands."""
    run_key = run_key or f"sync {next(_numbers)}"
    for resource in resources:
        harness.connection.execute(
            "insert into ops.sync_runs (account_id, run_key, resource, mode, status, since, finished_at)"
            " values (1, %s, %s, %s, %s, %s, clock_timestamp())",
            (run_key, resource, mode, status, since),
        )


def land_orphans(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10, 99))
    harness.land("calendar_days", {"listingMapId": 99, "date": "2026-03-01"})
    harness.land("conversations", {"id": 20, "reservationId": 98})
    harness.land("messages", {"id": 30, "conversationId": 20}, {"id": 31, "conversationId": 97}, {"id": 32})


def in_core(harness: LandingHarness) -> dict[str, Any]:
    return {
        "reservations": harness.rows("select reservation_id, listing_id from hostaway.reservations order by 1"),
        "calendar_days": harness.rows("select listing_id from hostaway.calendar_days"),
        "conversations": harness.rows("select conversation_id, reservation_id from hostaway.conversations order by 1"),
        "messages": harness.rows("select message_id, conversation_id from hostaway.messages order by 1"),
    }


ALL = {
    "reservations": [(10, 99)],
    "calendar_days": [(99,)],
    "conversations": [(20, 98)],
    "messages": [(30, 20), (31, 97)],
}
NONE: dict[str, Any] = {table: [] for table in ALL}
PARENTS = ("listings", "reservations", "conversations")


def test_orphans_wait_for_a_complete_walk_over_their_parents_and_no_longer(harness: LandingHarness) -> None:
    sync(harness, *PARENTS, "messages", "calendar_days")
    land_orphans(harness)
    assert harness.transform().rows_deferred == 6
    assert in_core(harness) == NONE

    # none of these has seen every parent that was there when the orphans landed
    sync(harness, *PARENTS, status="incomplete")
    sync(harness, *PARENTS, since="2026-01-01")
    sync(harness, *PARENTS, mode="delta")
    harness.land("users", {"id": 1})
    assert harness.transform().rows_deferred == 6

    # nothing lands with this one, and the message that names no thread has nowhere to go
    sync(harness, *PARENTS, mode="incremental")
    assert harness.transform().rows_deferred == 1
    assert in_core(harness) == ALL
    assert harness.transform().transform_id is None


def test_an_incremental_walk_proves_nothing_without_a_full_one_before_it(harness: LandingHarness) -> None:
    land_orphans(harness)
    sync(harness, *PARENTS, mode="incremental")
    assert harness.transform().rows_deferred == 6
    sync(harness, *PARENTS)
    assert harness.transform().rows_deferred == 1


def test_a_walk_that_took_several_tries_began_with_the_first(harness: LandingHarness) -> None:
    sync(harness, *PARENTS, status="failed", run_key="nightly")
    land_orphans(harness)
    sync(harness, *PARENTS, run_key="nightly")
    assert harness.transform().rows_deferred == 6
    sync(harness, *PARENTS)
    assert harness.transform().rows_deferred == 1


def test_an_orphan_stays_in_core_and_its_changes_reach_it(harness: LandingHarness) -> None:
    land_orphans(harness)
    sync(harness, *PARENTS)
    harness.transform()
    harness.land("conversations", {"id": 20, "reservationId": 98, "recipientName": "Ann"})
    assert harness.transform().rows_deferred == 1
    assert harness.value("select recipient_name from hostaway.conversations") == "Ann"
    # its parent comes after all
    harness.land("reservations", reservation(98))
    harness.transform()
    assert in_core(harness)["reservations"] == [(10, 99), (98, 1)]

    sync(harness, *PARENTS)
    harness.transform(full_refresh=True)
    assert in_core(harness) == {**ALL, "reservations": [(10, 99), (98, 1)]}


def test_an_orphan_whose_table_is_built_anew_waits_for_the_next_walk_and_is_not_lost(harness: LandingHarness) -> None:
    land_orphans(harness)
    sync(harness, *PARENTS)
    harness.transform()
    harness.land("conversations", {"id": 20, "reservationId": 98, "recipientName": "Ann"})
    harness.land("messages", {"id": 30, "conversationId": 20, "body": "hi"})
    assert harness.transform().rows_deferred == 1

    assert harness.transform(full_refresh=True).rows_deferred == 3
    assert in_core(harness) == {**ALL, "conversations": [], "messages": [(31, 97)]}
    sync(harness, *PARENTS)
    assert harness.transform().rows_deferred == 1
    assert in_core(harness) == ALL


def test_an_orphan_is_not_lost_where_a_full_refresh_breaks_off(harness: LandingHarness, tmp_path: Path) -> None:
    land_orphans(harness)
    sync(harness, *PARENTS)
    harness.transform()
    harness.land("conversations", {"id": 20, "reservationId": 98, "recipientName": "Ann"})
    harness.transform()
    broken = edited_project(tmp_path, "models/core/messages.sql", "select * from final", "select 1 / 0 from final")
    with pytest.raises(TransformFailed):
        harness.transform(full_refresh=True, project_dir=broken)
    assert in_core(harness)["conversations"] == []
    assert harness.transform().rows_deferred == 2
    assert harness.transform().transform_id is None
    sync(harness, *PARENTS)
    assert harness.transform().rows_deferred == 1
    assert in_core(harness) == ALL


def test_an_orphan_is_not_lost_where_a_column_gets_another_type(harness: LandingHarness, tmp_path: Path) -> None:
    land_orphans(harness)
    sync(harness, *PARENTS)
    harness.transform()
    harness.land("conversations", {"id": 20, "reservationId": 98, "recipientName": "Ann"})
    harness.transform()
    harness.drop_views()
    harness.connection.execute("alter table hostaway.conversations alter column listing_id type text")
    assert harness.transform(project_dir=next_version(tmp_path)).rows_deferred == 1
    assert in_core(harness) == ALL


def test_a_parent_that_the_syncs_do_not_read_is_not_waited_for(harness: LandingHarness) -> None:
    sync(harness, "conversations", "messages")
    land_orphans(harness)
    # listings were never left out by a sync that read reservations or calendars
    assert harness.transform().rows_deferred == 4
    assert in_core(harness) == {**NONE, "conversations": [(20, 98)], "messages": [(30, 20)]}


def test_parents_are_not_switched_off_because_a_sync_has_yet_to_begin_with_them(harness: LandingHarness) -> None:
    harness.land("reservations", reservation(10, None))
    sync(harness, "reservations", "conversations", mode="incremental")
    harness.land("conversations", {"id": 20, "reservationId": 98})
    sync(harness, "conversations", mode="incremental")
    assert harness.transform().rows_deferred == 1

    # they were: no sync of the last days has read them
    harness.connection.execute(
        "update ops.sync_runs set started_at = started_at - interval '3 days' where resource = 'reservations'"
    )
    assert harness.transform().rows_deferred == 0


def test_a_long_sync_log_is_not_read_at_every_look_up(harness: LandingHarness) -> None:
    harness.connection.execute(
        """
        insert into ops.sync_runs (account_id, run_key, resource, mode, status, started_at, finished_at)
        select 1 + n % 10, 'sync ' || n / 40, resource, 'incremental', 'complete', moment, moment
        from
            generate_series(1, 8000) as numbers (n)
            cross join unnest(array['listings', 'reservations', 'conversations', 'messages']) as resources (resource)
            cross join lateral (select now() - make_interval(mins => 15 * (n / 10)) as moment) as moments
        """
    )
    harness.connection.execute("analyze ops.sync_runs")
    plan = harness.rows(
        "explain select * from staging.int_parent_coverage where account_id = 1 and resource = 'conversations'"
    )
    assert "Seq Scan on sync_runs" not in str(plan)


def test_an_account_whose_reservations_are_switched_off_has_its_messages(
    harness: LandingHarness, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", Fernet.generate_key().decode())
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__RESOURCES", "listings,calendar_days,conversations,messages")
    get_settings.cache_clear()
    add_account(
        harness.connection, 701, "secret-701", options={"resources": {"listings": False, "calendar_days": False}}
    )
    sync_account(harness.connection, 701, Mode.FULL)
    assert harness.transform().rows_deferred == 0
    for table in ("conversations", "messages"):
        landed = harness.value(f"select count(*) from landing.{table}")
        assert harness.value(f"select count(*) from hostaway.{table}") == landed > 0


def test_a_message_that_names_no_thread_any_more_stops_nothing(harness: LandingHarness) -> None:
    harness.land("conversations", {"id": 20})
    harness.land("messages", {"id": 30, "conversationId": 20, "body": "hi"})
    harness.transform()
    harness.land("messages", {"id": 30, "body": "hello"})
    harness.connection.execute("update landing.messages set parent_id = null")
    assert harness.transform().rows_deferred == 1
    harness.land("messages", {"id": 30, "conversationId": 20, "body": "hello"})
    assert harness.transform().rows_deferred == 0
    assert harness.value("select body from hostaway.messages") == "hello"
