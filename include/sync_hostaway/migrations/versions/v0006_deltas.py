"""What events still need, and ledgers that stay quick however long their history is."""

from __future__ import annotations

from sync_hostaway.migrations.sql_file import run_sql_file

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL file of the same name."""
    run_sql_file(__file__)
