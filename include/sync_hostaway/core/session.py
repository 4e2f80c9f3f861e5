"""Prepares every session of PostgreSQL, for each driver.

All sessions have the same settings. A session must belong to one client, because locks, settings and temporary tables
last from one transaction to the next. A pooler in transaction mode does not guarantee that, so it is refused.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from threading import Event, Timer
from typing import Any, Protocol

import psycopg
from psycopg import AsyncConnection, Connection

from sync_hostaway.core.exceptions import ConfigurationError, WarehouseUnavailable
from sync_hostaway.core.libpq import string_of
from sync_hostaway.core.queries import load_queries

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_TRANSACTION_TIMEOUT_SINCE = 170_000
# A pooler with other clients may give two different sessions by chance, so the check is repeated.
_ROUNDS = 3
# Seconds that a pooler may take to give a connection: for the check, where two are needed, and for our work.
_TIMEOUT, _QUEUE_TIMEOUT = 10.0, 30.0
_SHARED = (
    "WAREHOUSE_URL leads to a connection pooler that shares sessions between clients. sync-hostaway needs session mode "
    "(PgBouncer: pool_mode=session for this database), or the address of PostgreSQL itself"
)
_NEEDED = "sync-hostaway needs several at once (PgBouncer: default_pool_size, max_client_conn)"


class HasSocket(Protocol):
    """A connection of any driver."""

    @property
    def closed(self) -> bool | int:
        """Whether it was closed or lost."""

    def fileno(self) -> int:
        """The descriptor of its socket."""


def settings(server_version: int) -> str:
    """Return the statements that prepare a session, as one text.

    :param server_version: as libpq gives it, 180001 for 18.1.
    """
    names = ["settings", *(["settings_since_17"] if server_version >= _TRANSACTION_TIMEOUT_SINCE else [])]
    return ";\n".join(_QUERIES[name].as_string() for name in names)


def prepare(connection: Connection[Any]) -> None:
    """Prepare a new connection in autocommit mode for our queries.

    :raises ConfigurationError: when sessions are shared between clients, or the database's encoding is not UTF8.
    :raises WarehouseUnavailable: when the server is a standby, or a pooler has too few connections.
    """
    _refuse_unfit_server(connection)
    with given_in_time(connection):
        found = connection.execute(_QUERIES["server_process"]).fetchone()
    if _is_pooled(connection, found):
        require_own_session(string_of(connection))
    connection.execute(settings(connection.info.server_version).encode())


async def prepare_async(connection: AsyncConnection[Any]) -> None:
    """The same for an asynchronous connection."""
    _refuse_unfit_server(connection)
    with given_in_time(connection):
        found = await (await connection.execute(_QUERIES["server_process"])).fetchone()
    if _is_pooled(connection, found):
        await asyncio.to_thread(require_own_session, string_of(connection))
    await connection.execute(settings(connection.info.server_version).encode())


@cache
def require_own_session(dsn: str) -> None:
    """Check that the server does not share one session between several clients. Checks once per process.

    :raises ConfigurationError: when a pooler shares sessions.
    :raises WarehouseUnavailable: when a pooler gives no second connection.
    """
    is_late = Event()
    try:
        with (
            closing(psycopg.connect(dsn, autocommit=True)) as first,
            closing(psycopg.connect(dsn, autocommit=True)) as second,
            _ended_after(_TIMEOUT, is_late, first, second),
        ):
            for _ in range(_ROUNDS):
                process = _server_process(first)
                with second.transaction():
                    # The order matters: if the pooler has a single connection, the third query waits for the second.
                    if _server_process(second) == process or _server_process(first) != process:
                        raise ConfigurationError(_SHARED)
    except psycopg.OperationalError as error:
        is_violation = isinstance(error, psycopg.errors.ProtocolViolation)
        if is_violation and not is_late.is_set() and "query_wait_timeout" not in str(error):
            # Statement mode refuses transactions.
            raise ConfigurationError(_SHARED) from None
        raise WarehouseUnavailable(
            f"The connection pooler in front of the warehouse gives too few connections; {_NEEDED}: "
            f"{' '.join(str(error).split())}"
        ) from error


@contextmanager
def given_in_time(connection: HasSocket) -> Iterator[None]:
    """Limit the wait for the first query of a connection: a pooler may let it wait for minutes.

    The connections that a run has already stay open during the wait. So a run that needs more than the pooler has would
    wait for itself.

    :raises WarehouseUnavailable: after half a minute.
    """
    is_late = Event()
    try:
        with _ended_after(_QUEUE_TIMEOUT, is_late, connection):
            yield
    except Exception as error:
        if not is_late.is_set() and not connection.closed:
            raise
        # A pooler that ends it may give a reason (`query_wait_timeout`), which psycopg2 does not show.
        reason = f"none within {_QUEUE_TIMEOUT:.0f} s" if is_late.is_set() else " ".join(str(error).split())
        raise WarehouseUnavailable(
            f"The warehouse gave no connection: {reason}. If a connection pooler is in front of it, that has too few: "
            f"{_NEEDED}"
        ) from error


def _refuse_unfit_server(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding not in (None, "UTF8"):
        raise ConfigurationError(
            f"The database {connection.info.dbname} has the encoding {encoding}, which does not hold every text. "
            "Create the warehouse with: create database … encoding 'UTF8' template template0"
        )
    if connection.info.parameter_status("in_hot_standby") == "on":
        raise WarehouseUnavailable(
            f"The server at {connection.info.host} is a read-only standby. Name the primary in "
            "WAREHOUSE_URL, or several hosts with target_session_attrs=read-write"
        )


def _is_pooled(connection: Connection[Any] | AsyncConnection[Any], found: Any) -> bool:
    """Return whether a pooler is between client and server: it reports another process id than the server does."""
    process = next(iter(found.values())) if isinstance(found, dict) else found[0]
    return bool(process != connection.info.backend_pid)


def _server_process(connection: Connection[Any]) -> int:
    row = connection.execute(_QUERIES["server_process"]).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _ended_after(seconds: float, is_late: Event, *connections: HasSocket) -> Iterator[None]:
    """Close the connections when the block takes longer, because a pooler may let a query wait for minutes."""
    with ExitStack() as stack:
        # Copies of the descriptors, because libpq keeps and closes its own.
        lines = [stack.enter_context(socket.socket(fileno=os.dup(each.fileno()))) for each in connections]

        def end() -> None:
            is_late.set()
            for line in lines:
                line.shutdown(socket.SHUT_RDWR)

        timer = Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
