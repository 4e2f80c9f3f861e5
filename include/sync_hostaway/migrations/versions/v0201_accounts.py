"""The schemas, the registry of accounts, and what was erased."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0201"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
