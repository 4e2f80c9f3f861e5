"""The relations that dbt made, and functions that change them without harm to dependent objects."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0208"
down_revision = "0207"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_sql_file(__file__)
