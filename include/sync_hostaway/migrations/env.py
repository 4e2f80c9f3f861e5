"""Alembic's entry point: runs the revisions on the connection that `migrations.upgrade` holds the lock with."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text


def run() -> None:
    """Run the pending revisions; the version table lives in `ops`, beside what it describes."""
    connection: Connection = context.config.attributes["connection"]
    connection.execute(text("create schema if not exists ops"))
    connection.commit()
    context.configure(connection=connection, version_table_schema="ops", transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


run()
