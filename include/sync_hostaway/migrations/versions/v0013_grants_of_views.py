"""A view that is made again is open to those who could read it before, and to no other."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
