"""The request budget: the permits of each limit, the waiters, and the functions that give permits."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0204"
down_revision = "0203"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
