"""Asks for runs of `hostaway_delta`: at once when nothing is waiting, at most one per second under load.

A drain that runs and will look again before it ends serves everybody (see `sync.delta.attendance`). Otherwise, a run
drains whatever is in the inbox when it begins. So one that is still queued serves every event that was committed before
somebody saw it queued, and nobody needs to ask for a second one: that also keeps a paused Dag, or one whose scheduler
is away, from a heap of runs. A run that has begun may have passed an event by; then the next one is asked for under the
id of the next second, which it does not start before. Everybody who asks in one second asks for the same id, in
whatever process.
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
# A scheduler's clock may be ahead of ours: then a run of the next second may have begun already.
_LOOK_AHEAD = 30
# Between two questions: under load, one serves what came in meanwhile.
_PAUSE, _PAUSE_AFTER_FAILURE = 0.1, 2.0
# Airflow's database may hang. The thread that asks then stays behind; their number is that of Airflow's connections.
_REQUEST_TIMEOUT = 30.0
# For what nobody announces: a drain that was killed, a try that falls due when nobody attends. What is still there when
# a run was asked for may fail in each: then ever less often, as `hostaway_maintenance` in the end.
_LOOK_EVERY, _LOOK_AT_LEAST_EVERY = 5.0, 600.0


def request_delta(trigger: RunTrigger, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> bool:
    """Make sure that a run begins after this moment; tells whether one more had to be asked for.

    :raises RunNotRequested: when Airflow does not take the question.
    """
    second = now().replace(microsecond=0)
    if trigger.is_waiting(DELTA_DAG_ID, until=second + _LOOK_AHEAD * SPACING):
        return False
    for ahead in range(_LOOK_AHEAD):
        starts = second + ahead * SPACING
        run_id = f"webhooks__{starts:%Y-%m-%dT%H:%M:%SZ}"
        if trigger.request_run(DELTA_DAG_ID, run_id, run_after=starts if ahead else None) == QUEUED:
            return True
    raise RunNotRequested(f"Every run of {DELTA_DAG_ID} of the next {_LOOK_AHEAD} s has begun already")


class Work(Enum):
    """What there is to do for drains: an event could be served, or what one brought be transformed."""

    NONE = "none"
    CLAIMED = "claimed"
    """A drain runs that will see it, or a transform that comes before it."""
    UNCLAIMED = "unclaimed"


class DeltaRunRequests:
    """The API server's way to ask: in the background, so that no answer waits for it.

    Whoever asks while a question is under way is served by the next one. A question that fails is repeated until
    Airflow takes it. Meanwhile the events wait in the inbox; should this process end, the next one asks when it begins,
    and so does `hostaway_maintenance`. It also looks unasked, after a few seconds: whoever counted on a drain that was
    killed, or waits for a second try, asks nobody.

    :param poll: how the work stands.
    """

    def __init__(self, trigger: RunTrigger, poll: Callable[[], Awaitable[Work]]) -> None:
        self._trigger = trigger
        self._poll = poll
        self._wanted = asyncio.Event()
        self._wanted.set()

    def schedule(self) -> None:
        """Ask without waiting."""
        self._wanted.set()

    async def run(self) -> None:
        """Ask whenever that is wanted or needed, until cancelled."""
        unasked = _LOOK_EVERY
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), unasked)
            is_asked = self._wanted.is_set()
            self._wanted.clear()
            try:
                work = await self._poll()
                if work is Work.NONE:
                    unasked = _LOOK_EVERY
                elif work is Work.UNCLAIMED and await self._request() and not is_asked:
                    unasked = min(2 * unasked, _LOOK_AT_LEAST_EVERY)
                await asyncio.sleep(_PAUSE)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with Airflow, the events are safe
                log.warning("delta_run_not_requested", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(_PAUSE_AFTER_FAILURE)
                self._wanted.set()

    async def _request(self) -> bool:
        with fail_after(_REQUEST_TIMEOUT):
            return await to_thread.run_sync(request_delta, self._trigger, abandon_on_cancel=True)
