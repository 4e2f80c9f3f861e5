"""Alerts: one row for each time that a condition began to hold."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0211"
down_revision = "0210"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
