"""The rows of one account, twice locked in: the queries name the account, and PostgreSQL shows no other's."""

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
# Connections of each API server process that read rows; an account uses a third of them at most.
ROW_CONNECTIONS = 10
# Tokens are looked up in two threads, health in one.
_AUTH_CONNECTIONS = 3
# Seconds until a request without a connection is answered 503.
_POOL_TIMEOUT = 5.0
# A query here takes milliseconds: one that waits for a lock, or runs for longer, is ended and answered 503.
_STATEMENT_TIMEOUT, _LOCK_TIMEOUT = "5s", "2s"

Pool = ConnectionPool[Connection]


def make_pool() -> Pool:
    """A pool for reading rows, which is not open yet: an app can start without a warehouse."""
    return _pool("hostaway-api", lambda: get_settings().api_warehouse_dsn, ROW_CONNECTIONS)


def make_auth_pool() -> Pool:
    """A pool for looking at tokens and health, also when all connections for rows wait for a table."""
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
        # A connection that died with the server is found before a request is.
        check=ConnectionPool.check_connection,
        # Whoever comes next tries again at once, not the pool in ever longer intervals.
        reconnect_timeout=0.0,
        kwargs={"autocommit": True, "row_factory": dict_row},
        name=name,
    )


def _prepare(connection: Connection) -> None:
    prepare(connection)
    limit_statements(connection, _STATEMENT_TIMEOUT, _LOCK_TIMEOUT)


def limit_statements(connection: Connection, statement_timeout: str, lock_timeout: str) -> None:
    """End statements of a connection that run, or wait for a lock, for longer; in PostgreSQL's notation, `5s`."""
    # By a statement, not by libpq's `options`: poolers such as PgBouncer refuse these.
    params = {"statement_timeout": statement_timeout, "lock_timeout": lock_timeout}
    connection.execute(_QUERIES["limit_statements"], params)


@dataclass(frozen=True)
class AccountRows:
    """What a request may read.

    :param as_of: what Hostaway had at this moment, the rows tell; None when it was never read as a whole.
    """

    as_of: datetime | None
    _connection: Connection
    _account_id: int

    def one(self, query: sql.SQL | sql.Composed, **params: Any) -> dict[str, Any] | None:
        """The first row of a query, which names the account itself: `account_id = %(account_id)s`."""
        return next(iter(self.all(query, **params)), None)

    def all(self, query: sql.SQL | sql.Composed, **params: Any) -> list[dict[str, Any]]:
        """Every row of such a query."""
        return read_rows(self._connection, query, {**params, "account_id": self._account_id})


@contextmanager
def account_rows(
    pool: Pool, account_id: int, resource: Resource, *, calendar_of: int | None = None
) -> Iterator[AccountRows]:
    """A transaction that can read one account's core rows and nothing else.

    Role and account last as long as the transaction: whoever gets the connection next, also through a pooler outside,
    begins without them.

    :param resource: whose freshness is told. It is asked for first, so that the rows are at least that fresh.
    :param calendar_of: a listing, to tell the freshness of its calendar alone.
    """
    with pool.connection() as connection:
        params = {"account_id": account_id, "resource": resource.value, "listing_id": calendar_of}
        moment = fetch_value(connection, _QUERIES["calendar_as_of" if calendar_of else "as_of"], params)
        with connection.transaction():
            connection.execute(_QUERIES["set_account_role"], {"account_id": str(account_id)})
            yield AccountRows(moment, connection, account_id)
