"""A run of `hostaway_poll`: polls every account that is due, and processes the events."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from traceback import format_tb
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from sync_hostaway.accounts.registry import client_for, mark_credentials_rejected
from sync_hostaway.core.db import connect
from sync_hostaway.core.exceptions import CredentialsRejected, SyncHostawayError
from sync_hostaway.core.settings import get_settings
from sync_hostaway.core.threads import ContextThreads
from sync_hostaway.events.worker import Transform, WorkerResult, run_worker, transform_pending_loads
from sync_hostaway.hostaway.rate_limiter import Priority
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
            "served": self.worker.summary() if self.worker else None,
        }


def poll_accounts(
    run_key: str,
    *,
    every: timedelta | None = None,
    lifetime: float | None = None,
    account_ids: Iterable[int] | None = None,
    transform: Transform | None = transform_pending_loads,
) -> PollResult:
    """Poll the accounts that are due. An error of one does not delay the others.

    The events are processed at once, by this run or by a running one of `hostaway_delta`.

    :param run_key: stored with the rows that it lands.
    :param every: the polling interval of an account; by default that of `fitting_interval`.
    :param lifetime: seconds after which it begins no other account; by default, most of the time until the next run.
    :param account_ids: poll these now, also if they were polled just before.
    :param transform: builds the core tables; None: another run does that.
    """
    run_every = timedelta(minutes=get_settings().poll_every_minutes)
    deadline = time.monotonic() + (lifetime if lifetime is not None else 0.8 * run_every.total_seconds())
    with connect(application="sync-hostaway poll") as connection:
        every = every if every is not None else fitting_interval(connection)
        due = due_accounts(
            connection, max(every - _SLACK, timedelta()) if account_ids is None else timedelta(), account_ids
        )

    def poll_in_time(account_id: int) -> AccountPoll | None:
        return _poll(account_id, run_key) if time.monotonic() < deadline else None

    with ContextThreads(_MAX_PARALLEL_ACCOUNTS, thread_name_prefix="poll") as threads:
        polled = list(threads.map(poll_in_time, due))
    result = PollResult([poll for poll in polled if poll], left=polled.count(None))
    if any(poll.events for poll in result.accounts):
        result.worker = run_worker(run_key, linger=0.0, transform=transform)
    if transform and any(poll.landed for poll in result.accounts):
        result.transform = transform(run_key)
    return result


def _poll(account_id: int, run_key: str) -> AccountPoll:
    with (
        bound_contextvars(account_id=account_id, run=run_key),
        connect(application="sync-hostaway poll") as connection,
    ):
        try:
            with client_for(
                connection, account_id, Priority.INCREMENTAL, single_try_timeout=_REQUEST_TIMEOUT
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
