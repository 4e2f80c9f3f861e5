"""Builds the tables from what has landed while a resource of the same run is in trouble.

The transform at the end of a run waits until the last retry of the last resource is over, which takes minutes to hours.
So where a resource failed and will be tried again, each task that ends transforms what has landed by then. A task
that waits for an answer, while those of other resources have ended, does so before it asks again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from sync_hostaway.core.db import Connection, fetch_value
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.extract.context import QUERIES
from sync_hostaway.transforms import run_transform

log = structlog.get_logger(__name__)


def transform_if_run_has_failures(connection: Connection, account_id: int, run_key: str) -> bool:
    """Transform what has landed if some resource of the run is in trouble; returns whether it did.

    Never fails: what stays pending is for the transform at the end of the run.

    :param connection: not within a transaction.
    """
    if not fetch_value(connection, QUERIES["run_has_failures"], {"account_id": account_id, "run_key": run_key}):
        return False
    return _transform(run_key)


def transform_before_retries(run_key: str, *, after: float = 30, every: float = 60) -> Callable[[], None]:
    """What a client calls before each retry: transforms what has landed, now and then. Never fails.

    :param after: seconds from now until the first transform: most retries are over by then.
    :param every: seconds between two of them.
    """
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
        log.warning("early_transform_failed", run_key=run_key, error=str(error))
        return False
    return True
