"""Webhooks: endpoints, the inbox, and the outcome of each event."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0205"
down_revision = "0204"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
