"""The connection to the request budget, which the rate limiters of a process share.

A delta run processes up to 16 accounts at a time. Each has a limiter that sends short statements, a few per second at
most, so that one connection serves them all.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import psycopg

from sync_hostaway.core.db import Connection, connect, load_queries
from sync_hostaway.core.exceptions import WarehouseUnavailable
from sync_hostaway.core.settings import get_settings

_QUERIES = load_queries(Path(__file__).with_name("rate_limiter.sql"))


class BudgetConnection:
    """A connection that several limiters use in turn. It opens when the first one needs it, and closes with the last.

    :param open_connection: makes a connection to the database for exclusive use.
    """

    def __init__(self, open_connection: Callable[[], Connection]) -> None:
        self._open_connection = open_connection
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._users: set[uuid.UUID] = set()

    def execute(self, user: uuid.UUID, query: str, params: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """Execute a query of `rate_limiter.sql`. Returns when it was sent (monotonic seconds), and its row.

        :param user: the limiter, as the id of its waiter.
        :raises WarehouseUnavailable: when the database cannot be reached.
        """
        with self._lock:
            self._users.add(user)
            for last_try in (False, True):
                fresh = self._connection is None
                try:
                    return self._row(_QUERIES[query], params)
                except psycopg.Error as error:
                    self._forget()
                    # An old connection may have been lost since its last use, so one error is ignored. An error of a
                    # new connection is not.
                    if fresh or last_try or not isinstance(error, psycopg.OperationalError):
                        raise WarehouseUnavailable(
                            f"The request budget cannot be queried, so no request is sent: {str(error).strip()}"
                        ) from error
        raise WarehouseUnavailable

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the connection between two limiters until the block ends.

        It opens now: a pooler with few connections would otherwise give all of them to accounts, which then wait for
        this one.
        """
        user = uuid.uuid4()
        try:
            with self._lock:
                self._users.add(user)
                self._open()
            yield
        finally:
            self.leave(user)

    def leave(self, user: uuid.UUID) -> None:
        """Withdraw what a limiter waits for. The last one closes the connection."""
        with self._lock:
            if user not in self._users:
                return
            self._users.remove(user)
            try:
                if self._connection is not None:
                    with suppress(psycopg.Error):
                        self._connection.execute(_QUERIES["withdraw"], {"waiter_id": user})
            finally:
                # Also after an interrupt: nothing else would close the connection.
                if not self._users:
                    self._forget()

    def _row(self, query: Any, params: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        connection = self._open()
        sent_at = time.monotonic()
        return sent_at, connection.execute(query, params).fetchone() or {}

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._open_connection()
            self._connection.execute(_QUERIES["set_up"])
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def shared_connection() -> BudgetConnection:
    """The connection that the limiters of this process share, for the warehouse of the settings."""
    dsn = get_settings().warehouse_dsn
    with _SHARED_LOCK:
        # A forked process must not use the connection of its parent.
        key = (os.getpid(), dsn)
        shared = _SHARED.get(key)
        if shared is None:
            shared = _SHARED[key] = BudgetConnection(lambda: connect(dsn, application="sync-hostaway budget"))
        return shared


# An entry lasts as long as a limiter uses it.
_SHARED: WeakValueDictionary[tuple[int, str], BudgetConnection] = WeakValueDictionary()
_SHARED_LOCK = threading.Lock()
