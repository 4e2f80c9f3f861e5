"""Opens dbt's connections to the warehouse with the same connection string as all others, and reuses them.

dbt's profile supports twelve of libpq's fifty parameters. So dbt gets the connection string in an environment variable,
and the profile only names the database and the schema of the project.

dbt closes the connection of a thread after each model. A new connection has read no catalog yet: with it, PostgreSQL
needs longer to plan a model of few rows than to run it.
"""

from __future__ import annotations

import os
from multiprocessing.connection import wait
from typing import Any

import psycopg2
from dbt.adapters.contracts.connection import Connection, ConnectionState
from dbt.adapters.events.logging import AdapterLogger
from dbt.adapters.postgres import PostgresAdapter
from dbt.adapters.postgres.connections import PostgresConnectionManager

from sync_hostaway.core import session
from sync_hostaway.transforms.invocation import DSN_VARIABLE

_log = AdapterLogger("Postgres")


class WarehouseConnections(PostgresConnectionManager):
    """Opens the warehouse if `DSN_VARIABLE` is set; otherwise the database of the profile."""

    keeps_connections = False
    """Whether a thread keeps its connection, with all settings of the session, for its next model."""

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        """Open a connection of dbt, unless it is open."""
        dsn = os.environ.get(DSN_VARIABLE)
        if dsn is None or connection.state == ConnectionState.OPEN:
            return super().open(connection)
        return cls.retry_connection(
            connection,
            connect=lambda: _opened(dsn),
            logger=_log,
            retry_limit=connection.credentials.retries,
            retryable_exceptions=[psycopg2.OperationalError],
        )

    def set_connection_name(self, name: str | None = None) -> Connection:
        """Give the thread a connection for its next model: the one it has, unless the server has ended that."""
        connection = self.get_if_exists()
        if connection and connection.state == ConnectionState.OPEN and _is_ended(connection.handle):
            self.close(connection)
        return super().set_connection_name(name)

    def release(self) -> None:
        """End the transaction of a model, and keep the connection for the next one. dbt closes it at the end."""
        connection = self.get_if_exists()
        if connection is None or connection.state != ConnectionState.OPEN or not self.keeps_connections:
            super().release()
            return
        connection.transaction_open = False
        try:
            connection.handle.rollback()
        except psycopg2.Error:
            # The connection was lost. The next model opens another one.
            super().release()


def install(*, keeps_connections: bool = False) -> None:
    """Make dbt's adapter for PostgreSQL open its connections here, until the process ends.

    :param keeps_connections: for models that change no setting of the session.
    """
    WarehouseConnections.keeps_connections = keeps_connections
    PostgresAdapter.ConnectionManager = WarehouseConnections


def _is_ended(handle: Any) -> bool:
    """Whether the server has sent something to an idle connection. It does so when it ends one, and hardly otherwise.

    An end that the network did not transmit is not detected.
    """
    return bool(handle.closed or wait([handle], timeout=0))


def _opened(dsn: str) -> Any:
    handle = psycopg2.connect(dsn)
    try:
        # The first statement: a setting that is made in a transaction ends with its rollback.
        handle.autocommit = True
        with session.given_in_time(handle), handle.cursor() as cursor:
            handle.set_client_encoding("UTF8")
            cursor.execute(session.settings(handle.server_version))
        handle.autocommit = False
    except BaseException:
        handle.close()
        raise
    return handle
