"""Workers that are killed, workers beside each other, deliveries in any order: the end is what Hostaway has."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from events_harness import EventsHarness
from sync_hostaway.accounts import registry
from sync_hostaway.core.db import Connection, advisory_lock, connect, fetch_value
from sync_hostaway.core.exceptions import TransformFailed, WarehouseUnavailable
from sync_hostaway.events import worker as worker_module
from sync_hostaway.events.lease import has_active_worker, hold_lease, notify_worker, wait_for_event
from sync_hostaway.events.worker import run_worker
from sync_hostaway.transforms import TransformResult
from sync_hostaway.transforms.ledger import transform_lock
from waiting import eventually

pytestmark = pytest.mark.integration

WORKER = """
import sys
from sync_hostaway.events import worker as worker_module
from sync_hostaway.events.worker import run_worker
run_worker(sys.argv[1], linger=float(sys.argv[2]), transform=None)
"""

SHORT_IDLE_TIMEOUT = """
from psycopg.sql import SQL
from sync_hostaway.events import lease
from sync_hostaway.events import worker as worker_module
lease._QUERIES["end_session_when_idle"] = SQL("set idle_session_timeout = '8s'")
wait_for_event = worker_module.wait_for_event
worker_module.wait_for_event = lambda connection, seconds: wait_for_event(connection, min(seconds, 0.2))
"""
IDLE_SESSION_TIMEOUT = sql.SQL("select setting::integer from pg_settings where name = 'idle_session_timeout'")


@contextmanager
def worker_process(name: str, linger: float = 0.0, before: str = "") -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", before + WORKER, name, str(linger)]) as process:
        try:
            yield process
        finally:
            process.kill()


def forget_loads(_: str) -> TransformResult:
    """A transform that is done at once."""
    with connect() as connection:
        connection.execute("delete from ops.loads where transformed_at is null")
    return TransformResult(transform_id=1)


def cancel_some(harness: EventsHarness, places: range) -> dict[int, int]:
    """Cancel reservations and receive the events; returns event by reservation."""
    events = {}
    for place in places:
        reservation_id = harness.ids("reservations")[place]
        changed = harness.control.patch("reservations", reservation_id, {"status": "cancelled"}, account_id=701)
        events[reservation_id] = harness.receive("reservation.updated", changed)
    return events


def assert_landed(harness: EventsHarness, events: dict[int, int]) -> None:
    for reservation_id, event_id in events.items():
        assert harness.event(event_id)["state"] == "done"
        assert (harness.landed("reservations", reservation_id) or {})["status"] == "cancelled"


@pytest.mark.parametrize(
    ("calls_before", "number"), [(0, signal.SIGKILL), (5, signal.SIGKILL), (0, signal.SIGTERM), (5, signal.SIGTERM)]
)
def test_a_worker_that_is_killed_or_stopped_hands_its_events_back(
    harness: EventsHarness, calls_before: int, number: signal.Signals
) -> None:
    events = cancel_some(harness, range(6))
    harness.control.fault("slow", match={"account": 701}, after=calls_before, times=0, seconds=60)
    with worker_process("killed") as process:
        eventually(lambda: sum(fault["applied"] for fault in harness.control.faults()) > 0)
        process.send_signal(number)
        process.wait(timeout=60)
    harness.wait_until_workers_have_ended()
    # In the middle of its turn: nothing is half done.
    assert set(harness.states()) == {"pending"}
    harness.control.clear_faults()
    harness.run_worker()
    assert_landed(harness, events)


def test_a_worker_killed_before_it_marks_its_events_has_landed_nothing_of_them(harness: EventsHarness) -> None:
    """Rows and marks are one transaction: it is killed while it waits for the lock on an event's row."""
    events = cancel_some(harness, range(3))
    last = max(events.values())
    with connect() as holder, holder.transaction(), worker_process("killed") as process:
        holder.execute("select from ops.webhook_events where event_id = %s for update", [last])
        harness.wait_until(
            "select exists (select from pg_stat_activity where wait_event_type = 'Lock'"
            " and application_name = 'sync-hostaway delta' and datname = current_database())"
        )
        process.kill()
        process.wait(timeout=60)
    harness.wait_until_workers_have_ended()
    assert set(harness.states()) == {"pending"}
    for reservation_id in events:
        assert (harness.landed("reservations", reservation_id) or {})["status"] != "cancelled"
    harness.run_worker()
    assert_landed(harness, events)


def test_a_worker_that_loses_its_warehouse_fails_and_the_next_one_continues(harness: EventsHarness) -> None:
    events = cancel_some(harness, range(3))

    def worker_and_disconnect() -> None:
        with harness.running_worker(hold=701):
            harness.warehouse.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'sync-hostaway delta' and datname = current_database()"
            )
            harness.wait_until_workers_have_ended()

    with pytest.raises(WarehouseUnavailable, match="stay pending"):
        worker_and_disconnect()
    assert set(harness.states()) == {"pending"}
    harness.run_worker()
    assert_landed(harness, events)


def test_a_batch_that_loses_its_connection_ends_no_other(
    harness: EventsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long the other account's turn takes
    monkeypatch.setattr(worker_module, "_RECOVERY_PAUSE", 600.0)
    registry.add_account(harness.warehouse, 702, "secret-702")
    cut_off = cancel_some(harness, range(1))
    changed = harness.control.patch("reservations", harness.ids("reservations", 702)[0], {}, account_id=702)
    event_id = harness.receive("reservation.updated", changed, 702)
    with harness.running_worker(hold=701):
        rows = harness.warehouse.execute(
            "select pg_terminate_backend(pid, 60000) as is_gone from pg_locks"
            " where locktype = 'advisory' and objsubid = 1 and ((classid::bigint << 32) + objid::bigint)"
            " = hashtextextended('hostaway delta', 701)"
        )
        assert [row["is_gone"] for row in rows] == [True]
    assert harness.event(event_id)["state"] == "done"
    assert set(harness.states()) == {"pending"}
    harness.run_worker()
    assert_landed(harness, cut_off)


def test_what_comes_again_is_served_though_the_server_has_not_seen_the_last_turn_leave(
    harness: EventsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends a closed connection, and gives back its locks, when it gets round to it."""
    with ExitStack() as open_ones:

        @contextmanager
        def closed_late(**options: Any) -> Iterator[Connection]:
            yield open_ones.enter_context(connect(**options))

        monkeypatch.setattr(worker_module, "connect", closed_late)
        changed = harness.control.patch(
            "reservations", harness.ids("reservations")[0], {"hostNote": "x"}, account_id=701
        )
        event_id = harness.receive("reservation.updated", changed)
        with harness.running_worker(hold=701):
            harness.receive("reservation.updated", changed)
        assert harness.event(event_id)["state"] == "done"


def test_two_workers_at_once_do_the_work_once(harness: EventsHarness) -> None:
    registry.add_account(harness.warehouse, 702, "secret-702")
    events = cancel_some(harness, range(8))
    harness.control.fault("slow", match={"resource": "reservations"}, times=0, seconds=0.3)
    harness.control.reset(only_stats=True)
    with worker_process("one") as one, worker_process("two") as two:
        assert one.wait(timeout=60) == two.wait(timeout=60) == 0
    assert_landed(harness, events)
    assert harness.control.calls("reservations.get", 701) == len(events)


def test_a_worker_that_lingers_attends_until_its_last_look(harness: EventsHarness) -> None:
    assert not has_active_worker(harness.warehouse)
    with worker_process("lingering", linger=60.0) as process:
        eventually(lambda: has_active_worker(harness.warehouse))
        # A second one does not linger beside it.
        assert harness.run_worker(linger=60.0).seconds < 30
        events = cancel_some(harness, range(2))
        harness.wait_until("select not exists (select from ops.webhook_events where state = 'pending')")
        assert_landed(harness, events)
        assert harness.event(max(events.values()))["run_key"] == "lingering"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    eventually(lambda: not has_active_worker(harness.warehouse))


@pytest.fixture
def attended(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of every worker that looked, whether it attended; on a slow machine, a short lease cannot be seen."""
    seen: list[bool] = []

    @contextmanager
    def noted(connection: Connection) -> Iterator[bool]:
        with hold_lease(connection) as ours:
            seen.append(ours and has_active_worker(connection))
            yield ours

    monkeypatch.setattr(worker_module, "hold_lease", noted)
    return seen


def test_a_worker_whose_transform_waits_does_not_count(harness: EventsHarness, attended: list[bool]) -> None:
    begun, release = threading.Event(), threading.Event()

    def transform(_: str) -> TransformResult:
        begun.set()
        release.wait(200)
        harness.warehouse.execute("delete from ops.loads")
        return TransformResult()

    cancel_some(harness, range(1))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run_worker, "waits", linger=30.0, lifetime=1.0, transform=transform)
        try:
            assert begun.wait(60)
            eventually(lambda: not has_active_worker(harness.warehouse))
            assert attended == [True]
            assert not waiting.done()
        finally:
            release.set()
        assert waiting.result(timeout=60).batches == 1


def test_a_worker_does_not_queue_behind_another_transform(
    harness: EventsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise all allowed runs would wait, and no run would process due events."""
    monkeypatch.setattr(worker_module, "_FINAL_POLL", 0.0)
    cancel_some(harness, range(1))
    with connect() as nightly, transform_lock(nightly):
        result = run_worker("one", linger=0.0, lifetime=0.5, transform=forget_loads)
        assert harness.states() == ["done"]
        assert result.transforms == []
    assert len(run_worker("two", linger=0.0, transform=forget_loads).transforms) == 1


def test_rows_that_waited_for_another_transform_are_transformed_after_it(harness: EventsHarness) -> None:
    made: list[str] = []

    def transform(run_key: str) -> TransformResult:
        made.append(run_key)
        raise TransformFailed("so that the run ends")

    cancel_some(harness, range(1))
    with ThreadPoolExecutor(1) as pool, connect() as nightly:
        with transform_lock(nightly):
            waiting = pool.submit(run_worker, "waits", linger=100.0, lifetime=100.0, transform=transform)
            eventually(lambda: harness.states() == ["done"])
            assert made == []
        with pytest.raises(TransformFailed):
            waiting.result(timeout=60)
    assert made == ["waits"]


def test_a_transform_that_failed_is_made_again_by_a_run_that_has_other_work(
    harness: EventsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_RECOVERY_PAUSE", 0.1)
    registry.add_account(harness.warehouse, 702, "secret-702")
    made: list[str] = []

    def transform(run_key: str) -> TransformResult:
        made.append(run_key)
        if len(made) == 1:
            raise TransformFailed("its connection was lost")
        return forget_loads(run_key)

    cancel_some(harness, range(1))
    changed = harness.control.patch("reservations", harness.ids("reservations", 702)[0], {}, account_id=702)
    harness.receive("reservation.updated", changed, 702)
    with harness.running_worker(hold=702, transform=transform):
        eventually(lambda: len(made) == 2)


def test_a_transform_that_loses_its_connection_is_made_again(
    harness: EventsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_RECOVERY_PAUSE", 0.1)
    errors = [psycopg.OperationalError("terminating connection")]

    def transform(run_key: str) -> TransformResult:
        if errors:
            raise errors.pop()
        return forget_loads(run_key)

    cancel_some(harness, range(1))
    assert len(run_worker("one", linger=1.0, transform=transform).transforms) == 1


def test_what_came_while_another_worker_served_its_account_is_seen_by_the_last_look(
    harness: EventsHarness, attended: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_FINAL_POLL", 200.0)
    events = cancel_some(harness, range(1))
    with ThreadPoolExecutor(1) as pool, connect() as another:
        with advisory_lock(another, "delta", 701):
            looking = pool.submit(run_worker, "looks", linger=0.0, lifetime=0.2, transform=None)
            eventually(lambda: attended == [True] and not has_active_worker(harness.warehouse))
            assert not looking.done()
        looking.result(timeout=60)
    assert_landed(harness, events)


def test_a_stopped_worker_does_not_count(harness: EventsHarness) -> None:
    with connect() as workers:
        with hold_lease(workers):
            seconds = fetch_value(workers, IDLE_SESSION_TIMEOUT) / 1000
            assert worker_module._LIFETIME < seconds < 120
        assert fetch_value(workers, IDLE_SESSION_TIMEOUT) == 0
    with worker_process("stopped", linger=60.0, before=SHORT_IDLE_TIMEOUT) as process:
        eventually(lambda: has_active_worker(harness.warehouse))
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: not has_active_worker(harness.warehouse))


def test_a_worker_whose_batch_takes_long_does_not_count(
    harness: EventsHarness, attended: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run does not wait for one slow account: the next events get a run of their own."""
    registry.add_account(harness.warehouse, 702, "secret-702")
    slow = cancel_some(harness, range(1))
    with harness.running_worker(hold=701, linger=30.0, lifetime=1.0):
        # Its last look, unless it is at it already, begins nothing.
        monkeypatch.setattr(worker_module, "_FINAL_POLL", 0.0)
        eventually(lambda: not has_active_worker(harness.warehouse))
        assert attended == [True]
        changed = harness.control.patch("reservations", harness.ids("reservations", 702)[0], {}, account_id=702)
        event_id = harness.receive("reservation.updated", changed, 702)
        harness.run_worker(lifetime=2.0)
        assert harness.event(event_id)["state"] == "done"
        assert set(harness.states()) == {"pending"}
    assert_landed(harness, slow)


def test_a_worker_ends_though_its_backlog_does_not(harness: EventsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_EVENTS_PER_BATCH", 1)
    monkeypatch.setattr(worker_module, "_FINAL_POLL", 0.5)
    harness.control.fault("slow", match={"account": 701}, times=0, seconds=0.3)
    cancel_some(harness, range(20))
    result = run_worker("leaves", linger=1.0, lifetime=0.5, transform=None)
    assert 1 <= result.batches < 10
    assert harness.states().count("done") == result.batches


def test_events_that_come_together_do_not_wake_a_worker_one_by_one(harness: EventsHarness) -> None:
    with connect() as connection, hold_lease(connection):
        for _ in range(50):
            notify_worker(harness.warehouse)
        pauses: list[float] = []
        while not pauses or pauses[-1] < 1.0:
            began = time.monotonic()
            wait_for_event(connection, 1.0)
            pauses.append(time.monotonic() - began)
        assert len(pauses) < 25


def test_a_machine_that_is_cut_off_does_not_keep_its_locks_for_hours(warehouse: Connection) -> None:
    """Seconds after which PostgreSQL gives up a client that says nothing any more."""
    idle, interval, count = (
        int(fetch_value(warehouse, sql.SQL("select current_setting({})").format(f"tcp_keepalives_{name}")))
        for name in ("idle", "interval", "count")
    )
    assert 0 < idle + interval * count <= 60


deliveries = st.lists(
    st.one_of(
        st.tuples(st.just("cancel"), st.integers(0, 4)),
        st.tuples(st.just("move"), st.integers(0, 4)),
        st.tuples(st.just("create"), st.just(0)),
        st.tuples(st.just("write"), st.integers(0, 4)),
        st.tuples(st.just("delete"), st.integers(5, 7)),
        st.tuples(st.just("stumble"), st.integers(0, 2)),
        st.tuples(st.just("worker"), st.just(0)),
    ),
    min_size=3,
    max_size=14,
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=deliveries, seed=st.integers(0, 1000))
def test_every_order_of_deliveries_ends_with_the_state_of_the_source(
    harness: EventsHarness, steps: list[tuple[str, int]], seed: int
) -> None:
    # Drawn beforehand: Hypothesis may end an example at any draw, and its events would never be delivered.
    disorder = Random(seed)
    waiting: list[tuple[str, dict[str, Any]]] = []
    touched: dict[str, set[int]] = {"reservations": set(), "messages": set()}

    def deliver(some: list[tuple[str, dict[str, Any]]]) -> None:
        for event, data in some:
            harness.receive(event, data)

    for action, place in steps:
        if action == "worker":
            # Some of what waits arrives now, in any order, some of it twice; the rest is late.
            disorder.shuffle(waiting)
            now, waiting = waiting[: len(waiting) // 2 + 1], waiting[len(waiting) // 2 :]
            deliver(now)
            harness.run_worker()
            continue
        waiting += happen(harness, action, place, touched)
    disorder.shuffle(waiting)
    deliver(waiting)
    while "pending" in harness.states():
        harness.due_now()
        harness.run_worker()
    harness.control.clear_faults()
    assert_calendars_are_true(harness)
    for resource, identities in touched.items():
        there = set(harness.ids(resource))
        for identity in identities:
            landed = harness.landed(resource, identity)
            if identity not in there:
                assert landed is None
                continue
            truth = harness.control.object(resource, identity, 701)
            assert landed is not None
            for name in ("status", "arrivalDate", "departureDate", "totalPrice", "body"):
                assert landed.get(name) == truth.get(name)


def assert_calendars_are_true(harness: EventsHarness) -> None:
    for row in harness.warehouse.execute("select parent_id, payload from landing.calendar_days").fetchall():
        day = row["payload"]["date"]
        truth = harness.control.patch_day(row["parent_id"], day, {}, account_id=701)
        assert (day, row["payload"]["isAvailable"]) == (day, truth["isAvailable"])


def happen(
    harness: EventsHarness, action: str, place: int, touched: dict[str, set[int]]
) -> list[tuple[str, dict[str, Any]]]:
    """Something happens at the source; returns the events of it, none when it cannot."""
    control = harness.control
    if action == "stumble":
        control.fault("status_5xx", match={"resource": ("reservations", "calendar", "messages")[place]})
        return []
    if action == "create":
        created = control.create("reservations", {}, account_id=701)
        touched["reservations"].add(created["id"])
        return [("reservation.created", created)]
    if action == "write":
        thread = harness.ids("conversations")[place]
        message = control.create("messages", {"conversationId": thread, "body": f"Hello {place}"}, account_id=701)
        touched["messages"].add(message["id"])
        return [("message.received", message)]
    reservation_id = harness.ids("reservations")[place]
    if action == "delete" and min(len(harness.ids("conversations")), len(harness.ids("reservations"))) < 20:
        return []
    if action == "delete":
        last_words = control.object("reservations", reservation_id, 701)
        control.delete("reservations", reservation_id, account_id=701)
        touched["reservations"].add(reservation_id)
        return [("reservation.updated", last_words)]
    changes: dict[str, dict[str, Any]] = {
        "cancel": {"status": "cancelled", "totalPrice": place},
        "move": {"arrivalDate": _day(1 + place), "departureDate": _day(3 + place)},
    }
    touched["reservations"].add(reservation_id)
    return [("reservation.updated", control.patch("reservations", reservation_id, changes[action], account_id=701))]


def _day(number: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=number)).isoformat()
