"""Syncs: their log, their progress, the ledger of loads and transforms, and the deferred rows."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0203"
down_revision = "0202"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
