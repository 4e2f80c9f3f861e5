"""Runs the SQL of a revision: a .sql file of the same name, or several with `_1_…`, `_2_…` after the name."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from alembic import op


def run_sql_file(revision_file: str) -> None:
    """Run the .sql files of a revision in order, in the revision's transaction.

    :param revision_file: the revision module's `__file__`.
    """
    revision = Path(revision_file)
    # The driver's own cursor, because SQLAlchemy would read colons and percent signs in the text as parameters
    with closing(op.get_bind().connection.cursor()) as cursor:
        for file in sorted(revision.parent.glob(f"{revision.stem}*.sql")):
            cursor.execute(file.read_text(encoding="utf-8"))
