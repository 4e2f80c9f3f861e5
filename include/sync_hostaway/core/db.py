"""Access to PostgreSQL: connections, queries in .sql files, and advisory locks."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.rows import DictRow, dict_row
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from psycopg_pool import ConnectionPool, PoolTimeout

from sync_hostaway.core.exceptions import WarehouseUnavailable
from sync_hostaway.core.failures import without_row_values
from sync_hostaway.core.libpq import connection_string, place_of
from sync_hostaway.core.queries import load_queries
from sync_hostaway.core.session import prepare
from sync_hostaway.core.settings import get_settings

__all__ = [
    "AnyConnection",
    "Connection",
    "WarehousePool",
    "advisory_lock",
    "connect",
    "connection_pool",
    "fetch_value",
    "load_queries",
    "read_rows",
    "warehouse_clock",
]

Connection = psycopg.Connection[DictRow]
AnyConnection = psycopg.Connection[Any]
_Result = TypeVar("_Result")


def connect(dsn: str | None = None, *, application: str = "sync-hostaway") -> Connection:
    """Open a connection in autocommit mode, so that each transaction is a visible `with connection.transaction()`.

    The session has the settings of `session.sql`. They override those of the role, the database and the environment.

    :param dsn: any connection string of libpq; default: the warehouse of the settings.
    :param application: the name that PostgreSQL shows, unless the connection string has one.
    :raises WarehouseUnavailable: names host and port, never the password.
    :raises ConfigurationError: when the connection string cannot be read, or the server is not supported.
    """
    dsn = dsn or get_settings().warehouse_dsn
    try:
        connection = QuietConnection.connect(connection_string(dsn, application), autocommit=True, row_factory=dict_row)
        try:
            prepare(connection)
        except BaseException:
            connection.close()
            raise
    except psycopg.OperationalError as error:
        raise WarehouseUnavailable(f"Cannot reach the warehouse at {place_of(dsn)}: {_error_text(error)}") from error
    return connection


def connection_pool(application: str, *, max_size: int, timeout: float) -> WarehousePool:
    """Return an open pool of such connections to the warehouse, for threads that need one for a short time each.

    PostgreSQL starts a process for each new connection, which reads the catalog again. This takes longer than our
    usual queries.

    :param max_size: the most connections at once. The pool opens the first one when it is needed.
    :param timeout: seconds to wait for a connection; then `WarehouseUnavailable`.
    """
    return WarehousePool(
        conninfo=lambda: connection_string(get_settings().warehouse_dsn, application),
        connection_class=QuietConnection,
        kwargs={"autocommit": True, "row_factory": dict_row},
        configure=prepare,
        # Detects a connection that a server restart closed.
        check=WarehousePool.check_connection,
        name=application,
        min_size=0,
        max_size=max_size,
        timeout=timeout,
        # As long as threads wait: PostgreSQL may have too many connections only for a moment.
        reconnect_timeout=timeout,
        open=True,
    )


class WarehousePool(ConnectionPool[Connection]):
    """A pool whose error names the warehouse. See `connection_pool`."""

    def getconn(self, timeout: float | None = None) -> Connection:
        """Return a connection, as psycopg's pool does.

        :raises WarehouseUnavailable: when there was none in time. It names PostgreSQL's reason.
        """
        try:
            return super().getconn(timeout)
        except PoolTimeout as error:
            # The pool does not tell why. If PostgreSQL refuses connections, this one raises its reason.
            connect(application=self.name).close()
            raise WarehouseUnavailable(
                f"No connection to the warehouse at {place_of(get_settings().warehouse_dsn)} became free: {error}"
            ) from error


class QuietConnection(psycopg.Connection[DictRow]):
    """A connection whose errors do not quote rows, because errors are logged."""

    def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **options: Any) -> _Result:
        """Wait as psycopg does. Every query passes through this method."""
        try:
            return super().wait(gen, *args, **options)
        except psycopg.Error as error:
            error.args = (without_row_values(error),)
            raise


class QuietAsyncConnection(psycopg.AsyncConnection[DictRow]):
    """`QuietConnection` for coroutines."""

    async def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **options: Any) -> _Result:
        """Wait as psycopg does. Every query passes through this method."""
        try:
            return await super().wait(gen, *args, **options)
        except psycopg.Error as error:
            error.args = (without_row_values(error),)
            raise


def _error_text(error: psycopg.OperationalError) -> str:
    message = " ".join(str(error).split()).rstrip(".?")
    if "unsupported startup parameter" in message:
        # Text of PgBouncer, which no locale translates
        return (
            f"{message}. PgBouncer takes no `options`: remove them from WAREHOUSE_URL and PGOPTIONS, or add `options` "
            "to its ignore_startup_parameters"
        )
    return f"{message}. Is it running, and is WAREHOUSE_URL right?"


def fetch_value(connection: Connection, query: sql.SQL | sql.Composed, params: dict[str, Any] | None = None) -> Any:
    """Return the first column of the first row, or None."""
    row = connection.execute(query, params).fetchone()
    return next(iter(row.values())) if row else None


def read_rows(connection: Connection, query: sql.SQL | sql.Composed, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every row of a query that only reads. A date or moment that Python cannot represent becomes None.

    PostgreSQL has `infinity` and years after 9999. Without this, one such value would fail the whole query.
    """
    try:
        return connection.execute(query, params).fetchall()
    except psycopg.DataError as error:
        if error.sqlstate:
            raise
    # psycopg raised it while it read a value. Its own loaders are faster, so these are only used when needed.
    cursor = connection.cursor()
    for loader in (_DateOrNone, _TimestampOrNone, _TimestamptzOrNone):
        cursor.adapters.register_loader(loader.type_name, loader)
    return cursor.execute(query, params).fetchall()


class _DateOrNone(DateLoader):
    type_name = "date"

    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except psycopg.DataError:
            return None


class _TimestampOrNone(TimestampLoader):
    type_name = "timestamp"

    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except psycopg.DataError:
            return None


class _TimestamptzOrNone(TimestamptzLoader):
    type_name = "timestamptz"

    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except psycopg.DataError:
            return None


_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
# CLOCK_BOOTTIME includes the time in which the machine was suspended; only Linux has it.
_ELAPSED_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def warehouse_clock(connection: Connection) -> Callable[[], datetime]:
    """A clock that all machines share: PostgreSQL's, read once, plus the time that has passed here since then.

    Rows are ordered by it. With the clock of each machine, a clock that is ahead would keep newer rows out until the
    others have caught up, and one that is behind would not land its rows. It is never ahead of PostgreSQL's clock,
    unless that is set back.
    """
    read_at: datetime = fetch_value(connection, _QUERIES["now"])
    began = time.clock_gettime(_ELAPSED_CLOCK)
    return lambda: read_at + timedelta(seconds=time.clock_gettime(_ELAPSED_CLOCK) - began)


@contextmanager
def advisory_lock(connection: Connection, what: str, account_id: int, *, wait: bool = True) -> Iterator[bool]:
    """Hold an advisory lock, so that only one process does this work for this account. Yields whether it is held.

    PostgreSQL releases the lock when the holder's connection ends, also after a crash.

    :param what: name of the work. It must be the same in every place and in every version.
    :param account_id: 0 for work that concerns all accounts.
    :param wait: wait for the lock. With False, yields False at once when another session holds it.
    """
    params = {"key": f"hostaway {what}", "account_id": account_id}
    is_ours = fetch_value(connection, _QUERIES["lock" if wait else "try_lock"], params) is not False
    try:
        yield is_ours
    finally:
        if is_ours:
            try:
                connection.execute(_QUERIES["unlock"], params)
            except psycopg.OperationalError:
                # The exception of a lost connection must not be hidden by this one. Any other connection would keep
                # the lock, in a pool for a long time.
                connection.close()
