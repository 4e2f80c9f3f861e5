"""Earlier versions of listings, reservations and calendar days, and what users decide about the marts."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0210"
down_revision = "0209"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
