"""Ports for servers that choose none of their own."""

from __future__ import annotations

import random

from sync_hostaway.local import ports

_TAKEN: set[int] = set()


def free_port() -> int:
    """A port that stays free until its server starts: the system gives it to no outgoing connection."""
    while (port := random.randint(20_000, 32_000)) in _TAKEN or not ports.is_free(port):
        pass
    _TAKEN.add(port)
    return port
