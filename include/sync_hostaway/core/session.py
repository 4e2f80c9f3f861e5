"""What every connection to the warehouse has in common, whichever driver opens it.

The settings of a session are the same everywhere, and the session belongs to one client: locks, settings and temporary
tables last from one transaction to the next. A pooler in transaction mode does not give that, and is refused.
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
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection

from sync_hostaway.core.exceptions import ConfigurationError, WarehouseUnavailable
from sync_hostaway.core.libpq import string_of
from sync_hostaway.core.queries import load_queries

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_TRANSACTION_TIMEOUT_SINCE = 170_000
# A pooler with other clients may give two sessions by chance: each round is another try.
_ROUNDS = 3
# Seconds that a pooler may take to give the second connection.
_PATIENCE = 10.0
_SHARED = (
    "WAREHOUSE_URL leads to a connection pooler that shares sessions between clients. sync-hostaway needs session mode "
    "(PgBouncer: pool_mode=session for this database), or the address of PostgreSQL itself"
)


def settings(server_version: int) -> str:
    """The statements that make a session ours, as one text.

    :param server_version: as libpq gives it, 180001 for 18.1.
    """
    names = ["settings", *(["settings_since_17"] if server_version >= _TRANSACTION_TIMEOUT_SINCE else [])]
    return ";\n".join(_QUERIES[name].as_string() for name in names)


def prepare(connection: Connection[Any]) -> None:
    """Make a new connection, which is in autocommit mode, fit for our queries.

    :raises ConfigurationError: when sessions are shared between clients, or the database's encoding is not UTF8.
    :raises WarehouseUnavailable: when the server is a standby, or a pooler has too few connections.
    """
    _refuse_unfit_server(connection)
    found = connection.execute(_QUERIES["server_process"]).fetchone()
    if _is_pooled(connection, found):
        require_own_session(string_of(connection))
    connection.execute(settings(connection.info.server_version).encode())


async def prepare_async(connection: AsyncConnection[Any]) -> None:
    """The same for an asynchronous connection."""
    _refuse_unfit_server(connection)
    found = await (await connection.execute(_QUERIES["server_process"])).fetchone()
    if _is_pooled(connection, found):
        await asyncio.to_thread(require_own_session, string_of(connection))
    await connection.execute(settings(connection.info.server_version).encode())


@cache
def require_own_session(dsn: str) -> None:
    """Refuse a pooler that gives one session of PostgreSQL to several clients. Looks once per process.

    :raises ConfigurationError: when it does.
    :raises WarehouseUnavailable: when it gives no second connection.
    """
    is_late = Event()
    try:
        with (
            closing(psycopg.connect(dsn, autocommit=True)) as first,
            closing(psycopg.connect(dsn, autocommit=True)) as second,
            _ended_after(_PATIENCE, is_late, first, second),
        ):
            for _ in range(_ROUNDS):
                process = _server_process(first)
                with second.transaction():
                    # In this order: where the pooler has a single connection, the third question waits for the second.
                    if _server_process(second) == process or _server_process(first) != process:
                        raise ConfigurationError(_SHARED)
    except psycopg.OperationalError as error:
        if isinstance(error, psycopg.errors.ProtocolViolation) and not is_late.is_set():
            # Statement mode refuses transactions.
            raise ConfigurationError(_SHARED) from None
        raise WarehouseUnavailable(
            "The connection pooler in front of the warehouse gives too few connections; sync-hostaway needs several at "
            f"once (PgBouncer: default_pool_size, max_client_conn): {' '.join(str(error).split())}"
        ) from error


def _refuse_unfit_server(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding not in (None, "UTF8"):
        raise ConfigurationError(
            f"The database {connection.info.dbname} has the encoding {encoding}, which does not hold every text. "
            "Make the warehouse with: create database … encoding 'UTF8' template template0"
        )
    if connection.info.parameter_status("in_hot_standby") == "on":
        raise WarehouseUnavailable(
            f"The server at {connection.info.host} is a standby, which cannot be written. Name the primary in "
            "WAREHOUSE_URL, or several hosts with target_session_attrs=read-write"
        )


def _is_pooled(connection: Connection[Any] | AsyncConnection[Any], found: Any) -> bool:
    """Whether something between us and the server speaks for it: a pooler invents the process that libpq is told."""
    process = next(iter(found.values())) if isinstance(found, dict) else found[0]
    return bool(process != connection.info.backend_pid)


def _server_process(connection: Connection[Any]) -> int:
    row = connection.execute(_QUERIES["server_process"]).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _ended_after(seconds: float, is_late: Event, *connections: Connection[Any]) -> Iterator[None]:
    """Cut connections off when the block takes longer: a pooler may let a query wait for minutes."""
    with ExitStack() as stack:
        # Copies: libpq keeps and closes its own.
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
