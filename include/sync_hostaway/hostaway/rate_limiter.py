"""The rate limiter: every process takes a permit before it sends a request to Hostaway.

Hostaway allows N calls in any W seconds per outgoing address and per account. The permits are in PostgreSQL, so that
all processes on all machines share them. Functions of the schema `ops`, such as `ops.take_permits`, have the
rules:

    with budget.permit():
        response = session.get(...)

Times are those of the database. A process only measures durations, so its clock may be wrong.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, Self

import structlog

from sync_hostaway.core.settings import Settings
from sync_hostaway.hostaway.budget_connection import BudgetConnection, shared_connection

log = structlog.get_logger(__name__)

# Clocks of different machines do not run equally fast; 2 ms per second is more than they are ever corrected by.
_CLOCK_TOLERANCE = 1.002
# Longest time in seconds that a request may take to reach Hostaway.
MARGIN = 0.5
# Maximum seconds of a block after a 429, for any stamp: twice the longest window that Hostaway documents.
_LONGEST_BLOCK = 120.0


class Priority(StrEnum):
    """The order of requests when there are too few permits. The last class still gets a tenth of them."""

    DELTA = "delta"
    INCREMENTAL = "incremental"
    FULL = "full"


class RateLimit(NamedTuple):
    """At most `calls` in any `seconds`."""

    calls: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> RateLimit | None:
        """A limit from "15/10"; None for "off"."""
        if text == "off":
            return None
        calls, _, seconds = text.partition("/")
        return cls(int(calls), float(seconds))

    @property
    def window(self) -> timedelta:
        """How long a call counts."""
        return timedelta(seconds=self.seconds * _CLOCK_TOLERANCE)


# The limits documented until August 2026. Higher ones are published now, but these are certain to hold.
_CAUTIOUS_IP = RateLimit(15, 10.0)
_CAUTIOUS_ACCOUNT = RateLimit(20, 10.0)


@dataclass(frozen=True)
class RateLimits:
    """The limits for all processes together.

    :param ip: limit of the outgoing address; None for none.
    :param account: limit of each account; None for none.
    :param ip_key: name of the outgoing address.
    :param margin: longest time in seconds that a request may take to reach Hostaway.
    """

    ip: RateLimit | None
    account: RateLimit | None
    ip_key: str = "default"
    margin: float = MARGIN

    @classmethod
    def of(cls, settings: Settings, account_id: int | None = None) -> RateLimits:
        """The configured limits. Without a setting, there are none for a local simulator, and low ones for Hostaway.

        :param account_id: selects the outgoing address, if accounts use several proxies.
        """
        local = settings.api_is_local

        def limit(text: str | None, default: RateLimit) -> RateLimit | None:
            if text is None:
                return None if local else default
            return RateLimit.parse(text)

        return cls(
            ip=limit(settings.budget_ip, _CAUTIOUS_IP),
            account=limit(settings.budget_account, _CAUTIOUS_ACCOUNT),
            ip_key=address_of(settings, account_id) if account_id is not None else settings.budget_ip_key,
            margin=MARGIN,
        )


def address_of(settings: Settings, account_id: int) -> str:
    """Name of the outgoing address of an account. It reads no file, so that it is quick for thousands of accounts."""
    proxy = settings.proxy_of(account_id)
    return f"{settings.budget_ip_key}, proxy {proxy[0]}" if proxy else settings.budget_ip_key


class RateLimiter(Protocol):
    """Permission to send requests."""

    def permit(self, timeout: float | None = None) -> AbstractContextManager[None]:
        """Wait until one request may be sent, and send it inside.

        :raises TimeoutError: when there is none within `timeout` seconds.
        """

    def block(self, until: float, scope: str | None = None) -> None:
        """Block all processes after a 429.

        :param until: Unix time, by our clock, at which requests continue.
        :param scope: the exceeded limit (`X-RateLimit-Applied`).
        """

    def close(self) -> None:
        """Stop waiting and close the connection."""


class NoRateLimiter:
    """Permits everything."""

    @contextmanager
    def permit(self, timeout: float | None = None) -> Iterator[None]:
        """A permit at once."""
        yield

    def block(self, until: float, scope: str | None = None) -> None:
        """Without effect."""

    def close(self) -> None:
        """Nothing to close."""


class _Permit(NamedTuple):
    """A permit of ours; `given_at` in monotonic seconds, at the latest the real time."""

    permit_id: uuid.UUID
    given_at: float


class SharedRateLimiter:
    """Permits of one account from the shared budget. Threads may share it: one of them queries for all waiting threads.

    It connects when it is first used. The limiters of all accounts of a process share one connection.

    :param account_id: the account of the requests.
    :param priority: how urgent they are.
    :param limits: what all processes together may send.
    :param connection: the connection to the budget; None: the connection that the process shares.
    """

    def __init__(
        self,
        account_id: int,
        priority: Priority,
        limits: RateLimits,
        *,
        connection: BudgetConnection | None = None,
    ) -> None:
        self._waiter_id = uuid.uuid4()
        self._limits = limits
        self._budget = connection or shared_connection()
        # The rest is guarded by `_condition`.
        self._condition = threading.Condition()
        self._is_querying = False
        self._next_query_at = 0.0
        self._waiting = 0
        self._permits: deque[_Permit] = deque()
        self._arrived: list[_Permit] = []
        self._params: dict[str, Any] = {
            "waiter_id": self._waiter_id,
            "ip_key": limits.ip_key,
            "account_id": account_id,
            "priority": priority.value,
            "ip_calls": limits.ip and limits.ip.calls,
            "ip_span": limits.ip and limits.ip.window,
            "account_calls": limits.account and limits.account.calls,
            "account_span": limits.account and limits.account.window,
            "margin": timedelta(seconds=limits.margin),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def permit(self, timeout: float | None = None) -> Iterator[None]:
        """Wait until one request may be sent, and send it inside.

        At the end of the block, the response has arrived. This frees the permit as early as possible.

        :raises TimeoutError: when there is none within `timeout` seconds.
        :raises WarehouseUnavailable: when the database cannot be reached. Then no request may be sent.
        """
        permit = self._acquire(timeout)
        try:
            yield
        finally:
            now = time.monotonic()
            if now - permit.given_at < self._limits.margin:
                with self._condition:
                    self._arrived.append(_Permit(permit.permit_id, now))

    def block(self, until: float, scope: str | None = None) -> None:
        """Block all processes after a 429.

        An exceeded endpoint limit blocks its account, an unknown scope the whole address.

        :param until: Unix time, by our clock, at which requests continue.
        :param scope: the exceeded limit (`X-RateLimit-Applied`).
        """
        seconds = min(max(until - time.time(), 0.0), _LONGEST_BLOCK)
        ours = "account" if scope in ("account", "endpoint") else "ip"
        limit = self._limits.account if ours == "account" else self._limits.ip
        with self._condition:
            self._permits.clear()
        log.warning("hostaway_requests_blocked", scope=scope, seconds=round(seconds, 2), **self._log_fields())
        self._budget.execute(
            self._waiter_id,
            "block",
            {
                **self._params,
                "scope": ours,
                "seconds": seconds,
                "calls": limit and limit.calls,
                "window": limit and limit.window,
            },
        )

    def close(self) -> None:
        """Stop waiting, and close the connection if no other limiter uses it."""
        self._budget.leave(self._waiter_id)

    def _acquire(self, timeout: float | None) -> _Permit:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            self._waiting += 1
            try:
                while (permit := self._fresh_permit()) is None:
                    self._query_or_wait(deadline)
                return permit
            finally:
                self._waiting -= 1

    def _fresh_permit(self) -> _Permit | None:
        # Half of the margin is for the wake-up of this thread, the other half for the request's way. A permit that is
        # older is lost.
        oldest = time.monotonic() - self._limits.margin / 2
        while self._permits:
            permit = self._permits.popleft()
            if permit.given_at >= oldest:
                return permit
        return None

    def _query_or_wait(self, deadline: float | None) -> None:
        now = time.monotonic()
        if self._is_querying:
            pause = None if deadline is None else deadline - now
        elif self._next_query_at <= now:
            self._query()
            return
        else:
            pause = (self._next_query_at if deadline is None else min(self._next_query_at, deadline)) - now
        if pause is None or pause > 0:
            self._condition.wait(pause)
        if deadline is not None and time.monotonic() >= deadline and not self._permits:
            raise TimeoutError("No permit for a request became free in time")

    def _query(self) -> None:
        settled, self._arrived = self._arrived, []
        wanted = self._waiting
        now = time.monotonic()
        params = {
            **self._params,
            "wanted": wanted,
            "settled": [permit.permit_id for permit in settled],
            "settled_ages": [now - permit.given_at for permit in settled],
        }
        self._is_querying = True
        self._condition.release()
        try:
            requested_at, row = self._budget.execute(self._waiter_id, "take", params)
        finally:
            self._condition.acquire()
            self._is_querying = False
            self._condition.notify_all()
        given_at = requested_at + row["locked_seconds"]
        self._permits.extend(_Permit(permit_id, given_at) for permit_id in row["grants"])
        self._next_query_at = time.monotonic() + row["wait_seconds"]

    def _log_fields(self) -> dict[str, Any]:
        return {"account_id": self._params["account_id"], "priority": self._params["priority"]}


def rate_limiter_for(account_id: int, priority: Priority, settings: Settings) -> RateLimiter:
    """The rate limiter for the settings."""
    limits = RateLimits.of(settings, account_id)
    if limits.ip is None and limits.account is None:
        return NoRateLimiter()
    return SharedRateLimiter(account_id, priority, limits)
