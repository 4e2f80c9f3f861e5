"""Automations of users are told of every event, and cannot touch the sync."""

from __future__ import annotations

import automations
import pytest
import structlog
from delta_hand import Hand

from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events import handlers as dispatch

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def told() -> list[tuple[object, ...]]:
    automations.told.clear()
    return automations.told


def choose(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__AUTOMATION", name)
    get_settings.cache_clear()


def change(hand: Hand, note: str, place: int = 3) -> int:
    changed = hand.control.patch("reservations", hand.ids("reservations")[place], {"hostNote": note}, account_id=701)
    return hand.receive("reservation.updated", changed)


def test_it_is_told_what_was_and_what_is(
    hand: Hand, monkeypatch: pytest.MonkeyPatch, told: list[tuple[object, ...]]
) -> None:
    choose(monkeypatch, "automations:Recorder")
    for note in ("first", "second"):
        change(hand, note)
        hand.drain()
    reservation_id = hand.ids("reservations")[3]
    hand.receive("reservation.updated", hand.control.object("reservations", reservation_id, 701) | {"doorCode": "1"})
    hand.control.delete("reservations", reservation_id, account_id=701)
    for _ in range(2):
        hand.due_now()
        hand.drain()
    assert [news[3] for news in told] == ["first", "second", None]
    assert told[1:] == [(701, "reservation.updated", "first", "second"), (701, "reservation.updated", "second", None)]


def test_it_is_told_once_of_what_is_delivered_again_meanwhile(
    hand: Hand, told: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, "automations:Recorder")
    changed = hand.control.patch("reservations", hand.ids("reservations")[3], {"hostNote": "new"}, account_id=701)
    hand.receive("reservation.updated", changed)
    with hand.draining(hold=701):
        hand.receive("reservation.updated", changed)
    assert len(told) == 1


@pytest.mark.parametrize("name", ["automations:Clumsy", "automations:Nobody", "no_such_package.at_all:Class"])
def test_its_trouble_is_logged_and_touches_nothing(hand: Hand, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    choose(monkeypatch, name)
    events = [change(hand, "one", 3), change(hand, "two", 4)]
    with structlog.testing.capture_logs() as log:
        hand.drain()
    assert [hand.event(event)["state"] for event in events] == ["done", "done"]
    assert any(entry["event"] in ("automation_failed", "automation_missing") for entry in log)


def test_one_that_does_not_come_back_does_not_keep_a_run(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, "automations:Stuck")
    monkeypatch.setattr(dispatch, "_PATIENCE", 0.2)
    event_id = change(hand, "one")
    try:
        hand.drain()
        assert not automations.came_back.is_set()
    finally:
        automations.release.set()
    assert hand.event(event_id)["state"] == "done"


def test_a_name_that_cannot_be_one_is_refused_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, "not a class")
    with pytest.raises(ConfigurationError, match="AUTOMATION"):
        get_settings()
