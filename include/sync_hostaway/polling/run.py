"""A run of `hostaway_poll`: polls every account that is due, and processes the events.

threads       wait until the time of an account's poll ─► poll
main thread   a poll has found changes: process the events in the inbox; the other polls continue
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from traceback import format_tb
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from sync_hostaway.accounts.registry import client_for, mark_credentials_rejected
from sync_hostaway.core.db import WarehousePool, connect, connection_pool
from sync_hostaway.core.exceptions import CredentialsRejected, SyncHostawayError
from sync_hostaway.core.settings import get_settings
from sync_hostaway.core.threads import ContextThreads
from sync_hostaway.events.worker import Transform, run_worker, transform_pending_loads
from sync_hostaway.events.worker_result import WorkerResult
from sync_hostaway.hostaway.budget_connection import shared_connection
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.polling.pace import PlannedPoll, planned_polls, time_to_begin_polls
from sync_hostaway.polling.plan import fitting_interval
from sync_hostaway.polling.poll import AccountPoll, due_accounts, note_failure, poll_account
from sync_hostaway.transforms import TransformResult

log = structlog.get_logger(__name__)

_MAX_PARALLEL_ACCOUNTS = 8
# Seconds to wait for a permit or an answer. After that, the next run polls the account.
_REQUEST_TIMEOUT = 10.0
# Runs begin a little early or late.
_SLACK = timedelta(seconds=20)


@dataclass
class PollResult:
    """The result of a run.

    :param left: due accounts for which the time was not sufficient: the next run begins with them.
    """

    accounts: list[AccountPoll] = field(default_factory=list)
    left: int = 0
    worker: WorkerResult | None = None
    transform: TransformResult | None = None

    def summary(self) -> dict[str, Any]:
        """The result as plain values, for a Dag run's XCom."""
        return {
            "accounts": len(self.accounts),
            "calls": sum(poll.calls for poll in self.accounts),
            "events": sum(poll.events for poll in self.accounts),
            "failed": sum(poll.error is not None for poll in self.accounts),
            "by_list": [poll.account_id for poll in self.accounts if poll.method == "list"],
            "left": self.left,
            "moved": [asdict(poll) for poll in self.accounts if poll.events or poll.landed or poll.error],
            "worker": self.worker.summary() if self.worker else None,
        }


def poll_accounts(
    run_key: str,
    *,
    every: timedelta | None = None,
    lifetime: float | None = None,
    account_ids: Iterable[int] | None = None,
    transform: Transform | None = transform_pending_loads,
) -> PollResult:
    """Poll the accounts that are due, at the pace of their addresses. An error of one does not delay the others.

    The events of a poll are processed at once, by this run or by a running one of `hostaway_delta`.

    :param run_key: stored with the rows that it lands.
    :param every: the polling interval of an account; by default that of `fitting_interval`.
    :param lifetime: seconds after which it begins no other account; by default, most of the time until the next run.
    :param account_ids: poll these now, also if they were polled just before.
    :param transform: builds the core tables; None: another run does that.
    :raises SyncHostawayError: when events could not be processed; all accounts were polled, and the events stay.
    """
    if lifetime is None:
        lifetime = time_to_begin_polls(timedelta(minutes=get_settings().poll_every_minutes))
    began = time.monotonic()
    with connect(application="sync-hostaway poll") as connection:
        if account_ids is None:
            every = max((every if every is not None else fitting_interval(connection)) - _SLACK, timedelta())
            # An account that becomes due before the next run is polled now. To wait for it would keep a slot of a
            # worker busy; to leave it to the next run would make its interval longer.
            due = due_accounts(connection, every, within=lifetime)
        else:
            due = due_accounts(connection, timedelta(), account_ids)
    planned = planned_polls(due, get_settings())
    result, events = PollResult(), _Events(run_key, transform)

    def take(poll: AccountPoll, ended_at: float) -> None:
        result.accounts.append(poll)
        if poll.events:
            events.process(put_before=ended_at)

    _poll_all([poll for poll in planned if poll.begins_in < lifetime], began, began + lifetime, run_key, take)
    result.left = len(planned) - len(result.accounts)
    result.worker = events.finish()
    if transform and any(poll.landed for poll in result.accounts):
        result.transform = transform(run_key)
    return result


def _poll_all(
    planned: Iterable[PlannedPoll],
    began: float,
    deadline: float,
    run_key: str,
    take: Callable[[AccountPoll, float], None],
) -> None:
    """Poll each account at its time.

    :param deadline: monotonic time after which no poll begins.
    :param take: called in this thread with each result and the time of its end; the other polls continue.
    """
    is_ended = threading.Event()

    def poll_in_time(poll: PlannedPoll) -> tuple[AccountPoll, float] | None:
        is_ended.wait(max(began + poll.begins_in - time.monotonic(), 0.0))
        if is_ended.is_set() or time.monotonic() >= deadline:
            return None
        return _poll(connections, poll.account_id, run_key), time.monotonic()

    with (
        connection_pool("sync-hostaway poll", max_size=_MAX_PARALLEL_ACCOUNTS, timeout=_REQUEST_TIMEOUT) as connections,
        shared_connection().kept_open(),
        ContextThreads(_MAX_PARALLEL_ACCOUNTS, thread_name_prefix="poll") as threads,
    ):
        try:
            for future in as_completed([threads.submit(poll_in_time, poll) for poll in planned]):
                if found := future.result():
                    take(*found)
        finally:
            # After a stop signal, no thread waits for the time of its next poll.
            is_ended.set()


class _Events:
    """Processes the events of polls while other accounts are polled."""

    def __init__(self, run_key: str, transform: Transform | None) -> None:
        self._run_key = run_key
        self._transform = transform
        self._result: WorkerResult | None = None
        self._worker_began = -math.inf
        self._has_failed = False

    def process(self, put_before: float) -> None:
        """Process the events in the inbox, unless the last worker began after they were put there.

        After an error, the events wait until all accounts are polled.
        """
        if self._has_failed or put_before < self._worker_began:
            return
        try:
            self._run_worker()
        except SyncHostawayError as error:
            self._has_failed = True
            log.warning("events_of_polls_wait", error=f"{type(error).__name__}: {error}")

    def finish(self) -> WorkerResult | None:
        """Process the events that wait; the result of all workers, None if there was nothing to process."""
        if self._has_failed:
            self._run_worker()
        return self._result

    def _run_worker(self) -> None:
        self._worker_began = time.monotonic()
        result = run_worker(self._run_key, linger=0.0, transform=self._transform)
        if self._result is None:
            self._result = result
        else:
            self._result.add(result)


def _poll(connections: WarehousePool, account_id: int, run_key: str) -> AccountPoll:
    with bound_contextvars(account_id=account_id, run=run_key), connections.connection() as connection:
        try:
            with client_for(
                connection,
                account_id,
                Priority.INCREMENTAL,
                single_try_timeout=_REQUEST_TIMEOUT,
                shares_connection=True,
            ) as client:
                try:
                    return poll_account(connection, client, run_key)
                except CredentialsRejected as error:
                    mark_credentials_rejected(connection, client, str(error))
                    raise
        except Exception as error:  # noqa: BLE001 - after an error of any kind, the other accounts are polled
            # Only our own messages are known to hold neither secrets nor personal data.
            is_ours = isinstance(error, SyncHostawayError)
            text = f"{type(error).__name__}: {error}" if is_ours else type(error).__name__
            log.warning(
                "account_not_polled",
                account_id=account_id,
                error=text,
                where=None if is_ours else "".join(format_tb(error.__traceback__)),
            )
            if not connection.closed and not connection.broken:
                note_failure(connection, account_id, text)
            return AccountPoll(account_id, error=text)
