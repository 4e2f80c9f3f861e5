"""Statistics of tables in which an account has grown.

PostgreSQL plans a query of one account from statistics. It expects one row of an account that the statistics do not
contain, and may then compare each row with each: such a query takes hundreds of times as long. Autovacuum counts the
changes of a table, not those of an account, so it analyzes a large table too late for a new account.
"""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.transforms.ledger import Claim

_SQL = load_queries(Path(__file__).with_suffix(".sql"))
# No plan is bad enough for fewer rows.
_ROWS = 100


def analyze_grown_tables(connection: Connection, claim: Claim) -> list[str]:
    """Have PostgreSQL analyze the landing tables in which some account has at least doubled; returns their resources.

    Notes it in the transform, so that the tables that it builds are analyzed, too, each before the next one reads it.
    """
    grown: list[str] = []
    for load in connection.execute(_SQL["new_rows"], {"transform_id": claim.transform_id, "rows": _ROWS}).fetchall():
        resource = load["resource"]
        table = sql.Identifier("landing", resource)
        if resource not in grown and fetch_value(connection, _SQL["has_doubled"].format(table=table), load):
            connection.execute(_SQL["analyze"].format(table=table))
            grown.append(resource)
    if grown:
        connection.execute(_SQL["note_growth"], {"transform_id": claim.transform_id})
    return grown
