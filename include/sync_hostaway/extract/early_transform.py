"""Transforms landed rows while another resource of the same run has errors, or while a sync takes long.

The transform at the end of a run waits for the last retry of the last resource, which takes minutes to hours. So if a
resource failed and will be retried, each task of the run transforms the landed rows when it ends. A task that waits
for a response, after those of other resources have ended, transforms before it repeats the request. And a task that
lands rows for minutes, as in the first sync of a large account, transforms them from time to time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from sync_hostaway.core.db import Connection, fetch_value
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.extract.context import QUERIES, Progress
from sync_hostaway.transforms import run_transform

log = structlog.get_logger(__name__)


def transform_if_run_has_failures(connection: Connection, account_id: int, run_key: str) -> bool:
    """Transform landed rows if a resource of the run has failed; returns whether a transform succeeded.

    Never raises: the transform at the end of the run handles what stays pending.

    :param connection: not within a transaction.
    """
    if not fetch_value(connection, QUERIES["run_has_failures"], {"account_id": account_id, "run_key": run_key}):
        return False
    return _transform(run_key)


def transform_while_landing(run_key: str, *, after: float = 120, every: float = 300) -> Callable[[Progress], None]:
    """A callback for the progress of a sync: transforms landed rows from time to time. Never raises.

    :param after: seconds from now until the first transform: most syncs end earlier.
    :param every: seconds between two of them.
    """
    transform = _at_most_every(every, run_key, after=after)
    return lambda _: transform()


def transform_before_retries(run_key: str, *, after: float = 30) -> Callable[[], None]:
    """A callback for `before_retry` of a client: transforms landed rows at most once a minute. Never raises.

    :param after: seconds from now until the first transform: most retries end earlier.
    """
    return _at_most_every(60, run_key, after=after)


def _at_most_every(every: float, run_key: str, *, after: float) -> Callable[[], None]:
    due, at_work = time.monotonic() + after, threading.Lock()

    def transform() -> None:
        nonlocal due
        if time.monotonic() >= due and at_work.acquire(blocking=False):
            try:
                _transform(run_key)
            finally:
                due = time.monotonic() + every
                at_work.release()

    return transform


def _transform(run_key: str) -> bool:
    try:
        run_transform(requested_by=run_key, marts=False)
    except SyncHostawayError as error:
        log.warning("early_transform_failed", run=run_key, error=str(error))
        return False
    return True
