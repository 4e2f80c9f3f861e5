"""A revision's statements live in a .sql file of the same name, where editors and reviewers expect SQL."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from alembic import op


def run_sql_file(revision_file: str) -> None:
    """Run the .sql file beside a revision, in the revision's transaction.

    :param revision_file: the revision module's `__file__`.
    """
    # The driver's own cursor: SQLAlchemy would take colons and percent signs in the text for parameters
    with closing(op.get_bind().connection.cursor()) as cursor:
        cursor.execute(Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8"))
