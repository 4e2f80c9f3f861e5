"""What the migrations create in the schemas `ops` and `landing`, as their SQL files say.

An object of another owner that has such a name is refused. Other objects in these schemas are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from psycopg.rows import tuple_row

from sync_hostaway.core.db import AnyConnection, load_queries
from sync_hostaway.core.exceptions import ForeignObjects

_SQL = load_queries(Path(__file__).with_suffix(".sql"))
_CREATED = re.compile(
    r"^\s*create\s+(?:unlogged\s+|unique\s+)*(table|view|function|type|sequence|index)\s+"
    r"(?:if\s+not\s+exists\s+)?(?:(\w+)\.)?(\w+)(?:\s+on\s+(\w+)\.)?",
    re.MULTILINE,
)
_WAY_OUT = "Rename them, or give sync-hostaway a database of its own"


def created_objects(migration: Path) -> list[tuple[str, str, str]]:
    """Kind, schema and name of what a revision's SQL file creates."""
    return [
        (kind, schema or schema_of_table, name)
        for kind, schema, name, schema_of_table in _CREATED.findall(migration.read_text(encoding="utf-8"))
        if schema or schema_of_table
    ]


def refuse_foreign_objects(connection: AnyConnection, migrations: Iterable[Path], *, first: bool) -> None:
    """Refuse to migrate where migrations would meet objects of names that they create.

    :param migrations: the SQL files that are about to run.
    :param first: whether none has run yet.
    :raises ForeignObjects: naming each.
    """
    created = [name for file in migrations for name in created_objects(file)]
    parameters: dict[str, Any] = {
        "schemas": [schema for _, schema, _ in created],
        "names": [name for _, _, name in created],
        "kinds": [kind for kind, _, _ in created],
    }
    queries = ["foreign_objects", *(["foreign_version_table", "foreign_role"] if first else [])]
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = [row for query in queries for row in cursor.execute(_SQL[query], parameters).fetchall()]
    if found:
        raise ForeignObjects.named(found, _WAY_OUT)
