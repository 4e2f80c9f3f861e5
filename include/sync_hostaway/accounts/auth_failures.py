"""Limits failed authentications per client address and account path.

Credentials have 256 random bits and cannot be guessed. The limit protects the server from the load of wrong ones. Right
credentials are accepted while an address is limited, because all clients may use the same proxy.

The counts are kept per process, for the most recent origins: a client with very many addresses is not limited. A public
server needs a reverse proxy with a limit.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sync_hostaway.hostaway.rate_limiter import RateLimit

# Refusals of one client address for one account path, in each API server process.
REFUSAL_LIMIT = RateLimit(60, 60)
_MAX_ORIGINS = 4096
_MAX_KNOWN = 1024
# Seconds that credentials wait until they are checked.
_CHECK_TIMEOUT = 3.0

Origin = tuple[str, str]
"""A client's address, and the account or webhook key in the path."""


class TooManyChecks(Exception):
    """Too many credentials wait to be checked."""


class AuthFailureLimiter:
    """Counts failed authentications in windows of fixed length. Use it in one event loop.

    :param limit: so many refusals in so many seconds.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        # By origin: when its window started, and the failures in it. By digest: credentials that were right before.
        self._failures: OrderedDict[bytes, tuple[float, int]] = OrderedDict()
        self._known_good: OrderedDict[bytes, None] = OrderedDict()
        self._salt = secrets.token_bytes(16)
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def check(self, origin: Origin, credentials: str | None) -> AsyncIterator[None]:
        """Wraps a check of credentials.

        For a limited origin, credentials that were never right are checked one at a time, so that other requests get
        connections.

        :raises TooManyChecks: when the wait takes too long.
        """
        if not self._seconds_left(origin) or self._digest(origin[1], credentials or "") in self._known_good:
            yield
        else:
            try:
                async with asyncio.timeout(_CHECK_TIMEOUT):
                    await self._lock.acquire()
            except TimeoutError:
                raise TooManyChecks from None
            try:
                yield
            finally:
                self._lock.release()

    def record_failure(self, origin: Origin) -> int:
        """Count wrong or missing credentials.

        :return: seconds until the window ends, if the limit was reached before; else 0.
        """
        if self._limit is None:
            return 0
        seconds = self._seconds_left(origin)
        key, now = self._digest(*origin), time.monotonic()
        started_at, count = self._failures.pop(key, (now, 0))
        if now - started_at >= self._limit.seconds:
            started_at, count = now, 0
        self._failures[key] = (started_at, count + 1)
        if len(self._failures) > _MAX_ORIGINS:
            self._failures.popitem(last=False)
        return seconds

    def record_success(self, origin: Origin, credentials: str | None) -> None:
        """Remember credentials that were right for this account path."""
        if self._limit is None or not credentials:
            return
        key = self._digest(origin[1], credentials)
        self._known_good[key] = None
        self._known_good.move_to_end(key)
        if len(self._known_good) > _MAX_KNOWN:
            self._known_good.popitem(last=False)

    def _seconds_left(self, origin: Origin) -> int:
        """Seconds until the end of a window whose limit is reached, rounded up; else 0."""
        if self._limit is None:
            return 0
        started_at, count = self._failures.get(self._digest(*origin), (0.0, 0))
        left = started_at + self._limit.seconds - time.monotonic()
        return math.ceil(left) if count >= self._limit.calls and left > 0 else 0

    def _digest(self, *parts: str) -> bytes:
        # Only keyed digests of what a client sent are stored.
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=16, key=self._salt).digest()


def network_of(address: str) -> str:
    """The network that a client is counted by: the address, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
        if parsed.version == 6:
            # A socket for both versions shows an IPv4 client as ::ffff:192.0.2.7.
            return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    except ValueError:
        pass
    return address
