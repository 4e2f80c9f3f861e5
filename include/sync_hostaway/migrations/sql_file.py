"""A revision's statements live in a .sql file of the same name, where editors and reviewers expect SQL."""

from __future__ import annotations

from pathlib import Path

from alembic import op


def run_sql_file(revision_file: str) -> None:
    """Run the .sql file beside a revision, in the revision's transaction.

    :param revision_file: the revision module's `__file__`.
    """
    # exec_driver_sql: the text holds colons and percent signs that SQLAlchemy would take for parameters
    op.get_bind().exec_driver_sql(Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8"))
