"""Short reasons of rejected API keys; the request budget is compared per address."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0121"
down_revision = "0120"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
