"""A transform runs the models that have rows to read, and no others: seconds count."""

from __future__ import annotations

from landing_harness import LandingHarness

RESERVATION = {"id": 10, "listingMapId": 1, "status": "new"}


def models_of(harness: LandingHarness) -> set[str]:
    # Like a delta: the marts are built later.
    return {run.name for run in harness.transform(marts=False).models}


def test_a_changed_reservation_builds_what_is_made_of_reservations(harness: LandingHarness) -> None:
    harness.land("listings", {"id": 1})
    harness.land("conversations", {"id": 20, "reservationId": 10})
    assert {"listings", "listing_photos", "conversations"} <= models_of(harness)
    # The conversation was held back, and comes in with its reservation.
    harness.land("reservations", RESERVATION)
    assert models_of(harness) == {"reservation_guests", "reservations", "guests", "conversations"}
    assert harness.value("select count(*) from hostaway.conversations") == 1
    harness.land("reservations", {**RESERVATION, "status": "cancelled"})
    assert models_of(harness) == {"reservation_guests", "reservations", "guests"}
    assert harness.value("select status from hostaway.reservations") == "cancelled"


def test_the_sync_log_has_syncs_and_not_every_event(harness: LandingHarness) -> None:
    harness.connection.execute(
        """
        insert into ops.sync_runs (account_id, run_key, resource, mode, status, finished_at)
        values (1, 'delta', 'reservations', 'delta', 'complete', now()),
            (1, 'sync', 'reservations', 'full', 'complete', now())
        """
    )
    assert models_of(harness) == {"sync_logs"}
    assert harness.rows("select run_key from hostaway.sync_logs") == [("sync",)]


def test_rows_that_wait_for_a_parent_cost_nothing_until_it_may_be_there(harness: LandingHarness) -> None:
    harness.land("listings", {"id": 1})
    harness.land("reservations", {**RESERVATION, "listingMapId": 2})
    harness.land("conversations", {"id": 20, "reservationId": 10})
    harness.land("messages", {"id": 30, "conversationId": 20})
    harness.transform()
    assert harness.value("select count(*) from ops.deferred_rows") == 3
    harness.land("calendar_days", {"listingMapId": 1, "date": "2026-05-01"})
    assert models_of(harness) == {"calendar_days"}
    # The parent of the first is there: all of them come in at once, each behind its own.
    harness.land("listings", {"id": 2})
    harness.transform()
    assert harness.value("select count(*) from ops.deferred_rows") == 0
    assert harness.value("select count(*) from hostaway.messages") == 1


def test_lists_that_a_change_does_not_bring_cost_nothing(harness: LandingHarness) -> None:
    fees = [{"id": 1, "name": "Rent", "amount": 300}]
    harness.land("listings", {"id": 1})
    harness.land("reservations", {**RESERVATION, "reservationFees": fees})
    assert models_of(harness) >= {"reservation_fees"}
    harness.land("reservations", {**RESERVATION, "id": 11})
    assert models_of(harness) == {"reservation_guests", "reservations", "guests"}
    # One that goes away does change its table.
    harness.land("reservations", {**RESERVATION, "reservationFees": []})
    assert models_of(harness) == {"reservation_guests", "reservations", "guests", "reservation_fees"}
    assert harness.rows("select fee_name, is_deleted from hostaway.reservation_fees") == [(None, True)]
