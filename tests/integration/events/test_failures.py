"""After a failure of one event or account, the others are processed, and nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest

from events_harness import EventsHarness
from sync_hostaway.accounts import registry
from sync_hostaway.accounts.webhook_endpoints import ensure_endpoint
from sync_hostaway.core.db import Connection
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events import fetch_plan, worker
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.simulator import RunningSimulator
from waiting import eventually

pytestmark = pytest.mark.integration

OTHER = 702


@pytest.fixture
def other(harness: EventsHarness, warehouse: Connection) -> int:
    """Account 702, registered and never mirrored."""
    registry.add_account(warehouse, OTHER, "secret-702")
    return OTHER


def change(harness: EventsHarness, account: int = 701, place: int = 3, note: str = "new") -> tuple[int, int]:
    """Change a reservation and receive its event; returns the event and the reservation."""
    reservation_id = harness.ids("reservations", account)[place]
    changed = harness.control.patch("reservations", reservation_id, {"hostNote": note}, account_id=account)
    return harness.receive("reservation.updated", changed, account), reservation_id


def note_of(harness: EventsHarness, reservation_id: int, account: int = 701) -> Any:
    return (harness.landed("reservations", reservation_id, account) or {}).get("hostNote")


def test_only_a_throttled_account_waits_until_its_stamp(harness: EventsHarness, other: int) -> None:
    harness.control.fault("status_429", match={"account": 701}, times=0, retry_after=30)
    throttled, _ = change(harness)
    served, reservation_id = change(harness, other)
    harness.run_worker()
    assert harness.event(served)["state"] == "done"
    assert note_of(harness, reservation_id, other) == "new"
    waiting = harness.event(throttled)
    # It is not the event's fault, and is not counted as a try.
    assert (waiting["state"], waiting["attempts"]) == ("pending", 0)
    assert "HostawayThrottled" in waiting["reason"]
    # Hostaway says whole seconds, rounded up.
    told = timedelta(seconds=30)
    assert waiting["received_at"] + told <= waiting["next_try_at"] <= harness.now() + told + timedelta(seconds=1)


def test_a_slow_account_does_not_hold_up_another(harness: EventsHarness, other: int) -> None:
    slow, _ = change(harness)
    served, _ = change(harness, other)
    with harness.running_worker(hold=701):
        eventually(lambda: harness.event(served)["state"] == "done")
        assert harness.event(slow)["state"] == "pending"
    assert harness.event(slow)["state"] == "done"


def test_a_failing_object_is_tried_later_and_does_not_stop_the_others(harness: EventsHarness) -> None:
    event_id, reservation_id = change(harness)
    fine, _ = change(harness, place=4)
    harness.control.fault("status_5xx", match={"path": f"/v1/reservations/{reservation_id}"}, times=2)
    for number, pause in ((1, timedelta(seconds=1)), (2, timedelta(seconds=2))):
        harness.due_now()
        began = harness.now()
        harness.run_worker()
        event = harness.event(event_id)
        assert (event["state"], event["run_key"]) == ("pending", f"test__{number}")
        assert "HostawayServerError" in event["reason"]
        shortest, longest = harness.pause_of(event_id, began)
        assert shortest <= pause <= longest
    assert harness.event(fine)["state"] == "done"
    harness.due_now()
    harness.run_worker()
    assert (harness.event(event_id)["state"], harness.event(event_id)["attempts"]) == ("done", 3)
    assert note_of(harness, reservation_id) == "new"


def endpoint_of(harness: EventsHarness) -> dict[str, Any]:
    row = harness.warehouse.execute("select * from ops.webhook_endpoints where account_id = 701").fetchone()
    assert row
    return row


def test_out_of_tries_an_event_is_dead_and_says_why(harness: EventsHarness) -> None:
    ensure_endpoint(harness.warehouse, 701)
    event_id, reservation_id = change(harness)
    harness.control.fault("fail_200", match={"path": f"/v1/reservations/{reservation_id}"}, times=0, message="Broken")
    harness.warehouse.execute("update ops.webhook_events set attempts = 19")
    harness.run_worker()
    event = harness.event(event_id)
    assert (event["state"], event["attempts"]) == ("dead", 20)
    # What it was about may still be found in a list.
    assert endpoint_of(harness)["catch_up_requested_at"]
    assert "Broken" in event["reason"]
    harness.control.clear_faults()
    harness.due_now()
    harness.run_worker()
    assert note_of(harness, reservation_id) != "new"


def forbid(warehouse: Connection, condition: LiteralString, error: LiteralString) -> None:
    """Have PostgreSQL refuse some reservations."""
    warehouse.execute(
        f"create function landing.refuse() returns trigger language plpgsql as $$ begin if {condition} then"
        f" raise exception 'no' using errcode = '{error}'; end if; return new; end $$"
    )
    warehouse.execute(
        "create trigger refuse before insert or update on landing.reservations"
        " for each row execute function landing.refuse()"
    )


def test_a_deadlock_of_one_account_does_not_end_other_batches(harness: EventsHarness, other: int) -> None:
    forbid(harness.warehouse, "new.account_id = 701", "deadlock_detected")
    refused, _ = change(harness)
    served, reservation_id = change(harness, other)
    harness.run_worker()
    assert "DeadlockDetected" in harness.event(refused)["reason"]
    assert harness.event(served)["state"] == "done"
    assert note_of(harness, reservation_id, other) == "new"
    harness.warehouse.execute("drop trigger refuse on landing.reservations")
    harness.due_now()
    harness.run_worker()
    assert harness.event(refused)["state"] == "done"


def test_an_event_that_breaks_a_turn_breaks_it_for_no_other_event(harness: EventsHarness) -> None:
    events = [change(harness, place=place) for place in (3, 4, 5, 6)]
    forbid(harness.warehouse, f"new.entity_id = '{events[2][1]}'", "raise_exception")
    harness.run_worker()
    assert harness.states() == ["done", "done", "pending", "done"]


def test_who_was_served_waits_for_who_was_not(
    harness: EventsHarness, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_MAX_PARALLEL_ACCOUNTS", 1)
    monkeypatch.setattr(worker, "_EVENTS_PER_BATCH", 2)
    backlog = [change(harness, place=place)[0] for place in range(6)]
    newest, _ = change(harness, other)
    harness.run_worker()
    assert set(harness.states() + harness.states(other)) == {"done"}
    assert harness.event(newest)["finished_at"] < harness.event(backlog[-1])["finished_at"]


def test_scarce_request_slots_still_bring_events_to_their_end(
    harness: EventsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_plan, "_SECONDS", 1.0)
    # A slot that is overslept is lost: on a slow machine, the wait for one may be long.
    monkeypatch.setattr(worker, "_REQUEST_TIMEOUT", 60.0)
    for name in ("IP", "ACCOUNT"):
        monkeypatch.setenv(f"AIRFLOW__HOSTAWAY__BUDGET_{name}", "4/1")
    get_settings.cache_clear()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for place in range(8):
        reservation_id = harness.ids("reservations")[place]
        stay = {"arrivalDate": today, "departureDate": today}
        harness.receive(
            "reservation.updated", harness.control.patch("reservations", reservation_id, stay, account_id=701)
        )
    harness.control.reset(only_stats=True)
    harness.run_worker()
    assert set(harness.states()) == {"done"}
    assert harness.control.calls("reservations.get", 701) == 8


def test_a_disabled_accounts_events_stay_untouched(harness: EventsHarness) -> None:
    event_id, _ = change(harness)
    registry.disable_account(harness.warehouse, 701)
    before = harness.event(event_id)
    harness.control.reset(only_stats=True)
    harness.run_worker()
    assert harness.event(event_id) == before
    assert harness.control.stats()["total"] == 0


def test_an_account_with_rejected_credentials_stops_and_its_events_wait(harness: EventsHarness, other: int) -> None:
    event_id, reservation_id = change(harness)
    served, _ = change(harness, other)
    harness.control.set_secret(701, "another")
    harness.control.fault("expire_token", match={"account": 701})
    harness.run_worker()
    assert registry.get_account(harness.warehouse, 701).state == "credentials_rejected"
    assert (harness.event(event_id)["state"], harness.event(event_id)["attempts"]) == ("pending", 0)
    assert harness.event(served)["state"] == "done"
    registry.rotate_secret(harness.warehouse, 701, "another")
    harness.run_worker()
    assert harness.event(event_id)["state"] == "done"
    assert note_of(harness, reservation_id) == "new"


def test_an_api_that_is_away_costs_each_event_a_try_and_none_is_lost(
    harness: EventsHarness, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [change(harness, place=place)[0] for place in (3, 4, 5)]
    monkeypatch.setenv("HOSTAWAY_API_URL", "http://127.0.0.1:9")
    get_settings.cache_clear()
    harness.run_worker()
    assert {(harness.event(event)["state"], harness.event(event)["attempts"]) for event in events} == {("pending", 1)}
    monkeypatch.setenv("HOSTAWAY_API_URL", simulator.url)
    get_settings.cache_clear()
    harness.due_now()
    harness.run_worker()
    assert harness.states() == ["done"] * 3


def test_an_account_that_is_disabled_while_its_turn_begins_is_left_as_it_is(
    harness: EventsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id, _ = change(harness)
    before = harness.event(event_id)
    make = registry.client_for

    def disabled_in_between(*arguments: Any, **options: Any) -> HostawayClient:
        registry.disable_account(harness.warehouse, 701)
        return make(*arguments, **options)

    monkeypatch.setattr(worker, "client_for", disabled_in_between)
    harness.run_worker()
    assert harness.event(event_id) == before


def test_what_a_delivery_says_again_while_it_is_read_is_read_again(harness: EventsHarness) -> None:
    """A repeated body can be a change there and back, or no change; it does not show which."""
    event_id, _ = change(harness)
    with harness.running_worker(hold=701):
        # The receiver does not wait for a worker: the worker holds no lock on the event.
        harness.warehouse.execute("set lock_timeout = '1ms'")
        harness.warehouse.execute(
            "update ops.webhook_events set times_received = times_received + 1 where event_id = %s", [event_id]
        )
        harness.warehouse.execute("reset lock_timeout")
    assert harness.event(event_id)["state"] == "done"
    assert harness.control.calls("reservations.get", 701) == 2


def test_calendar_days_that_could_not_be_read_are_tried_again(harness: EventsHarness) -> None:
    reservation = harness.control.create("reservations", {"listingMapId": harness.ids("listings")[0]}, account_id=701)
    today = harness.control.health()["now"][:10]
    reservation = harness.control.patch(
        "reservations", reservation["id"], {"arrivalDate": today, "departureDate": today}, account_id=701
    )
    event_id = harness.receive("reservation.created", reservation)
    harness.control.fault("status_5xx", match={"resource": "calendar"})
    harness.run_worker()
    # The reservation is here already; its event is not done before its nights are.
    assert harness.landed("reservations", reservation["id"])
    assert harness.event(event_id)["state"] == "pending"
    harness.due_now()
    harness.control.reset(only_stats=True)
    harness.run_worker()
    assert harness.event(event_id)["state"] == "done"
    assert harness.control.calls("calendar.list", 701) == 1
