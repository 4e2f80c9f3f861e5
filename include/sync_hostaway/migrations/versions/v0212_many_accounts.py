"""Less work for PostgreSQL with many accounts: the status of all of them, and the counters of the metrics."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0212"
down_revision = "0211"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
