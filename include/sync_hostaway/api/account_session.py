"""Reads rows of one account. Two checks isolate accounts: the query names the account, and row-level security."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from sync_hostaway.core.db import Connection, QuietConnection, fetch_value, load_queries, read_rows
from sync_hostaway.core.libpq import connection_string
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.session import prepare
from sync_hostaway.core.settings import get_settings

_QUERIES = load_queries(Path(__file__).with_name("account_session.sql"))
# Connections of each API server process that read rows. An account uses at most a third of them.
ROW_CONNECTIONS = 10
# Two threads look up tokens, one checks health.
_AUTH_CONNECTIONS = 3
# Seconds that a request waits for a connection; then the response is 503.
_POOL_TIMEOUT = 5.0
# A query takes milliseconds. One that waits for a lock or runs longer is cancelled, and the response is 503.
_STATEMENT_TIMEOUT, _LOCK_TIMEOUT = "5s", "2s"

Pool = ConnectionPool[Connection]


def make_pool() -> Pool:
    """Return a pool for reading rows. It is not open yet, so that an app can start while the database is down."""
    return _pool("hostaway-api", lambda: get_settings().api_warehouse_dsn, ROW_CONNECTIONS)


def make_auth_pool() -> Pool:
    """Return a pool for tokens and health checks. It works while all connections for rows wait for a table."""
    return _pool("hostaway-api-auth", lambda: get_settings().warehouse_dsn, _AUTH_CONNECTIONS)


def _pool(name: str, dsn: Callable[[], str], connections: int) -> Pool:
    return ConnectionPool(
        connection_class=QuietConnection,
        conninfo=lambda: connection_string(dsn(), "sync-hostaway api", connect_timeout=5),
        min_size=1,
        max_size=connections,
        configure=_prepare,
        open=False,
        timeout=_POOL_TIMEOUT,
        # Detects a connection that a server restart closed, before a request gets it.
        check=ConnectionPool.check_connection,
        # The next request reconnects at once, instead of the pool in ever longer intervals.
        reconnect_timeout=0.0,
        kwargs={"autocommit": True, "row_factory": dict_row},
        name=name,
    )


def _prepare(connection: Connection) -> None:
    prepare(connection)
    limit_statements(connection, _STATEMENT_TIMEOUT, _LOCK_TIMEOUT)


def limit_statements(connection: Connection, statement_timeout: str, lock_timeout: str) -> None:
    """Set the timeouts of a connection, in PostgreSQL's notation: `5s`."""
    # With a statement and not with libpq's `options`, because poolers such as PgBouncer refuse those.
    params = {"statement_timeout": statement_timeout, "lock_timeout": lock_timeout}
    connection.execute(_QUERIES["limit_statements"], params)


@dataclass(frozen=True)
class AccountRows:
    """The rows that a request may read.

    :param as_of: the rows have everything that Hostaway had at this moment. None: no complete read yet.
    """

    as_of: datetime | None
    _connection: Connection
    _account_id: int

    def one(self, query: sql.SQL | sql.Composed, **params: Any) -> dict[str, Any] | None:
        """Return the first row of a query. The query must contain `account_id = %(account_id)s`."""
        return next(iter(self.all(query, **params)), None)

    def all(self, query: sql.SQL | sql.Composed, **params: Any) -> list[dict[str, Any]]:
        """Return all rows of such a query."""
        return read_rows(self._connection, query, {**params, "account_id": self._account_id})


@contextmanager
def account_rows(
    pool: Pool, account_id: int, resource: Resource, *, calendar_of: int | None = None
) -> Iterator[AccountRows]:
    """Open a transaction that can read the core rows of one account and nothing else.

    Role and account end with the transaction. The next user of the connection starts without them, also behind an
    external pooler.

    :param resource: the resource of which `as_of` is read. It is read first, so that the rows are at least that fresh.
    :param calendar_of: a listing id, to read `as_of` of its calendar only.
    """
    with pool.connection() as connection:
        params = {"account_id": account_id, "resource": resource.value, "listing_id": calendar_of}
        moment = fetch_value(connection, _QUERIES["calendar_as_of" if calendar_of else "as_of"], params)
        with connection.transaction():
            connection.execute(_QUERIES["set_account_role"], {"account_id": str(account_id)})
            yield AccountRows(moment, connection, account_id)
