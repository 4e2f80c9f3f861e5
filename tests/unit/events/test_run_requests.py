"""How often a delta run is requested, with an Airflow whose runs begin when the test starts them."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.core.exceptions import RunNotRequested
from sync_hostaway.core.run_trigger import RunTrigger
from sync_hostaway.events import run_requests as delta_requests
from sync_hostaway.events.run_requests import DeltaRunRequests, Work, request_delta

START = datetime(2026, 5, 20, 10, 0, tzinfo=UTC)


class Scheduler:
    """Runs by id: when each may begin, and when it did."""

    def __init__(self) -> None:
        self.now = START
        self.runs: dict[str, datetime] = {}
        self.began: dict[str, datetime] = {}

    def request_run(
        self, dag_id: str, run_id: str, *, conf: dict[str, Any] | None = None, run_after: datetime | None = None
    ) -> str:
        self.runs.setdefault(run_id, run_after or self.now)
        return "success" if run_id in self.began else "queued"

    def is_waiting(self, dag_id: str, until: datetime) -> bool:
        return any(run_id not in self.began and after <= until for run_id, after in self.runs.items())

    def request_parse(self, account_id: int) -> None:
        """Airflow reads its files when it likes."""

    def begin_due_runs(self) -> None:
        for run_id, after in self.runs.items():
            if after <= self.now:
                self.began.setdefault(run_id, self.now)

    def ask(self) -> None:
        request_delta(self, lambda: self.now)


def test_the_first_event_gets_a_run_at_once() -> None:
    scheduler = Scheduler()
    scheduler.ask()
    assert list(scheduler.runs.values()) == [START]


def test_while_nothing_begins_there_is_one_run_however_long_and_much_is_asked() -> None:
    # A paused Dag, a scheduler that is away.
    scheduler = Scheduler()
    for second in range(600):
        scheduler.now = START + timedelta(seconds=second)
        scheduler.ask()
    assert len(scheduler.runs) == 1


def test_a_run_planned_for_another_day_does_not_count_now() -> None:
    scheduler = Scheduler()
    scheduler.runs["tomorrow"] = START + timedelta(days=1)
    scheduler.ask()
    assert START in scheduler.runs.values()


def test_a_scheduler_whose_clock_is_ahead_is_noticed() -> None:
    scheduler = Scheduler()
    for _ in range(3):
        scheduler.ask()
        scheduler.began = dict.fromkeys(scheduler.runs, scheduler.now)
    scheduler.ask()
    assert scheduler.is_waiting("hostaway_delta", START + timedelta(seconds=5))


def test_an_airflow_where_every_run_has_begun_is_reported() -> None:
    class Broken(Scheduler):
        def request_run(self, *arguments: Any, **more: Any) -> str:
            return "running"

    with pytest.raises(RunNotRequested, match="has started already"):
        request_delta(Broken(), lambda: START)


class AtOnce(Scheduler):
    """Every run begins as soon as it is asked for."""

    def is_waiting(self, dag_id: str, until: datetime) -> bool:
        return False


async def look(trigger: RunTrigger, number: int, *, between: Work = Work.UNCLAIMED) -> list[float]:
    """Keep work pending, and return the times of the polls in seconds.

    :param between: what every second look finds.
    """
    looks: list[float] = []
    enough = asyncio.Event()

    async def found() -> Work:
        looks.append(time.monotonic())
        if len(looks) == number:
            enough.set()
        return between if len(looks) % 2 == 0 else Work.UNCLAIMED

    asking = asyncio.create_task(DeltaRunRequests(trigger, found).run())
    async with asyncio.timeout(60):
        await enough.wait()
    asking.cancel()
    return looks


def test_a_run_without_effect_is_requested_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Runs that fail for any reason do not fill Airflow."""
    monkeypatch.setattr(delta_requests, "_POLL_INTERVAL", 0.02)
    monkeypatch.setattr(delta_requests, "_PAUSE", 0.0)
    looks = asyncio.run(look(AtOnce(), 6))
    # The first look is asked for; the pauses after it double.
    assert looks[-1] - looks[0] >= 0.02 * (1 + 2 + 4 + 8 + 16)


def test_that_a_run_is_at_it_for_long_makes_the_looks_no_more_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may fail in the end as the last one did."""
    monkeypatch.setattr(delta_requests, "_POLL_INTERVAL", 0.02)
    monkeypatch.setattr(delta_requests, "_PAUSE", 0.0)
    looks = asyncio.run(look(AtOnce(), 7, between=Work.CLAIMED))
    assert looks[-1] - looks[0] >= 0.02 * (1 + 1 + 2 + 2 + 4 + 4)


def test_polls_do_not_become_rarer_while_a_run_is_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an outage of the scheduler, new events are found as quickly as before."""
    monkeypatch.setattr(delta_requests, "_POLL_INTERVAL", 0.02)
    monkeypatch.setattr(delta_requests, "_PAUSE", 0.0)
    # If they did, it would take five minutes.
    asyncio.run(look(Scheduler(), 15))


def test_a_request_that_hangs_does_not_prevent_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_requests, "_REQUEST_TIMEOUT", 0.05)
    monkeypatch.setattr(delta_requests, "_PAUSE_AFTER_FAILURE", 0.0)
    release = threading.Event()

    class Hanging(Scheduler):
        def is_waiting(self, dag_id: str, until: datetime) -> bool:
            release.wait(200)
            return True

    try:
        asyncio.run(look(Hanging(), 3))
    finally:
        release.set()


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["event", "begin"]), st.integers(0, 700)),
        max_size=60,
    )
)
def test_every_event_is_followed_by_the_beginning_of_a_run_and_no_second_has_two(steps: list[tuple[str, int]]) -> None:
    scheduler = Scheduler()
    events: list[datetime] = []
    for what, milliseconds in steps:
        scheduler.now += timedelta(milliseconds=milliseconds + 1)
        if what == "event":
            events.append(scheduler.now)
            scheduler.ask()
        else:
            scheduler.begin_due_runs()
    scheduler.now += timedelta(seconds=2)
    scheduler.begin_due_runs()
    if events:
        assert max(scheduler.began.values()) > events[-1]
    seconds = [after.replace(microsecond=0) for after in scheduler.runs.values()]
    assert len(seconds) == len(set(seconds))
