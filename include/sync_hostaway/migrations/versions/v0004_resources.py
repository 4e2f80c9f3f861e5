"""More landed resources, and cursors that let a killed walk go on."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
