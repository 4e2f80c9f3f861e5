"""Limits the requests of one API token. Each process counts on its own: the limit protects this process."""

from __future__ import annotations

import threading
import time
from collections import deque

from sync_hostaway.hostaway.rate_limiter import RateLimit


class RateLimiter:
    """A sliding window per key. It is safe for use by several threads.

    :param limit: at most `limit.calls` requests in any `limit.seconds` seconds. None: no limit.
    """

    def __init__(self, limit: RateLimit | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._taken: dict[str, deque[float]] = {}

    def take(self, key: str) -> float:
        """Count one request and return 0. Over the limit, count nothing and return the seconds until the next one."""
        if self._limit is None:
            return 0.0
        now = time.monotonic()
        with self._lock:
            taken = self._taken.setdefault(key, deque(maxlen=self._limit.calls))
            if len(taken) == self._limit.calls and (wait := taken[0] + self._limit.seconds - now) > 0:
                return wait
            taken.append(now)
        return 0.0
