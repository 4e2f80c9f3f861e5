"""Sliding-window rate limits, each with a counter of its own."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass

from sync_hostaway.simulator.config import Limit


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call over a limit; `wait` in seconds, `applied` names the limit."""

    limit: int
    wait: float
    applied: str

    def headers(self, now: float) -> dict[str, str]:
        """As Hostaway sends them, at a Unix time of its clock."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Retry-After": str(math.ceil(now + self.wait)),
            "X-RateLimit-Applied": self.applied,
        }


class SlidingWindows:
    """Counts calls per key. Refused calls do not count."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], deque[float]] = {}

    def check(self, checks: list[tuple[str, str, Limit]]) -> Refusal | None:
        """Count one call against all of `checks` (applied name, key, limit), or against none if one is used up."""
        now = time.monotonic()
        windows = []
        for applied, key, limit in checks:
            calls = self._calls.setdefault((applied, key), deque())
            while calls and calls[0] <= now - limit.seconds:
                calls.popleft()
            if len(calls) >= limit.calls:
                return Refusal(limit.calls, calls[0] + limit.seconds - now, applied)
            windows.append(calls)
        for calls in windows:
            calls.append(now)
        return None

    def clear(self) -> None:
        self._calls.clear()
