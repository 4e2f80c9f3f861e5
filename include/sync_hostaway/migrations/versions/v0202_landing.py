"""Landing: the raw payloads, and how values of a payload are read in SQL."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0202"
down_revision = "0201"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
