"""A calendar that a reservation leaves is due; syncs are found quickly among however many deltas."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
