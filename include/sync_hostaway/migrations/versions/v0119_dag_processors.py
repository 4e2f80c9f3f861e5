"""When the registry was created, and Dag processors in trouble."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0119"
down_revision = "0118"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
