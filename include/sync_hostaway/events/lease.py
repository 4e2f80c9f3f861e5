"""The lease of the inbox: while a worker holds it, no further run is requested.

A worker holds the lease while it polls the inbox, releases it, and then polls once more. An event that was committed
while the lease was held is therefore always found: the final poll happens after the release. The lease is an advisory
lock: it ends with the connection of a killed worker. The receiver polls for events that the final poll has no time for,
and for events of a killed worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync_hostaway.core.db import Connection, fetch_value, load_queries

_QUERIES = load_queries(Path(__file__).with_name("lease.sql"))
# For the receiver, which uses asynchronous connections.
HAS_ACTIVE_WORKER_QUERY = _QUERIES["has_active_worker"]


@contextmanager
def hold_lease(connection: Connection) -> Iterator[bool]:
    """Hold the lease, unless another worker holds it; yields whether we hold it. The connection listens for events."""
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
    """Whether a running worker will process every event that was committed before this call."""
    return bool(fetch_value(connection, HAS_ACTIVE_WORKER_QUERY))


def notify_worker(connection: Connection) -> None:
    """Wake up the worker that holds the lease."""
    connection.execute(_QUERIES["notify_worker"])


def wait_for_event(connection: Connection, seconds: float) -> None:
    """Return when an event or a notification arrives, or after that many seconds.

    :param connection: the one that holds the lease.
    """
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        # Consume all: each remaining notification would end the next wait at once.
        pass
