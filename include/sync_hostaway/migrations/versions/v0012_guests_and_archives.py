"""One form of an internationalised domain, when listings were archived, and time zones that may be misspelt."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
