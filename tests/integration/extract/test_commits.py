"""Threads are landed after some seconds too, not only by the number of their rows; that changes nothing else."""

from __future__ import annotations

import threading

import pytest

from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.context import Progress
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration


@pytest.fixture
def always_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_hostaway.extract.per_parent._SECONDS_PER_COMMIT", 0.0)


def sync(warehouse: Connection, account: int) -> SyncResult:
    return sync_account(warehouse, account, Mode.FULL, [Resource.CONVERSATIONS, Resource.MESSAGES])[-1]


@pytest.mark.usefixtures("always_late")
def test_what_was_read_has_landed_before_the_rest_is_read(
    warehouse: Connection, warehouse_dsn: str, account: int
) -> None:
    sync_account(warehouse, account, Mode.FULL, [Resource.CONVERSATIONS])
    landed: dict[int, int] = {}

    def look(progress: Progress) -> None:
        assert progress.parents or not progress.seen
        read, _ = progress.parents or (0, 0)
        landed[read] = other.execute("select from ops.conversation_reads").rowcount

    with connect(warehouse_dsn) as other:
        (result,) = sync_account(warehouse, account, Mode.FULL, [Resource.MESSAGES], on_progress=look)
    assert landed == {read: max(read - 1, 0) for read in range(41)}
    assert (result.status, result.api_calls) == ("complete", 40)


@pytest.mark.usefixtures("always_late")
def test_threads_that_all_come_a_little_short_are_doubted_together(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account)
    rule = {"match": {"path": r"/messages\?"}, "times": 0}
    # Of no thread all messages are missing, nor many.
    simulator.control.add_faults([{"kind": "half_page", "keep": 0.7, **rule}, {"kind": "count_off", "by": -5, **rule}])
    result = sync(warehouse, account)
    assert result.status == "incomplete"
    assert "Hostaway still has" in (result.error or "")
    assert warehouse.execute("select from landing.messages where deleted_at is not null").rowcount == 0


@pytest.mark.usefixtures("always_late")
def test_messages_that_are_gone_cost_no_more_calls(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account)
    gone = warehouse.execute(
        "select min(entity_id::bigint) as id from landing.messages group by parent_id order by 1 limit 5"
    ).fetchall()
    for row in gone:
        simulator.control.delete("messages", row["id"], account_id=account)
    result = sync(warehouse, account)
    assert (result.status, result.counts.deleted) == ("complete", 5)
    assert result.api_calls <= 40


def test_after_an_interruption_nothing_is_asked_for(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    """A reference to the error, and so to its frames, keeps no request running."""
    sync_account(warehouse, account, Mode.FULL, [Resource.CONVERSATIONS])

    def interrupt(progress: Progress) -> None:
        if progress.parents and progress.parents[0] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        sync_account(warehouse, account, Mode.FULL, [Resource.MESSAGES], on_progress=interrupt)
    calls = simulator.control.stats()["total"]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("messages")], caught
    assert simulator.control.stats()["total"] == calls


def test_what_was_read_until_an_interruption_is_not_read_again(warehouse: Connection, account: int) -> None:
    sync_account(warehouse, account, Mode.FULL, [Resource.CONVERSATIONS])

    def interrupt(progress: Progress) -> None:
        if progress.parents and progress.parents[0] == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync_account(warehouse, account, Mode.FULL, [Resource.MESSAGES], on_progress=interrupt)
    assert warehouse.execute("select from ops.conversation_reads").rowcount == 19
    log = warehouse.execute("select error, rows_seen > 19 as landed from ops.sync_runs where resource = 'messages'")
    assert log.fetchone() == {"error": "interrupted", "landed": True}
    result = sync(warehouse, account)
    assert (result.status, result.api_calls) == ("complete", 21)
