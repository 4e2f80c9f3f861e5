"""A run of `hostaway_delta`: processes the inbox of all accounts, then waits a short time for the next event.

    main thread    due accounts? ─► batch ─► batch ─► … ─► none due: listen for the next event, then end
    batches        one thread per account: read, land, mark the events
    transform      a thread of its own: transforms what has landed, repeatedly while rows land

Starting a run costs more than processing an event. So an idle run lingers, and no run has to be requested for events
that arrive in this time (see `lease`). A run ends after one minute at the latest: its log stays short, and a new
version of the code is soon in use.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from typing import Any

import psycopg
import structlog
from structlog.contextvars import bound_contextvars

from sync_hostaway.accounts.registry import client_for
from sync_hostaway.core.db import Connection, WarehousePool, advisory_lock, connect, connection_pool
from sync_hostaway.core.exceptions import (
    AccountError,
    ConfigurationError,
    InactiveAccount,
    TransformFailed,
    WarehouseUnavailable,
)
from sync_hostaway.core.failures import log_fields
from sync_hostaway.core.settings import get_settings
from sync_hostaway.core.threads import ContextThreads
from sync_hostaway.events.account_inbox import AccountInbox, due_accounts, has_pending_delta_loads, seconds_until_due
from sync_hostaway.events.batch import AccountBatch, BatchResult
from sync_hostaway.events.handlers import EventHandlerThread
from sync_hostaway.events.lease import has_active_worker, hold_lease, notify_worker, wait_for_event
from sync_hostaway.events.worker_result import WorkerResult
from sync_hostaway.hostaway.budget_connection import shared_connection
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.transforms import TransformResult, run_transform
from sync_hostaway.transforms.ledger import is_transform_running

log = structlog.get_logger(__name__)

_LINGER = 10.0
_LIFETIME = 60.0
# Seconds of the final poll; accounts that become due later are left to the next run.
_FINAL_POLL = 5.0
_MAX_PARALLEL_ACCOUNTS = 16
_EVENTS_PER_BATCH = 200
# Seconds to wait for a permit or a response. After that the inbox retries the event, not the client.
_REQUEST_TIMEOUT = 10.0
_POLL_INTERVAL = 0.2
# Seconds until the next attempt: for an account that another worker processes; after a lost connection or a failed
# transform; for an account without usable credentials.
_BUSY_PAUSE, _RECOVERY_PAUSE, _UNUSABLE_PAUSE = 0.5, 5.0, 30.0

Transform = Callable[[str], TransformResult]


def transform_pending_loads(run_key: str) -> TransformResult:
    """Transform all pending loads of all accounts."""
    return run_transform(requested_by=run_key, marts=False)


def run_worker(
    run_key: str,
    *,
    linger: float = _LINGER,
    lifetime: float = _LIFETIME,
    transform: Transform | None = transform_pending_loads,
) -> WorkerResult:
    """Process all due events, and those that arrive while the run lingers.

    :param run_key: stored with every event and in the sync log.
    :param linger: seconds without an event after which the run ends.
    :param lifetime: seconds after which the run accepts no more work.
    :param transform: transforms what has landed; None: another run does it.
    :raises TransformFailed: after all rows have landed; the loads stay pending.
    :raises WarehouseUnavailable: when the database cannot be reached; events that were not landed stay pending.
    """
    began = time.monotonic()
    try:
        with (
            bound_contextvars(run=run_key),
            connect(application="sync-hostaway delta") as connection,
            EventHandlerThread(get_settings().event_handler) as event_handler,
            connection_pool(
                "sync-hostaway delta", max_size=_MAX_PARALLEL_ACCOUNTS, timeout=_REQUEST_TIMEOUT
            ) as account_connections,
            shared_connection().kept_open(),
            ContextThreads(_MAX_PARALLEL_ACCOUNTS, thread_name_prefix="account") as account_pool,
            ContextThreads(1, thread_name_prefix="transform") as transform_pool,
        ):
            run = _Run(run_key, transform, connection, event_handler, account_connections, account_pool, transform_pool)
            with hold_lease(connection) as ours:
                if ours:
                    run.process_due(linger, until=began + lifetime, holds_lease=True)
            # No run was requested for events that were committed while we held the lease: poll once more.
            run.process_due(until=time.monotonic() + _FINAL_POLL)
            run.finish()
    except psycopg.OperationalError as error:
        raise WarehouseUnavailable(
            f"The connection to the database was lost: {str(error).strip()}. Events that had not landed stay pending"
        ) from error
    run.result.seconds = time.monotonic() - began
    if run.failure:
        raise run.failure
    return run.result


class _Run:
    """State of a run. All methods run in the main thread, except `_process_batch` and what it calls."""

    def __init__(
        self,
        run_key: str,
        transform: Transform | None,
        connection: Connection,
        event_handler: EventHandlerThread,
        account_connections: WarehousePool,
        account_pool: ThreadPoolExecutor,
        transform_pool: ThreadPoolExecutor,
    ) -> None:
        self.result = WorkerResult()
        self.failure: TransformFailed | None = None
        self._run_key = run_key
        self._transform = transform
        self._connection = connection
        self._event_handler = event_handler
        self._account_connections = account_connections
        self._account_pool = account_pool
        self._transform_pool = transform_pool
        self._batches: dict[Future[BatchResult | None], int] = {}
        self._transforming: Future[TransformResult] | None = None
        self._transform_at = 0.0
        self._transform_is_waiting = False
        self._retry_at: dict[int, float] = {}
        self._processed_at: dict[int, float] = {}
        self._one_by_one: set[int] = set()

    def process_due(self, linger: float = 0.0, *, until: float, holds_lease: bool = False) -> None:
        """Process due accounts, until none has been due for `linger` seconds.

        :param until: monotonic time at which it returns. Batches may still be running then, as they take long if
            Hostaway is slow: the lease must not be held for so long.
        """
        busy_at = time.monotonic()
        while time.monotonic() < until:
            self._start_batches()
            self._start_transform(holds_lease=holds_lease)
            if self._is_busy:
                self._wait()
                busy_at = time.monotonic()
                continue
            now = time.monotonic()
            linger_left, time_left, until_due = busy_at + linger - now, until - now, self._seconds_until_due()
            # Events of an account that another worker processes must not be left to the next run, either.
            may_wait = bool(linger or self._retry_at)
            # Wait for an attempt that becomes due during this run: another run would cost more.
            if not may_wait or self.failure or (linger_left <= 0 and until_due > time_left):
                return
            pause = min(until_due, time_left, linger_left if linger_left > 0 else until_due)
            wait_for_event(
                self._connection, max(min(pause, _POLL_INTERVAL) if self._transform_is_waiting else pause, 0.0)
            )

    def finish(self) -> None:
        """Finish the running batches and transform what they landed.

        If another transform is running, the receiver requests a run after it.
        """
        while True:
            self._start_transform(holds_lease=False)
            if not self._is_busy:
                return
            self._wait()

    @property
    def _is_busy(self) -> bool:
        return bool(self._batches or self._transforming)

    def _wait(self) -> None:
        """Wait for the first batch or transform to finish, but only shortly: other accounts may become due."""
        futures: list[Future[Any]] = [*self._batches, *([self._transforming] if self._transforming else [])]
        wait(futures, timeout=_POLL_INTERVAL, return_when=FIRST_COMPLETED)
        self._collect()

    def _start_batches(self) -> None:
        now = time.monotonic()
        self._retry_at = {account_id: until for account_id, until in self._retry_at.items() if until > now}
        busy = [*self._batches.values(), *self._retry_at]
        # Accounts processed longest ago come first: the rest of a large backlog would otherwise delay newer events.
        due = sorted(
            due_accounts(self._connection, busy), key=lambda account_id: self._processed_at.get(account_id, 0.0)
        )
        for account_id in due[: _MAX_PARALLEL_ACCOUNTS - len(self._batches)]:
            self._processed_at[account_id] = now
            self._batches[self._account_pool.submit(self._process_batch, account_id)] = account_id

    def _start_transform(self, *, holds_lease: bool) -> None:
        """Start a transform of the pending loads, if this run should do it.

        Only the holder of the lease transforms; without one, any run does. Pending loads are in the ledger, so a killed
        run loses nothing. If another transform is running, return instead of blocking: otherwise all runs could wait
        for it for minutes, and none would read due events.
        """
        self._transform_is_waiting = False
        if not self._transform or self._transforming or not has_pending_delta_loads(self._connection):
            return
        if not holds_lease and has_active_worker(self._connection):
            return
        self._transform_is_waiting = time.monotonic() < self._transform_at or is_transform_running(self._connection)
        if not self._transform_is_waiting:
            self._transforming = self._transform_pool.submit(self._transform, self._run_key)

    def _collect(self) -> None:
        for future in [future for future in self._batches if future.done()]:
            account_id = self._batches.pop(future)
            try:
                result = future.result()
            except (psycopg.OperationalError, WarehouseUnavailable) as error:
                self._handle_lost_connection("batch_lost_connection", error, account_id=account_id)
                self._retry_at[account_id] = time.monotonic() + _RECOVERY_PAUSE
                continue
            if result is None:
                self._retry_at[account_id] = time.monotonic() + _BUSY_PAUSE
                continue
            self.result.batches += 1
            self.result.accounts.setdefault(account_id, BatchResult(account_id)).add(result)
        if self._transforming and self._transforming.done():
            transformed, self._transforming = self._transforming, None
            try:
                transform_result = transformed.result()
                self.failure = None
                if transform_result.transform_id:
                    self.result.transforms.append(transform_result)
            except (psycopg.OperationalError, WarehouseUnavailable) as error:
                self._handle_lost_connection("transform_lost_connection", error)
                self._transform_at = time.monotonic() + _RECOVERY_PAUSE
            except TransformFailed as error:
                # The remaining events still land. The run tries again while there are such events.
                self.failure = error
                self._transform_at = time.monotonic() + _RECOVERY_PAUSE

    def _handle_lost_connection(self, what: str, error: Exception, **context: Any) -> None:
        """Log the error if only that connection was lost, because of a connection limit for example; else raise."""
        self._connection.execute("select")
        log.warning(what, error=f"{type(error).__name__}: {error}", **context)

    def _seconds_until_due(self) -> float:
        until_due = seconds_until_due(self._connection, busy=self._retry_at)
        until_retry = min(self._retry_at.values(), default=float("inf")) - time.monotonic()
        return max(min(until_due, until_retry), 0.0)

    def _process_batch(self, account_id: int) -> BatchResult | None:
        """Process one batch of an account; None when another worker holds its lock."""
        with (
            bound_contextvars(account_id=account_id),
            self._account_connections.connection() as connection,
            advisory_lock(connection, "delta", account_id, wait=False) as ours,
        ):
            return self._process_account(connection, account_id) if ours else None

    def _process_account(self, connection: Connection, account_id: int) -> BatchResult:
        inbox = AccountInbox(connection, account_id, self._run_key)
        events = inbox.due(1 if account_id in self._one_by_one else _EVENTS_PER_BATCH)
        try:
            with client_for(
                connection,
                account_id,
                Priority.DELTA,
                single_try_timeout=_REQUEST_TIMEOUT,
                shares_connection=True,
            ) as client:
                batch = AccountBatch(connection, client, inbox, self._run_key)
                result = batch.process(events)
        except InactiveAccount:
            # It was disabled a moment ago; its events stay as they are.
            return BatchResult(account_id)
        except (AccountError, ConfigurationError) as error:
            inbox.postpone_account(_UNUSABLE_PAUSE, f"{type(error).__name__}: {error}")
            return BatchResult(account_id)
        except Exception as error:
            if connection.closed or isinstance(error, WarehouseUnavailable):
                raise
            # An unexpected error must not stop other accounts, nor the other events of this account.
            log.error("batch_failed", account_id=account_id, **log_fields(error))  # noqa: TRY400 - may quote payloads
            if len(events) > 1:
                self._one_by_one.add(account_id)
                return BatchResult(account_id)
            inbox.fail(events, f"{type(error).__name__}, see the log of run {self._run_key}")
            return BatchResult(account_id, failed=len(events))
        if result.landed:
            # The holder of the lease transforms what other workers have landed.
            notify_worker(connection)
        for change in batch.changes:
            self._event_handler.notify(account_id, change.event.event, change.before, change.after)
        log.info("batch_finished", **asdict(result))
        return result
