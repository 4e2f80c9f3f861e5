"""Requests runs of `hostaway_delta`: at once when no run is queued, at most one per second under load.

Coalesces requests: no run is requested while one is queued or holds the lease (see `lease`). A queued run processes
every event that was committed before the run was seen as queued. So a paused Dag, or an outage of the scheduler, does
not pile up runs. Otherwise the run id is the next full second, and the run does not start before it: concurrent API
servers request the same run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum

import structlog
from anyio import fail_after, to_thread

from sync_hostaway.core.dag_ids import DELTA_DAG_ID
from sync_hostaway.core.exceptions import RunNotRequested
from sync_hostaway.core.run_trigger import QUEUED, RunTrigger

log = structlog.get_logger(__name__)

SPACING = timedelta(seconds=1)
# The scheduler's clock may be ahead of ours: then the run of the next second may have started already.
_LOOK_AHEAD = 30
# Between two requests: one request covers all events that were received in the meantime.
_PAUSE, _PAUSE_AFTER_FAILURE = 0.1, 2.0
# Airflow's database may hang. The thread of the request is then abandoned; Airflow's connections limit their number.
_REQUEST_TIMEOUT = 30.0
# Polling finds work without a notification: of a killed worker, or of an attempt that becomes due without a worker. If
# a requested run leaves the same work behind, the interval grows up to that of `hostaway_maintenance`.
_POLL_INTERVAL, _MAX_POLL_INTERVAL = 5.0, 600.0


def request_delta(trigger: RunTrigger, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> bool:
    """Make sure that a run starts after this call; returns whether a new run was requested.

    :raises RunNotRequested: when Airflow does not accept the request.
    """
    second = now().replace(microsecond=0)
    if trigger.is_waiting(DELTA_DAG_ID, until=second + _LOOK_AHEAD * SPACING):
        return False
    for ahead in range(_LOOK_AHEAD):
        starts = second + ahead * SPACING
        run_id = f"webhooks__{starts:%Y-%m-%dT%H:%M:%SZ}"
        if trigger.request_run(DELTA_DAG_ID, run_id, run_after=starts if ahead else None) == QUEUED:
            return True
    raise RunNotRequested(f"Every run of {DELTA_DAG_ID} of the next {_LOOK_AHEAD} s has started already")


class Work(Enum):
    """Whether a worker has work: due events, or loads to transform."""

    NONE = "none"
    CLAIMED = "claimed"
    """A worker or a running transform will handle it."""
    UNCLAIMED = "unclaimed"


class DeltaRunRequests:
    """Requests runs in the background, so that no response to Hostaway waits for Airflow.

    Calls of `schedule` during a request are covered by the next request. A failed request is repeated until Airflow
    accepts it. The events stay in the inbox; if this process ends, the next process requests a run when it starts, and
    so does `hostaway_maintenance`. Every few seconds it also polls for work without a worker, such as the events of a
    killed worker or a second attempt.

    :param poll: returns the current `Work`.
    """

    def __init__(self, trigger: RunTrigger, poll: Callable[[], Awaitable[Work]]) -> None:
        self._trigger = trigger
        self._poll = poll
        self._scheduled = asyncio.Event()
        self._scheduled.set()

    def schedule(self) -> None:
        """Request a run soon, without waiting."""
        self._scheduled.set()

    async def run(self) -> None:
        """Request runs when scheduled or needed, until cancelled."""
        interval = _POLL_INTERVAL
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._scheduled.wait(), interval)
            is_scheduled = self._scheduled.is_set()
            self._scheduled.clear()
            try:
                work = await self._poll()
                if work is Work.NONE:
                    interval = _POLL_INTERVAL
                elif work is Work.UNCLAIMED and await self._request() and not is_scheduled:
                    interval = min(2 * interval, _MAX_POLL_INTERVAL)
                await asyncio.sleep(_PAUSE)
            except Exception as error:  # noqa: BLE001 - an error of Airflow must not end this loop
                log.warning("delta_run_not_requested", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(_PAUSE_AFTER_FAILURE)
                self._scheduled.set()

    async def _request(self) -> bool:
        with fail_after(_REQUEST_TIMEOUT):
            return await to_thread.run_sync(request_delta, self._trigger, abandon_on_cancel=True)
