"""The status of every account and resource as SQL, calls per day, and who changed what."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0109"
down_revision = "0108"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
