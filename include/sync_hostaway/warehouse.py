"""Access to PostgreSQL: connections, queries kept in .sql files, and turns that processes take."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString, TypeVar, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from sync_hostaway.exceptions import ConfigurationError, WarehouseUnavailable
from sync_hostaway.settings import get_settings

Connection = psycopg.Connection[DictRow]

_Result = TypeVar("_Result")

# As in: invalid input syntax for type date: "…"
_VALUE = re.compile(r': ".*', re.DOTALL)
_BLOCK = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def connect(dsn: str | None = None, *, application: str = "sync-hostaway") -> Connection:
    """Open a connection in autocommit mode: a transaction is always a visible `with connection.transaction()`.

    :raises WarehouseUnavailable: naming host and port, never the password.
    :raises ConfigurationError: when the URL cannot be read.
    """
    dsn = dsn or get_settings().warehouse_dsn
    try:
        where = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # libpq's own message quotes what it could not read, which may be the password
        raise ConfigurationError(
            "WAREHOUSE_URL is not a URL that libpq understands; it looks like postgresql://user:password@host:5432/name"
        ) from None
    try:
        connection = _Connection.connect(
            dsn, autocommit=True, row_factory=dict_row, connect_timeout=10, application_name=application
        )
        connection.execute(_QUERIES["notice_death"])
    except psycopg.OperationalError as error:
        raise WarehouseUnavailable(
            f"Cannot reach the warehouse at {where.get('host', 'localhost')}:{where.get('port', 5432)}, "
            f"database {where.get('dbname', '?')}: {str(error).strip()}. Is it running, and is WAREHOUSE_URL right?"
        ) from error
    return connection


class _Connection(psycopg.Connection[DictRow]):
    """One whose errors quote no rows."""

    def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **options: Any) -> _Result:
        """As psycopg does: all that is asked of the server passes here."""
        try:
            return super().wait(gen, *args, **options)
        except psycopg.Error as error:
            error.args = (without_row_values(error),)
            raise


def without_row_values(error: psycopg.Error) -> str:
    """What PostgreSQL says, without details and context, which quote rows: tracebacks of tasks are kept as logs."""
    said = error.diag.message_primary
    if said is None:
        # libpq's own words, as for a connection that was lost.
        return str(error)
    is_about_a_value = (error.sqlstate or "").startswith("22")
    return _VALUE.sub(": a value that is not shown", said) if is_about_a_value else said


def load_queries(file: Path) -> dict[str, sql.SQL]:
    """Read a .sql file of blocks that begin with `-- name: <name>`.

    Values are psycopg parameters (`%(account_id)s`); identifiers that vary stand in braces (`{table}`).
    """
    parts = _BLOCK.split(file.read_text(encoding="utf-8"))
    # The text is ours, shipped with the package; LiteralString keeps psycopg from accepting anything else elsewhere.
    return {
        name: sql.SQL(cast(LiteralString, body.strip())) for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def fetch_value(connection: Connection, query: sql.SQL | sql.Composed, params: dict[str, Any] | None = None) -> Any:
    """First column of the first row, or None."""
    row = connection.execute(query, params).fetchone()
    return next(iter(row.values())) if row else None


_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))


@contextmanager
def alone(connection: Connection, what: str, account_id: int, *, wait: bool = True) -> Iterator[bool]:
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
