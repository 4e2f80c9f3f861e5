"""Access to PostgreSQL: connections, queries kept in .sql files, and turns that processes take."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.rows import DictRow, dict_row
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader

from sync_hostaway.core.exceptions import WarehouseUnavailable
from sync_hostaway.core.failures import without_row_values
from sync_hostaway.core.libpq import connection_string, place_of
from sync_hostaway.core.queries import load_queries
from sync_hostaway.core.session import prepare
from sync_hostaway.core.settings import get_settings

__all__ = ["AnyConnection", "Connection", "advisory_lock", "connect", "fetch_value", "load_queries", "read_rows"]

Connection = psycopg.Connection[DictRow]
AnyConnection = psycopg.Connection[Any]
_Result = TypeVar("_Result")


def connect(dsn: str | None = None, *, application: str = "sync-hostaway") -> Connection:
    """Open a connection in autocommit mode: a transaction is always a visible `with connection.transaction()`.

    Its session has the settings of `session.sql`, whatever the role, the database and the environment say.

    :param dsn: any connection string of libpq; without it, the warehouse of the settings.
    :param application: the name that PostgreSQL shows, unless the connection string has one.
    :raises WarehouseUnavailable: naming host and port, never the password.
    :raises ConfigurationError: when the connection string cannot be read, or leads to something that does not fit.
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
        raise WarehouseUnavailable(f"Cannot reach the warehouse at {place_of(dsn)}: {_said(error)}") from error
    return connection


class QuietConnection(psycopg.Connection[DictRow]):
    """One whose errors quote no rows: they end up in logs."""

    def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **options: Any) -> _Result:
        """As psycopg does: all that is asked of the server passes here."""
        try:
            return super().wait(gen, *args, **options)
        except psycopg.Error as error:
            error.args = (without_row_values(error),)
            raise


class QuietAsyncConnection(psycopg.AsyncConnection[DictRow]):
    """The same for coroutines."""

    async def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **options: Any) -> _Result:
        """As psycopg does: all that is asked of the server passes here."""
        try:
            return await super().wait(gen, *args, **options)
        except psycopg.Error as error:
            error.args = (without_row_values(error),)
            raise


def _said(error: psycopg.OperationalError) -> str:
    said = " ".join(str(error).split()).rstrip(".?")
    if "unsupported startup parameter" in said:
        # PgBouncer's own words, which no locale translates
        return (
            f"{said}. PgBouncer takes no `options`: remove them from WAREHOUSE_URL and PGOPTIONS, or add `options` to "
            "its ignore_startup_parameters"
        )
    return f"{said}. Is it running, and is WAREHOUSE_URL right?"


def fetch_value(connection: Connection, query: sql.SQL | sql.Composed, params: dict[str, Any] | None = None) -> Any:
    """First column of the first row, or None."""
    row = connection.execute(query, params).fetchone()
    return next(iter(row.values())) if row else None


def read_rows(
    connection: Connection, query: sql.SQL | sql.Composed, params: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Every row of a query that only reads. A date or moment that Python cannot hold is None: it loses no other row.

    PostgreSQL has `infinity` and years after 9999.
    """
    try:
        return connection.execute(query, params).fetchall()
    except psycopg.DataError as error:
        if error.sqlstate:
            raise
    # Raised by psycopg as it read a value. Its own loaders are faster, so these are used only where they are needed.
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


@contextmanager
def advisory_lock(connection: Connection, what: str, account_id: int, *, wait: bool = True) -> Iterator[bool]:
    """Keep other processes from doing the same for the same account meanwhile; gives whether it is our turn.

    PostgreSQL gives the next one its turn when the holder's connection ends, however it ends.

    :param what: the same words wherever the same is done, in every version.
    :param account_id: 0 for what is done for all accounts together.
    :param wait: until it is our turn; False gives False at once when somebody else is at it.
    """
    params = {"key": f"hostaway {what}", "account_id": account_id}
    is_ours = fetch_value(connection, _QUERIES["lock" if wait else "try_lock"], params) is not False
    try:
        yield is_ours
    finally:
        if is_ours:
            # A connection that is lost has given the lock back, and what was raised over that must not be hidden.
            with suppress(psycopg.OperationalError):
                connection.execute(_QUERIES["unlock"], params)
