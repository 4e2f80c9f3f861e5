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
