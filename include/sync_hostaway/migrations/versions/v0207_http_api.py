"""The HTTP API: tokens, the outbox of guest messages, and the role that reads one account at a time."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0207"
down_revision = "0206"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
