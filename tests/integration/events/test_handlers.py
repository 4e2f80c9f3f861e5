"""A user's event handler is called for every event, and its errors do not affect the sync."""

from __future__ import annotations

import pytest
import structlog

import event_handlers
from events_harness import EventsHarness
from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events import handlers

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def calls() -> list[tuple[object, ...]]:
    event_handlers.calls.clear()
    return event_handlers.calls


def choose(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__EVENT_HANDLER", name)
    get_settings.cache_clear()


def change(harness: EventsHarness, note: str, place: int = 3) -> int:
    changed = harness.control.patch(
        "reservations", harness.ids("reservations")[place], {"hostNote": note}, account_id=701
    )
    return harness.receive("reservation.updated", changed)


def test_it_gets_the_payloads_before_and_after(
    harness: EventsHarness, monkeypatch: pytest.MonkeyPatch, calls: list[tuple[object, ...]]
) -> None:
    choose(monkeypatch, "event_handlers:RecordingHandler")
    for note in ("first", "second"):
        change(harness, note)
        harness.run_worker()
    reservation_id = harness.ids("reservations")[3]
    harness.receive(
        "reservation.updated", harness.control.object("reservations", reservation_id, 701) | {"doorCode": "1"}
    )
    harness.control.delete("reservations", reservation_id, account_id=701)
    for _ in range(2):
        harness.due_now()
        harness.run_worker()
    assert [news[3] for news in calls] == ["first", "second", None]
    assert calls[1:] == [(701, "reservation.updated", "first", "second"), (701, "reservation.updated", "second", None)]


def test_it_is_called_once_for_a_delivery_that_is_repeated(
    harness: EventsHarness, calls: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, "event_handlers:RecordingHandler")
    changed = harness.control.patch("reservations", harness.ids("reservations")[3], {"hostNote": "new"}, account_id=701)
    harness.receive("reservation.updated", changed)
    with harness.running_worker(hold=701):
        harness.receive("reservation.updated", changed)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "name", ["event_handlers:FailingHandler", "event_handlers:Missing", "no_such_package.at_all:Class"]
)
def test_its_trouble_is_logged_and_touches_nothing(
    harness: EventsHarness, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    choose(monkeypatch, name)
    events = [change(harness, "one", 3), change(harness, "two", 4)]
    with structlog.testing.capture_logs() as log:
        harness.run_worker()
    assert [harness.event(event)["state"] for event in events] == ["done", "done"]
    assert any(entry["event"] in ("event_handler_failed", "event_handler_missing") for entry in log)


def test_one_that_does_not_come_back_does_not_keep_a_run(
    harness: EventsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, "event_handlers:BlockedHandler")
    monkeypatch.setattr(handlers, "_STOP_TIMEOUT", 0.2)
    event_id = change(harness, "one")
    try:
        harness.run_worker()
        assert not event_handlers.returned.is_set()
    finally:
        event_handlers.release.set()
    assert harness.event(event_id)["state"] == "done"


def test_a_name_that_cannot_be_one_is_refused_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, "not a class")
    with pytest.raises(ConfigurationError, match="EVENT_HANDLER"):
        get_settings()
