"""What becomes of events: their objects land, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from events_harness import EventsHarness
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.engine import sync_account

pytestmark = pytest.mark.integration


def test_a_changed_reservation_lands_and_its_event_is_done_with_that_load(harness: EventsHarness) -> None:
    changed = harness.control.patch(
        "reservations", harness.ids("reservations")[3], {"hostNote": "late"}, account_id=701
    )
    event = harness.event(harness.receive("reservation.updated", changed))
    result = harness.run_worker()
    done = harness.event(event["event_id"])
    assert (done["state"], done["run_key"], done["attempts"]) == ("done", "test__1", 1)
    landed = harness.landed("reservations", changed["id"])
    assert landed is not None
    assert landed["hostNote"] == "late"
    load = harness.warehouse.execute("select * from ops.loads where load_id = %s", [done["load_id"]]).fetchone()
    assert load is not None
    assert (load["account_id"], load["resource"], load["rows_changed"]) == (701, "reservations", 1)
    assert result.summary()["accounts"]["701"]["done"] == 1


def test_the_body_is_a_hint_and_nothing_of_it_lands(harness: EventsHarness) -> None:
    truth = harness.control.object("reservations", harness.ids("reservations")[3], 701)
    forged = {**truth, "hostNote": "forged", "updatedOn": "2199-01-01 00:00:00"}
    event_id = harness.receive("reservation.updated", forged)
    # once before: a single read brings what no list shows
    harness.receive("reservation.updated", truth)
    harness.run_worker()
    event_id = harness.receive("reservation.updated", {**forged, "hostNote": "forged again"})
    loads = harness.warehouse.execute("select count(*) as n from ops.loads").fetchone()
    harness.run_worker()
    assert harness.event(event_id)["state"] == "done"
    assert harness.event(event_id)["load_id"] is None
    assert harness.warehouse.execute("select count(*) as n from ops.loads").fetchone() == loads


def test_what_a_sync_finds_after_an_event_is_unchanged(harness: EventsHarness) -> None:
    """A row is the same whichever way it came."""
    conversation = harness.control.object("conversations", harness.ids("conversations")[2], 701)
    message = harness.control.create("messages", {"conversationId": conversation["id"]}, account_id=701)
    harness.receive("message.received", message)
    harness.receive("reservation.updated", harness.control.object("reservations", conversation["reservationId"], 701))
    harness.run_worker()
    results = sync_account(harness.warehouse, 701, Mode.INCREMENTAL)
    changed = {result.resource: result.counts.new + result.counts.changed for result in results}
    assert not any(changed.values()), changed
    # and the thread, which was read just now, is not read again
    calls = {result.resource: result.api_calls for result in results}
    assert calls[Resource.MESSAGES] == 0


def test_events_about_one_object_cost_one_look_at_it(harness: EventsHarness) -> None:
    reservation_id = harness.ids("reservations")[5]
    events = [
        harness.receive(
            "reservation.updated",
            harness.control.patch("reservations", reservation_id, {"totalPrice": price}, account_id=701),
        )
        for price in (100, 200, 300)
    ]
    harness.control.reset(only_stats=True)
    harness.run_worker()
    assert [harness.event(event)["state"] for event in events] == ["done"] * 3
    assert harness.control.calls("reservations.get", 701) == 1
    landed = harness.landed("reservations", reservation_id)
    assert landed is not None
    assert landed["totalPrice"] == 300


def test_a_message_brings_its_whole_thread_and_the_hosts_answers(harness: EventsHarness) -> None:
    conversation_id = harness.ids("conversations")[4]
    answer = harness.control.create(
        "messages", {"conversationId": conversation_id, "isIncoming": 0, "body": "Yes"}, account_id=701, emit=False
    )
    message = harness.control.create("messages", {"conversationId": conversation_id, "body": "Thanks"}, account_id=701)
    event_id = harness.receive("message.received", message)
    harness.run_worker()
    assert harness.event(event_id)["load_id"] is not None
    for sent in (answer, message):
        landed = harness.landed("messages", sent["id"])
        assert landed is not None
        assert landed["body"] == sent["body"]
    conversation = harness.landed("conversations", conversation_id)
    truth = harness.control.object("conversations", conversation_id, 701)
    assert conversation is not None
    assert conversation["messageReceivedOn"] == truth["messageReceivedOn"]


def test_a_message_that_only_names_its_reservation_finds_its_thread(harness: EventsHarness) -> None:
    conversation = harness.control.object("conversations", harness.ids("conversations")[6], 701)
    message = harness.control.create("messages", {"conversationId": conversation["id"]}, account_id=701)
    named = {name: message[name] for name in ("id", "reservationId", "body")}
    event_id = harness.receive("message.received", named)
    harness.run_worker()
    assert harness.event(event_id)["state"] == "done"
    assert harness.landed("messages", message["id"])


def test_a_message_that_is_not_in_its_thread_yet_is_waited_for(harness: EventsHarness) -> None:
    conversation_id = harness.ids("conversations")[4]
    number = harness.control.create("messages", {"conversationId": conversation_id}, account_id=701)["id"] + 1
    event_id = harness.receive("message.received", {"id": number, "conversationId": conversation_id})
    harness.run_worker()
    assert harness.event(event_id)["state"] == "pending"
    assert "does not contain the message yet" in harness.event(event_id)["reason"]
    created = harness.control.create("messages", {"conversationId": conversation_id}, account_id=701)
    assert created["id"] == number
    harness.due_now()
    harness.run_worker()
    assert harness.event(event_id)["state"] == "done"
    assert harness.landed("messages", number)


def test_a_message_that_never_comes_to_its_thread_is_gone(harness: EventsHarness) -> None:
    event_id = harness.receive("message.received", {"id": 987654321, "conversationId": harness.ids("conversations")[4]})
    for _ in range(5):
        assert harness.event(event_id)["state"] == "pending"
        harness.due_now()
        harness.run_worker()
    assert harness.event(event_id)["state"] == "object_deleted"


def test_a_message_deleted_from_its_thread_is_marked(harness: EventsHarness) -> None:
    conversation_id = harness.ids("conversations")[4]
    first = harness.control.create("messages", {"conversationId": conversation_id}, account_id=701)
    harness.receive("message.received", first)
    harness.run_worker()
    harness.control.delete("messages", first["id"], account_id=701)
    harness.receive(
        "message.received", harness.control.create("messages", {"conversationId": conversation_id}, account_id=701)
    )
    harness.run_worker()
    assert harness.landed("messages", first["id"]) is None


def test_a_thread_that_does_not_prove_it_is_whole_marks_nothing(harness: EventsHarness) -> None:
    row = harness.warehouse.execute("select entity_id, parent_id from landing.messages limit 1").fetchone()
    assert row is not None
    data = harness.control.patch("messages", int(row["entity_id"]), {}, account_id=701)
    before = harness.warehouse.execute("select count(*) as n from landing.messages where deleted_at is null").fetchone()
    harness.receive("message.received", {**data, "conversationId": row["parent_id"]})
    harness.control.fault("count_off", match={"resource": "messages"}, times=0, form="absent")
    harness.control.fault("half_page", match={"resource": "messages"}, times=0)
    harness.run_worker()
    after = harness.warehouse.execute("select count(*) as n from landing.messages where deleted_at is null").fetchone()
    assert after == before


def test_the_messages_of_a_thread_that_is_empty_now_are_marked_by_the_next_sync(harness: EventsHarness) -> None:
    row = harness.warehouse.execute("select parent_id from landing.messages limit 1").fetchone()
    assert row is not None
    conversation_id = row["parent_id"]
    messages = harness.warehouse.execute(
        "select payload from landing.messages where parent_id = %s", [conversation_id]
    ).fetchall()
    for message in messages:
        harness.control.delete("messages", message["payload"]["id"], account_id=701)
    harness.receive("message.received", {**messages[0]["payload"], "conversationId": conversation_id})
    harness.run_worker()
    sync_account(harness.warehouse, 701, Mode.INCREMENTAL)
    alive = "select count(*) as n from landing.messages where parent_id = %s and deleted_at is null"
    assert harness.warehouse.execute(alive, [conversation_id]).fetchone() == {"n": 0}


def test_a_message_that_comes_before_its_reservation_brings_it_and_its_listing(harness: EventsHarness) -> None:
    listing = harness.control.create("listings", {}, account_id=701, emit=False)
    reservation = harness.control.create("reservations", {"listingMapId": listing["id"]}, account_id=701, emit=False)
    thread = harness.control.create("conversations", {"reservationId": reservation["id"]}, account_id=701, emit=False)
    message = harness.control.create("messages", {"conversationId": thread["id"]}, account_id=701)
    harness.receive("message.received", message)
    harness.run_worker()
    for resource, identity in (
        ("listings", listing["id"]),
        ("reservations", reservation["id"]),
        ("conversations", thread["id"]),
        ("messages", message["id"]),
    ):
        assert harness.landed(resource, identity), resource


def test_the_nights_of_a_moved_reservation_are_read_old_and_new(harness: EventsHarness) -> None:
    today = datetime.now(UTC).date()
    days = [(today + timedelta(days=number)).isoformat() for number in range(6)]
    listing_id = harness.ids("listings")[0]
    fields = {"listingMapId": listing_id, "arrivalDate": days[0], "departureDate": days[1]}
    reservation = harness.control.create("reservations", fields, account_id=701)
    harness.receive("reservation.created", reservation)
    harness.run_worker()
    moved = harness.control.patch(
        "reservations", reservation["id"], {"arrivalDate": days[3], "departureDate": days[5]}, account_id=701
    )
    harness.receive("reservation.updated", moved)
    harness.control.reset(only_stats=True)
    harness.run_worker()
    assert harness.control.calls("calendar.list", 701) == 2
    truth = {
        day: harness.control.patch_day(listing_id, day, {}, account_id=701)["isAvailable"] for day in (days[0], days[4])
    }
    for day, available in truth.items():
        landed = harness.landed("calendar_days", f"{listing_id}:{day}")
        assert landed is not None
        assert landed["isAvailable"] == available, day


def moved_with_blocked_calendar(harness: EventsHarness) -> tuple[int, int, list[str]]:
    """A reservation moved while calendars cannot be read; the event, the listing, and days it gave back and took."""
    today = datetime.now(UTC).date()
    days = [(today + timedelta(days=number)).isoformat() for number in range(6)]
    listing_id = harness.ids("listings")[0]
    fields = {"listingMapId": listing_id, "arrivalDate": days[0], "departureDate": days[1]}
    reservation = harness.control.create("reservations", fields, account_id=701)
    harness.receive("reservation.created", reservation)
    harness.run_worker()
    moved = harness.control.patch(
        "reservations", reservation["id"], {"arrivalDate": days[3], "departureDate": days[5]}, account_id=701
    )
    harness.control.fault("status_5xx", match={"resource": "calendar"}, times=0)
    return harness.receive("reservation.updated", moved), listing_id, [days[0], days[4]]


def assert_days_are_true(harness: EventsHarness, listing_id: int, days: Iterable[str]) -> None:
    for day in days:
        truth = harness.control.patch_day(listing_id, day, {}, account_id=701)
        landed = harness.landed("calendar_days", f"{listing_id}:{day}")
        assert landed is not None
        assert landed["isAvailable"] == truth["isAvailable"], day


def test_nights_that_could_not_be_read_are_read_later_the_old_ones_too(harness: EventsHarness) -> None:
    event_id, listing_id, days = moved_with_blocked_calendar(harness)
    harness.run_worker()
    assert harness.event(event_id)["state"] == "pending"
    harness.control.clear_faults()
    harness.due_now()
    harness.run_worker()
    assert harness.event(event_id)["state"] == "done"
    assert_days_are_true(harness, listing_id, days)


def test_nights_outlive_a_turn_that_does_not_get_to_them(harness: EventsHarness) -> None:
    event_id, listing_id, days = moved_with_blocked_calendar(harness)
    harness.run_worker()
    harness.control.clear_faults()
    # The account is throttled while others, who have waited longer, are read.
    others = [
        harness.control.patch("reservations", number, {}, account_id=701)
        for number in harness.ids("reservations")[8:16]
    ]
    first = [harness.receive("reservation.updated", data) for data in others]
    harness.due_now()
    harness.warehouse.execute(
        "update ops.webhook_events set next_try_at = now() - interval '1 hour' where event_id = any(%s)", [first]
    )
    harness.control.fault("status_429", match={"account": 701}, times=0, retry_after=1)
    harness.run_worker()
    assert harness.event(event_id)["state"] == "pending"
    harness.control.clear_faults()
    harness.due_now()
    harness.run_worker()
    assert harness.event(event_id)["state"] == "done"
    assert_days_are_true(harness, listing_id, days)


def test_the_nights_of_a_reservation_that_is_gone_are_read_before_its_event_ends(harness: EventsHarness) -> None:
    event_id, listing_id, days = moved_with_blocked_calendar(harness)
    harness.control.delete("reservations", harness.event(event_id)["object_id"], account_id=701)
    for _ in range(3):
        harness.due_now()
        harness.run_worker()
    assert harness.event(event_id)["state"] == "pending"
    harness.control.clear_faults()
    for _ in range(2):
        harness.due_now()
        harness.run_worker()
    assert harness.event(event_id)["state"] == "object_deleted"
    assert_days_are_true(harness, listing_id, days)


def test_a_change_that_leaves_the_nights_alone_costs_one_call(harness: EventsHarness) -> None:
    changed = harness.control.patch(
        "reservations", harness.ids("reservations")[3], {"doorCode": "1234"}, account_id=701
    )
    harness.receive("reservation.updated", changed)
    harness.control.reset(only_stats=True)
    harness.run_worker()
    assert sum(harness.control.stats()["calls"]["701"].values()) == 1


def test_a_reservation_that_is_gone_is_asked_for_twice_and_marked(harness: EventsHarness) -> None:
    reservation_id = harness.ids("reservations")[8]
    truth = harness.control.object("reservations", reservation_id, 701)
    event_id = harness.receive("reservation.updated", truth)
    harness.control.delete("reservations", reservation_id, account_id=701)
    harness.run_worker()
    assert harness.event(event_id)["state"] == "pending"
    assert "404" in harness.event(event_id)["reason"]
    assert harness.landed("reservations", reservation_id)
    harness.due_now()
    harness.run_worker()
    assert harness.event(event_id)["state"] == "object_deleted"
    assert harness.landed("reservations", reservation_id) is None


def test_other_failures_do_not_count_as_not_being_there(harness: EventsHarness) -> None:
    reservation_id = harness.ids("reservations")[8]
    event_id = harness.receive("reservation.updated", harness.control.object("reservations", reservation_id, 701))
    harness.control.fault("status_5xx", match={"path": f"/v1/reservations/{reservation_id}"}, times=1)
    harness.run_worker()
    harness.control.delete("reservations", reservation_id, account_id=701)
    for state in ("pending", "object_deleted"):
        harness.due_now()
        harness.run_worker()
        assert harness.event(event_id)["state"] == state


def test_what_was_never_seen_here_may_be_slow_to_appear(harness: EventsHarness) -> None:
    first, second = (harness.control.create("reservations", {}, account_id=701)["id"] for _ in range(2))
    number = 2 * second - first
    event_id = harness.receive("reservation.created", {"id": number})
    for _ in range(2):
        harness.due_now()
        harness.run_worker()
    assert harness.event(event_id)["state"] == "pending"
    assert harness.control.create("reservations", {}, account_id=701)["id"] == number
    harness.due_now()
    harness.run_worker()
    assert harness.event(event_id)["state"] == "done"
    assert harness.landed("reservations", number)


def test_a_run_stays_for_a_try_that_falls_due_while_it_may_last(harness: EventsHarness) -> None:
    reservation_id = harness.ids("reservations")[8]
    event_id = harness.receive("reservation.updated", harness.control.object("reservations", reservation_id, 701))
    harness.control.delete("reservations", reservation_id, account_id=701)
    harness.let_the_worker_retry()
    harness.run_worker(linger=0.1)
    assert harness.event(event_id)["state"] == "object_deleted"


def test_an_object_that_cannot_be_understood_is_dead_and_in_quarantine(harness: EventsHarness) -> None:
    good, bad = harness.ids("reservations")[:2]
    broken = harness.control.patch("reservations", bad, {"listingMapId": "none"}, account_id=701)
    fine = harness.control.patch("reservations", good, {"hostNote": "fine"}, account_id=701)
    events = [harness.receive("reservation.updated", data) for data in (broken, fine)]
    harness.run_worker()
    assert [harness.event(event)["state"] for event in events] == ["dead", "done"]
    assert "listingMapId: must be an id" in harness.event(events[0])["reason"]
    row = harness.warehouse.execute("select reason from ops.quarantine where entity_id = %s", [str(bad)]).fetchone()
    assert row is not None
    assert (harness.landed("reservations", good) or {}).get("financeField")


def test_odd_values_of_a_message_cost_neither_it_nor_the_others_of_its_thread(harness: EventsHarness) -> None:
    conversation_id = harness.ids("conversations")[0]
    bad = harness.control.create("messages", {"conversationId": conversation_id}, account_id=701)
    bad = harness.control.patch("messages", bad["id"], {"isIncoming": "maybe"}, account_id=701)
    good = harness.control.create("messages", {"conversationId": conversation_id, "body": "fine"}, account_id=701)
    events = [harness.receive("message.received", {**data, "conversationId": conversation_id}) for data in (bad, good)]
    harness.run_worker()
    assert [harness.event(event)["state"] for event in events] == ["done", "done"]
    [warning] = harness.warehouse.execute("select entity_id, severity, reason from ops.quarantine").fetchall()
    assert (warning["entity_id"], warning["severity"]) == (str(bad["id"]), "accepted")
    assert "isIncoming" in warning["reason"]
    assert harness.landed("messages", bad["id"])
    assert harness.landed("messages", good["id"])


def test_the_sync_log_has_what_a_delta_cost(harness: EventsHarness) -> None:
    changed = harness.control.patch(
        "reservations", harness.ids("reservations")[3], {"hostNote": "late"}, account_id=701
    )
    harness.receive("reservation.updated", changed)
    harness.run_worker()
    row = harness.warehouse.execute("select * from ops.sync_runs where mode = 'delta'").fetchone()
    assert row is not None
    assert (row["run_key"], row["resource"], row["status"]) == ("test__1", "reservations", "complete")
    assert (row["rows_seen"], row["rows_changed"], row["api_calls"]) == (1, 1, 1)


def test_what_is_switched_off_for_an_account_does_not_come_by_events(harness: EventsHarness) -> None:
    harness.warehouse.execute(
        "update ops.accounts set options = %s where account_id = 701",
        ['{"resources": {"conversations": false, "messages": false, "calendar_days": false}}'],
    )
    thread = harness.control.object("conversations", harness.ids("conversations")[4], 701)
    message = harness.control.create("messages", {"conversationId": thread["id"]}, account_id=701)
    ignored = harness.receive("message.received", message)
    moved = harness.control.patch(
        "reservations", harness.ids("reservations")[3], {"status": "cancelled"}, account_id=701
    )
    served = harness.receive("reservation.updated", moved)
    harness.control.reset(only_stats=True)
    harness.run_worker()
    assert (harness.event(ignored)["state"], harness.event(served)["state"]) == ("ignored", "done")
    assert harness.landed("messages", message["id"]) is None
    assert sum(harness.control.stats()["calls"]["701"].values()) == 1
