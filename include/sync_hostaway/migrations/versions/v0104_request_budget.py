"""The request budget: slots of each limit's window, bids of those who wait, and the functions that give slots."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0104"
down_revision = "0103"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
