"""Polling: the heads of an account's lists, and the state of its polls."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0206"
down_revision = "0205"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
