"""How often credentials may be refused: per client address and account path, in memory that does not grow.

Credentials have 256 random bits: nobody guesses them. What is limited is the work that wrong ones cause.
Credentials that were good a while ago are looked at also while others behind the same address are refused: a proxy may
stand in front of both.

The memory is that of one process, and keeps the places that were used last: a client with very many addresses is not
limited. Put a reverse proxy with a limit in front of a public server.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request

from sync_hostaway.api.problems import Problem
from sync_hostaway.hostaway.budget import RateLimit

_PLACES = 4096
_ADMITTED = 1024

Place = tuple[str, str]


class Refusals:
    """Counts refused credentials in windows of fixed length.

    :param limit: so many refusals in so many seconds; None: any number.
    """

    def __init__(self, limit: RateLimit | None) -> None:
        self._limit = limit
        # By place: when its window began, and the refusals in it. By digest of credentials: admitted before.
        self._refused: OrderedDict[bytes, tuple[float, int]] = OrderedDict()
        self._admitted: OrderedDict[bytes, None] = OrderedDict()
        self._salt = secrets.token_bytes(16)

    def wait(self, place: Place, credentials: str | None) -> int:
        """Seconds until these credentials may be tried, rounded up; 0: now."""
        if self._limit is None:
            return 0
        began, count = self._refused.get(self._digest(*place), (0.0, 0))
        left = began + self._limit.seconds - time.monotonic()
        if count < self._limit.calls or left <= 0:
            return 0
        return 0 if credentials and self._digest(place[1], credentials) in self._admitted else math.ceil(left)

    def note_refused(self, place: Place) -> None:
        """Credentials were wrong, or missing."""
        if self._limit is None:
            return
        key, now = self._digest(*place), time.monotonic()
        began, count = self._refused.pop(key, (now, 0))
        if now - began >= self._limit.seconds:
            began, count = now, 0
        self._refused[key] = (began, count + 1)
        if len(self._refused) > _PLACES:
            self._refused.popitem(last=False)

    def note_admitted(self, place: Place, credentials: str | None) -> None:
        """Credentials were right for this account path."""
        if self._limit is None or not credentials:
            return
        self._admitted[self._digest(place[1], credentials)] = None
        self._admitted.move_to_end(self._digest(place[1], credentials))
        if len(self._admitted) > _ADMITTED:
            self._admitted.popitem(last=False)

    async def watch(self, request: Request, admit: Coroutine[Any, Any, None]) -> None:
        """Have a guard admit a request, and count when it does not.

        :raises Problem: 429 when there were too many refusals; else what the guard raises.
        """
        place = place_of(request, request.path_params)
        credentials = request.headers.get("authorization") or request.headers.get("cookie")
        if seconds := self.wait(place, credentials):
            admit.close()
            raise Problem(
                429,
                "too-many-refusals",
                "Too many requests without good credentials",
                f"Requests from this address had no good credentials too often. The next is looked at in {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )
        try:
            await admit
        except Problem as problem:
            if problem.status == HTTPStatus.UNAUTHORIZED:
                self.note_refused(place)
            raise
        self.note_admitted(place, credentials)

    def _digest(self, *parts: str) -> bytes:
        # Nothing that a client sent is kept.
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=16, key=self._salt).digest()


def place_of(request: Request, path_params: Mapping[str, str]) -> Place:
    """What refusals are counted by. An IPv6 client has a whole /64."""
    address = request.client.host if request.client else ""
    try:
        parsed = ipaddress.ip_address(address)
        if parsed.version == 6:
            address = str(ipaddress.ip_network((parsed, 64), strict=False))
    except ValueError:
        pass
    return address, str(path_params.get("account_id") or path_params.get("key") or "")
