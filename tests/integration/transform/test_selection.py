"""A transform runs the models that have rows to read, and no others: seconds count."""

from __future__ import annotations

from landing_hand import Hand

RESERVATION = {"id": 10, "listingMapId": 1, "status": "new"}


def models_of(hand: Hand) -> set[str]:
    return {run.name for run in hand.transform().models}


def test_a_changed_reservation_builds_what_is_made_of_reservations(hand: Hand) -> None:
    hand.land("listings", {"id": 1})
    hand.land("conversations", {"id": 20, "reservationId": 10})
    assert {"listings", "listing_photos", "conversations"} <= models_of(hand)
    # The conversation was held back, and comes in with its reservation.
    hand.land("reservations", RESERVATION)
    assert models_of(hand) == {"guest_links", "reservations", "guests", "conversations"}
    assert hand.value("select count(*) from hostaway.conversations") == 1
    hand.land("reservations", {**RESERVATION, "status": "cancelled"})
    assert models_of(hand) == {"guest_links", "reservations", "guests"}
    assert hand.value("select status from hostaway.reservations") == "cancelled"


def test_the_sync_log_has_syncs_and_not_every_event(hand: Hand) -> None:
    hand.connection.execute(
        """
        insert into ops.sync_runs (account_id, run_key, resource, mode, verdict, finished_at)
        values (1, 'delta', 'reservations', 'delta', 'complete', now()),
            (1, 'sync', 'reservations', 'full', 'complete', now())
        """
    )
    assert models_of(hand) == {"sync_logs"}
    assert hand.rows("select run_key from hostaway.sync_logs") == [("sync",)]


def test_rows_that_wait_for_a_parent_cost_nothing_until_it_may_be_there(hand: Hand) -> None:
    hand.land("listings", {"id": 1})
    hand.land("reservations", {**RESERVATION, "listingMapId": 2})
    hand.land("conversations", {"id": 20, "reservationId": 10})
    hand.land("messages", {"id": 30, "conversationId": 20})
    hand.transform()
    assert hand.value("select count(*) from ops.held_rows") == 3
    hand.land("calendar_days", {"listingMapId": 1, "date": "2026-05-01"})
    assert models_of(hand) == {"calendar_days"}
    # The parent of the first is there: all of them come in at once, each behind its own.
    hand.land("listings", {"id": 2})
    hand.transform()
    assert hand.value("select count(*) from ops.held_rows") == 0
    assert hand.value("select count(*) from hostaway.messages") == 1
