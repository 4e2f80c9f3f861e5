"""Rows whose parent never comes enter core without it, as soon as that is known."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from landing_hand import Hand, edited_project, listing, next_version, reservation

from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.exceptions import TransformFailed
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

_numbers = count(1)


@pytest.fixture
def hand(hand: Hand) -> Hand:
    hand.connection.execute("insert into ops.accounts (account_id) values (1)")
    return hand


def sync(
    hand: Hand,
    *resources: str,
    mode: str = "full",
    verdict: str = "complete",
    since: str | None = None,
    run_key: str | None = None,
) -> None:
    """A sync, or a try of one, as its log shows it: one run over each resource, in which nothing lands."""
    run_key = run_key or f"sync {next(_numbers)}"
    for resource in resources:
        hand.connection.execute(
            "insert into ops.sync_runs (account_id, run_key, resource, mode, verdict, since, finished_at)"
            " values (1, %s, %s, %s, %s, %s, clock_timestamp())",
            (run_key, resource, mode, verdict, since),
        )


def land_orphans(hand: Hand) -> None:
    hand.land("listings", listing(1))
    hand.land("reservations", reservation(10, listing_id=99))
    hand.land("calendar_days", {"listingMapId": 99, "date": "2026-03-01"})
    hand.land("conversations", {"id": 20, "reservationId": 98})
    hand.land("messages", {"id": 30, "conversationId": 20}, {"id": 31, "conversationId": 97}, {"id": 32})


def in_core(hand: Hand) -> dict[str, Any]:
    return {
        "reservations": hand.rows("select reservation_id, listing_id from hostaway.reservations order by 1"),
        "calendar_days": hand.rows("select listing_id from hostaway.calendar_days"),
        "conversations": hand.rows("select conversation_id, reservation_id from hostaway.conversations order by 1"),
        "messages": hand.rows("select message_id, conversation_id from hostaway.messages order by 1"),
    }


ALL = {
    "reservations": [(10, 99)],
    "calendar_days": [(99,)],
    "conversations": [(20, 98)],
    "messages": [(30, 20), (31, 97)],
}
NONE: dict[str, Any] = {table: [] for table in ALL}
PARENTS = ("listings", "reservations", "conversations")


def test_orphans_wait_for_a_complete_walk_over_their_parents_and_no_longer(hand: Hand) -> None:
    sync(hand, *PARENTS, "messages", "calendar_days")
    land_orphans(hand)
    assert hand.transform().rows_held == 6
    assert in_core(hand) == NONE

    # none of these has seen every parent that was there when the orphans landed
    sync(hand, *PARENTS, verdict="incomplete")
    sync(hand, *PARENTS, since="2026-01-01")
    sync(hand, *PARENTS, mode="delta")
    hand.land("users", {"id": 1})
    assert hand.transform().rows_held == 6

    # nothing lands with this one, and the message that names no thread has nowhere to go
    sync(hand, *PARENTS, mode="incremental")
    assert hand.transform().rows_held == 1
    assert in_core(hand) == ALL
    assert hand.transform().transform_id is None


def test_an_incremental_walk_proves_nothing_without_a_full_one_before_it(hand: Hand) -> None:
    land_orphans(hand)
    sync(hand, *PARENTS, mode="incremental")
    assert hand.transform().rows_held == 6
    sync(hand, *PARENTS)
    assert hand.transform().rows_held == 1


def test_a_walk_that_took_several_tries_began_with_the_first(hand: Hand) -> None:
    sync(hand, *PARENTS, verdict="failed", run_key="nightly")
    land_orphans(hand)
    sync(hand, *PARENTS, run_key="nightly")
    assert hand.transform().rows_held == 6
    sync(hand, *PARENTS)
    assert hand.transform().rows_held == 1


def test_an_orphan_stays_in_core_and_its_changes_reach_it(hand: Hand) -> None:
    land_orphans(hand)
    sync(hand, *PARENTS)
    hand.transform()
    hand.land("conversations", {"id": 20, "reservationId": 98, "recipientName": "Ann"})
    assert hand.transform().rows_held == 1
    assert hand.value("select recipient_name from hostaway.conversations") == "Ann"
    # its parent comes after all
    hand.land("reservations", reservation(98))
    hand.transform()
    assert in_core(hand)["reservations"] == [(10, 99), (98, 1)]

    sync(hand, *PARENTS)
    hand.transform(full_refresh=True)
    assert in_core(hand) == {**ALL, "reservations": [(10, 99), (98, 1)]}


def test_an_orphan_whose_table_is_built_anew_waits_for_the_next_walk_and_is_not_lost(hand: Hand) -> None:
    land_orphans(hand)
    sync(hand, *PARENTS)
    hand.transform()
    hand.land("conversations", {"id": 20, "reservationId": 98, "recipientName": "Ann"})
    hand.land("messages", {"id": 30, "conversationId": 20, "body": "hi"})
    assert hand.transform().rows_held == 1

    assert hand.transform(full_refresh=True).rows_held == 3
    assert in_core(hand) == {**ALL, "conversations": [], "messages": [(31, 97)]}
    sync(hand, *PARENTS)
    assert hand.transform().rows_held == 1
    assert in_core(hand) == ALL


def test_an_orphan_is_not_lost_where_a_full_refresh_breaks_off(hand: Hand, tmp_path: Path) -> None:
    land_orphans(hand)
    sync(hand, *PARENTS)
    hand.transform()
    hand.land("conversations", {"id": 20, "reservationId": 98, "recipientName": "Ann"})
    hand.transform()
    broken = edited_project(tmp_path, "models/core/messages.sql", "select * from final", "select 1 / 0 from final")
    with pytest.raises(TransformFailed):
        hand.transform(full_refresh=True, project_dir=broken)
    assert in_core(hand)["conversations"] == []
    assert hand.transform().rows_held == 2
    assert hand.transform().transform_id is None
    sync(hand, *PARENTS)
    assert hand.transform().rows_held == 1
    assert in_core(hand) == ALL


def test_an_orphan_is_not_lost_where_a_column_gets_another_type(hand: Hand, tmp_path: Path) -> None:
    land_orphans(hand)
    sync(hand, *PARENTS)
    hand.transform()
    hand.land("conversations", {"id": 20, "reservationId": 98, "recipientName": "Ann"})
    hand.transform()
    hand.connection.execute("alter table hostaway.conversations alter column listing_id type text")
    assert hand.transform(project_dir=next_version(tmp_path)).rows_held == 1
    assert in_core(hand) == ALL


def test_a_parent_that_the_syncs_do_not_read_is_not_waited_for(hand: Hand) -> None:
    sync(hand, "conversations", "messages")
    land_orphans(hand)
    # listings were never left out by a sync that read reservations or calendars
    assert hand.transform().rows_held == 4
    assert in_core(hand) == {**NONE, "conversations": [(20, 98)], "messages": [(30, 20)]}


def test_parents_are_not_switched_off_because_a_sync_has_yet_to_begin_with_them(hand: Hand) -> None:
    hand.land("reservations", reservation(10, listing_id=None))
    sync(hand, "reservations", "conversations", mode="incremental")
    hand.land("conversations", {"id": 20, "reservationId": 98})
    sync(hand, "conversations", mode="incremental")
    assert hand.transform().rows_held == 1

    # they were: no sync of the last days has read them
    hand.connection.execute(
        "update ops.sync_runs set started_at = started_at - interval '3 days' where resource = 'reservations'"
    )
    assert hand.transform().rows_held == 0


def test_a_long_sync_log_is_not_read_at_every_look_up(hand: Hand) -> None:
    hand.connection.execute(
        """
        insert into ops.sync_runs (account_id, run_key, resource, mode, verdict, started_at, finished_at)
        select 1 + n % 10, 'sync ' || n / 40, resource, 'incremental', 'complete', moment, moment
        from
            generate_series(1, 8000) as numbers (n)
            cross join unnest(array['listings', 'reservations', 'conversations', 'messages']) as resources (resource)
            cross join lateral (select now() - make_interval(mins => 15 * (n / 10)) as moment) as moments
        """
    )
    hand.connection.execute("analyze ops.sync_runs")
    plan = hand.rows("explain select * from staging.known_parents where account_id = 1 and resource = 'conversations'")
    assert "Seq Scan on sync_runs" not in str(plan)


def test_an_account_whose_reservations_are_switched_off_has_its_messages(
    hand: Hand, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", Fernet.generate_key().decode())
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__RESOURCES", "listings,calendar_days,conversations,messages")
    get_settings.cache_clear()
    add_account(hand.connection, 701, "secret-701", options={"resources": {"listings": False, "calendar_days": False}})
    sync_account(hand.connection, 701, Mode.FULL)
    assert hand.transform().rows_held == 0
    for table in ("conversations", "messages"):
        landed = hand.value(f"select count(*) from landing.{table}")
        assert hand.value(f"select count(*) from hostaway.{table}") == landed > 0


def test_a_message_that_names_no_thread_any_more_stops_nothing(hand: Hand) -> None:
    hand.land("conversations", {"id": 20})
    hand.land("messages", {"id": 30, "conversationId": 20, "body": "hi"})
    hand.transform()
    hand.land("messages", {"id": 30, "body": "hello"})
    hand.connection.execute("update landing.messages set parent_id = null")
    assert hand.transform().rows_held == 1
    hand.land("messages", {"id": 30, "conversationId": 20, "body": "hello"})
    assert hand.transform().rows_held == 0
    assert hand.value("select body from hostaway.messages") == "hello"
