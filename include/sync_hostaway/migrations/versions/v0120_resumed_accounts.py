"""Accounts that are active again, and why webhook events are dead."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0120"
down_revision = "0119"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
