"""How often one API token may ask. Counted in each process: what it protects is this process and its connections."""

from __future__ import annotations

import threading
import time
from collections import deque

from sync_hostaway.hostaway.rate_limiter import RateLimit


class RateLimiter:
    """A sliding window per key. Threads may share it.

    :param limit: at most so many in any so many seconds; None: everything is permitted.
    """

    def __init__(self, limit: RateLimit | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._taken: dict[str, deque[float]] = {}

    def take(self, key: str) -> float:
        """Count one request, or none and return the seconds until one will be permitted."""
        if self._limit is None:
            return 0.0
        now = time.monotonic()
        with self._lock:
            taken = self._taken.setdefault(key, deque(maxlen=self._limit.calls))
            if len(taken) == self._limit.calls and (wait := taken[0] + self._limit.seconds - now) > 0:
                return wait
            taken.append(now)
        return 0.0
