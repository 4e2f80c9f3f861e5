"""Access to PostgreSQL: connections, and queries kept in .sql files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from sync_hostaway.exceptions import ConfigurationError, WarehouseUnavailable
from sync_hostaway.settings import get_settings

Connection = psycopg.Connection[DictRow]

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
        return psycopg.connect(
            dsn, autocommit=True, row_factory=dict_row, connect_timeout=10, application_name=application
        )
    except psycopg.OperationalError as error:
        raise WarehouseUnavailable(
            f"Cannot reach the warehouse at {where.get('host', 'localhost')}:{where.get('port', 5432)}, "
            f"database {where.get('dbname', '?')}: {str(error).strip()}. Is it running, and is WAREHOUSE_URL right?"
        ) from error


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
