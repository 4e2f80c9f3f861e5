"""Alembic migrations of the schemas `ops` and `landing` (dbt owns the others).

`upgrade` is what `sync-hostaway migrate` runs. Two processes may run it at once: the second waits for the first on an
advisory lock and then finds nothing to do.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from sync_hostaway.exceptions import WarehouseUnavailable

# Any constant will do as long as nothing else in the warehouse takes the same advisory lock.
_MIGRATION_LOCK = 7_402_001


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def _engine_url(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+psycopg://", 1).replace("postgres://", "postgresql+psycopg://", 1)


def upgrade(dsn: str) -> str:
    """Bring the warehouse to the newest revision and return that revision.

    :param dsn: libpq URL of the warehouse.
    """
    from sqlalchemy.exc import OperationalError

    config = _config()
    engine = create_engine(_engine_url(dsn))
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
            try:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.commit()
            finally:
                connection.rollback()
                connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
                connection.commit()
    except OperationalError as error:
        raise WarehouseUnavailable(f"Cannot reach the warehouse to migrate it: {error.orig}") from error
    finally:
        engine.dispose()
    return head()


def head() -> str:
    """The newest revision this version of the package knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    return revision or "base"


def current(dsn: str) -> str | None:
    """The revision the warehouse is at, or None when it was never migrated."""
    engine = create_engine(_engine_url(dsn))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table_schema": "ops"})
            return context.get_current_revision()
    finally:
        engine.dispose()
