"""Polling: the heads of an account's lists, and how its polls stand."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0108"
down_revision = "0107"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
