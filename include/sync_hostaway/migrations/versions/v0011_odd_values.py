"""Odd values cost no row, ids are compared as ids, and a resource that Hostaway refuses is in a state of its own."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
