"""Checks which relations in the warehouse dbt may build, before anything is changed.

`ops.relations` has the tables and views that dbt made. Other relations in their schemas are not changed; one with the
name of a model is refused.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from psycopg.rows import tuple_row

from sync_hostaway.core.db import AnyConnection, load_queries
from sync_hostaway.core.exceptions import ConfigurationError, ForeignObjects
from sync_hostaway.transforms.project import built_relations, find_project

_SQL = load_queries(Path(__file__).with_suffix(".sql"))
_WAY_OUT = (
    "Rename them or move them to another schema. One that sync-hostaway made, and that was restored alone from "
    "a backup, becomes its own again with: select ops.note_relation('<schema>', '<name>')"
)


def refuse_foreign_relations(connection: AnyConnection, project_dir: Path | None = None) -> None:
    """Refuse to continue if relations that dbt did not make have names of models.

    :raises ForeignObjects: naming each.
    """
    relations = []
    # Without a project nothing can be built.
    with suppress(ConfigurationError):
        relations = built_relations(find_project(project_dir))
    parameters = {
        "schemas": [relation.schema for relation in relations],
        "names": [relation.name for relation in relations],
        "kinds": [relation.kind for relation in relations],
    }
    with connection.cursor(row_factory=tuple_row) as cursor:
        if found := cursor.execute(_SQL["foreign_relations"], parameters).fetchall():
            raise ForeignObjects.named(found, _WAY_OUT)
