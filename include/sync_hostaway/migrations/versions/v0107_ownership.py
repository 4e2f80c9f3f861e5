"""Which relations dbt made, and how they are changed without harm to what depends on them."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0107"
down_revision = "0106"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
