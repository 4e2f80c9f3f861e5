"""Selects the tables from lists in payloads that a transform has to build.

Most changes of a reservation or message do not change its lists, and each additional model costs a transform a tenth of
a second. So a transform of few rows checks this first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from sync_hostaway.core.db import Connection, load_queries

_SQL = load_queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class ListTable:
    """A core table that has a row for each element of a list.

    :param resource: landing table whose payloads have the list.
    :param parent_id: column with the id of the object that has the list.
    :param lists: fields of the payload with the list.
    """

    name: str
    resource: str
    parent_id: str
    lists: tuple[str, ...]


def tables_without_change(connection: Connection, tables: Iterable[ListTable]) -> set[str]:
    """Names of the tables that the claimed loads do not change.

    The rows of these loads have no elements for them, and no rows in them. If many rows are claimed, or rows of the
    resource are deferred, there is no check, and no table is returned.
    """
    unchanged = set()
    for table in tables:
        query = _SQL["is_without_change"].format(
            landed=sql.Identifier("landing", table.resource),
            present=sql.Identifier("hostaway", table.name),
            parent_id=sql.Identifier(table.parent_id),
        )
        parameters = {"resource": table.resource, "lists": list(table.lists)}
        found = connection.execute(query, parameters).fetchone()
        if found and found["is_without_change"]:
            unchanged.add(table.name)
    return unchanged
