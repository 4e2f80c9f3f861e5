"""Schemas ops and landing: registry, secrets, sync log, load ledger, quarantine and the raw payloads."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
