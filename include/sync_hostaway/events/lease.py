"""Who attends to the inbox: a drain that runs sees every event, so that nobody needs to ask for another one.

A drain holds the attendance for as long as it looks, gives it back, and then looks once more. Whoever commits an event
and finds the inbox attended afterwards can rely on that: the last look comes later than the commit. For what that look
has no time for, and for what a killed drain leaves, which loses the attendance with its connection, the receiver looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync_hostaway.core.db import Connection, fetch_value, load_queries

_QUERIES = load_queries(Path(__file__).with_name("lease.sql"))
# For the receiver, whose connections are of another kind.
HAS_ACTIVE_WORKER_QUERY = _QUERIES["has_active_worker"]


@contextmanager
def hold_lease(connection: Connection) -> Iterator[bool]:
    """Attend to the inbox, unless another drain does; tells whether we do. The connection hears of new events."""
    connection.execute(_QUERIES["listen"])
    ours = bool(fetch_value(connection, _QUERIES["acquire_lease"]))
    if ours:
        connection.execute(_QUERIES["end_session_when_idle"])
    try:
        yield ours
    finally:
        if ours and not connection.closed:
            connection.execute(_QUERIES["release_lease"])


def has_active_worker(connection: Connection) -> bool:
    """Whether a drain that runs will see every event committed before this call."""
    return bool(fetch_value(connection, HAS_ACTIVE_WORKER_QUERY))


def notify_worker(connection: Connection) -> None:
    """Have the drain that attends look up."""
    connection.execute(_QUERIES["notify_worker"])


def wait_for_event(connection: Connection, seconds: float) -> None:
    """Return when an event comes in, somebody announces something, or after that many seconds.

    :param connection: the one that attends.
    """
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        # To the end: those that came with the first one would each wake us up once more.
        pass
