"""Bulkheads: separate limits per kind of work, so that one slow request, account or database delays no other.

The API server runs the routes of Airflow and of this project in one event loop. Its default thread pool has 40 threads.
The routes here never use that pool: each request takes a place in a bulkhead and runs its blocking work in a thread of
this module.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial, wraps
from typing import Annotated, Any, ParamSpec, TypeVar
from weakref import WeakValueDictionary

from anyio import CapacityLimiter, fail_after, to_thread
from fastapi import BackgroundTasks, Depends, Request

from sync_hostaway.api.http.problems import Problem

P = ParamSpec("P")
T = TypeVar("T")


class Bulkhead:
    """A limit for requests of one kind. Places are given in the order of arrival.

    :param places: requests that are served at the same time.
    :param share: places that requests with the same key may hold at the same time.
    :param timeout: seconds to wait for a place; then the response is 503.
    """

    def __init__(self, limit: int, share: int, timeout: float) -> None:
        self._all = CapacityLimiter(limit)
        self._share = share
        self._timeout = timeout
        # Kept by the requests that use them: memory does not grow with the number of keys.
        self._shares: WeakValueDictionary[Hashable, CapacityLimiter] = WeakValueDictionary()

    @asynccontextmanager
    async def acquire(self, key: Hashable = None) -> AsyncIterator[None]:
        """Hold a place.

        :param key: whose share it is taken from, such as an account id.
        :raises Problem: 503 when no place is free in time.
        """
        share = self._shares.get(key) or self._shares.setdefault(key, CapacityLimiter(self._share))
        holder = object()
        async with AsyncExitStack() as held:
            try:
                with fail_after(self._timeout):
                    # The share first: requests of one account never queue for more than their share of the places.
                    for limiter in (share, self._all):
                        await limiter.acquire_on_behalf_of(holder)
                        held.callback(limiter.release_on_behalf_of, holder)
            except TimeoutError:
                raise busy() from None
            yield

    async def run(self, key: Hashable, work: Callable[[], T]) -> T:
        """Run blocking work in a thread with its own place."""
        async with self.acquire(key):
            return await run_in_thread(work)


class Bulkheads:
    """The bulkheads of one app. A route uses the bulkhead of its guard, or the one that `in_bulkhead` names.

    :param connections: places for reading rows; each uses one connection of the pool.
    """

    def __init__(self, connections: int) -> None:
        self._bulkheads = {
            # API tokens are looked up here, so that an account that waits for its rows delays no other account's token.
            # Of one token, one at a time: many requests with it delay no other token.
            "auth": Bulkhead(2, 1, timeout=3.0),
            "health": Bulkhead(1, 1, timeout=5.0),
            "rows": Bulkhead(connections, max(1, connections // 3), timeout=2.0),
            # Airflow's auth manager.
            "permissions": Bulkhead(4, 4, timeout=3.0),
            # Routes that only use the warehouse. Each route has a share: one slow route leaves places to the others.
            "operators": Bulkhead(8, 4, timeout=3.0),
            # Routes that wait for Hostaway or for a transform: the shares of all four routes fit.
            "slow": Bulkhead(8, 2, timeout=3.0),
            # Messages on their way to Hostaway, which may take a while to answer.
            "sending": Bulkhead(8, 2, timeout=30.0),
            # Work after an answer: no request waits, hostaway_maintenance repeats what fails. Each kind has a share.
            "background": Bulkhead(8, 4, timeout=300.0),
        }

    def __getitem__(self, name: str) -> Bulkhead:
        return self._bulkheads[name]


def in_bulkhead(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Give a route's function another bulkhead than its guard's."""

    def mark(function: Callable[P, T]) -> Callable[P, T]:
        function.bulkhead = name  # type: ignore[attr-defined]  # a mark for `Bulkheads`
        return function

    return mark


def in_own_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a coroutine function that runs a blocking function in a thread. A coroutine function stays as it is."""
    if inspect.iscoroutinefunction(function):
        return function

    @wraps(function)
    async def run(*arguments: Any, **named: Any) -> Any:
        return await run_in_thread(partial(function, *arguments, **named))

    return run


async def run_in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread. The caller must hold a place: only bulkheads limit the number of threads."""
    return await to_thread.run_sync(work, limiter=CapacityLimiter(1))


class BackgroundWork:
    """Blocking work that runs after the response, in threads of this module. FastAPI would use Airflow's pool."""

    def __init__(self, tasks: BackgroundTasks, bulkhead: Bulkhead) -> None:
        self._tasks = tasks
        self._bulkhead = bulkhead

    def run(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Run `work(*arguments)` after the response."""
        self._tasks.add_task(self._bulkhead.run, work, partial(work, *arguments))


async def _after_answer(request: Request, tasks: BackgroundTasks) -> BackgroundWork:
    return BackgroundWork(tasks, request.app.state.bulkheads["background"])


Background = Annotated[BackgroundWork, Depends(_after_answer)]


def busy() -> Problem:
    """503: all places are taken."""
    detail = "All places for requests of this kind or of this account are taken. Try again in a moment."
    return Problem(503, "busy", "Busy", detail, headers={"Retry-After": "2"})
