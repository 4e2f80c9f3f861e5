"""Alembic's entry point: runs the revisions on the connection that `migrations.upgrade` holds the lock with."""

from __future__ import annotations

from alembic import context
from psycopg import sql
from sqlalchemy import Connection, text

from sync_hostaway import migrations
from sync_hostaway.core.db import AnyConnection
from sync_hostaway.migrations import sql_files
from sync_hostaway.migrations.objects import refuse_foreign_objects
from sync_hostaway.transforms.ownership import refuse_foreign_relations

# Other projects have a table `ops.alembic_version`, too, and revisions of the same numbers.
_IS_OURS = """
    select count(*) = 4 from pg_class
    where
        oid in (
            to_regclass('ops.accounts'),
            to_regclass('ops.secrets'),
            to_regclass('ops.loads'),
            to_regclass('landing.listings')
        )
        and relkind = 'r'
"""
_COMMENTS = """
    select nspname, obj_description(oid, 'pg_namespace') from pg_namespace
    where nspname in ('ops', 'landing') and obj_description(oid, 'pg_namespace') is not null
"""


def run() -> None:
    """Run the pending revisions; the version table lives in `ops`, beside what it describes.

    In one transaction with the checks: what was refused was not begun.
    """
    connection: Connection = context.config.attributes["connection"]
    warehouse: AnyConnection = connection.connection.driver_connection  # type: ignore[assignment]  # psycopg's connection
    context.configure(connection=connection, version_table_schema="ops", transactional_ddl=True)
    with context.begin_transaction():
        connection.execute(text(f"set local lock_timeout = '{migrations.LOCK_TIMEOUT}'"))
        is_ours = connection.execute(text(_IS_OURS)).scalar()
        present = context.get_context().get_current_revision() if is_ours else None
        migrations.refuse_pre_release(present)
        refuse_foreign_objects(warehouse, sql_files(after=present), first=present is None)
        comments = [] if present else warehouse.execute(_COMMENTS).fetchall()
        if connection.execute(text("select to_regnamespace('ops') is null")).scalar():
            connection.execute(text("create schema ops"))
        context.run_migrations()
        for schema, comment in comments:
            # the schema was there before, with its owner's words
            warehouse.execute(
                sql.SQL("comment on schema {} is {}").format(sql.Identifier(schema), sql.Literal(comment))
            )
        refuse_foreign_relations(warehouse)


run()
