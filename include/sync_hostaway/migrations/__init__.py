"""Alembic migrations of the schemas `ops` and `landing` (dbt owns the others).

`upgrade` is what `sync-hostaway migrate` runs. Two processes may run it at once: the second waits for the first on an
advisory lock and then finds nothing to do. All pending revisions are one transaction: it is refused and rolled back
where an object that is not ours has a name we need. Alembic is imported by those who migrate: other commands start
sooner so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, LockNotAvailable, UndefinedTable
from psycopg.rows import tuple_row

from sync_hostaway.core.db import Connection, connect, fetch_value, load_queries
from sync_hostaway.core.exceptions import MissingPrivileges, WarehouseBusy, WarehouseUnavailable

# Any constant will do as long as nothing else in the warehouse takes the same advisory lock.
_MIGRATION_LOCK = 7_402_001
_RIGHTS = load_queries(Path(__file__).with_name("rights.sql"))
# A lock that a migration waits for holds up every later reader, so the wait is short and repeated.
LOCK_TIMEOUT = "3s"
_LOCK_ATTEMPTS = 20
_LOCK_PAUSE = 3.0
# Revisions 0001 to 0121 existed before the first release; these numbers are not used again.
_FIRST_REVISION = "0201"


def upgrade(dsn: str) -> str:
    """Bring the warehouse to the newest revision and return that revision.

    :param dsn: libpq URL of the warehouse.
    :raises WarehouseUnavailable: when it cannot be reached, is at a revision that this version does not know, or was
        made by a version before the first release.
    :raises MissingPrivileges: when the role lacks privileges; the message has the SQL that grants them.
    :raises ForeignObjects: when objects that are not ours have names we need; nothing was changed then.
    :raises WarehouseBusy: when other sessions keep a lock that a revision needs; nothing was changed then.
    :raises psycopg.Error: when it refuses a statement.
    """
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError, OperationalError
    from sqlalchemy.pool import NullPool

    _refuse_policed_role(dsn)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    engine = create_engine("postgresql+psycopg://", creator=lambda: _opened(dsn), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
            try:
                config.attributes["connection"] = connection
                _upgrade_patiently(config)
                connection.commit()
            finally:
                connection.rollback()
                connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
                connection.commit()
    except OperationalError as error:
        raise WarehouseUnavailable(f"Cannot reach the warehouse to migrate it: {error.orig}") from error
    except DBAPIError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise _with_way_out(dsn, error.orig) from error
        raise (error.orig or error) from error
    except InsufficientPrivilege as error:
        # From a .sql file, which SQLAlchemy does not see
        raise _with_way_out(dsn, error) from error
    except CommandError as error:
        raise WarehouseUnavailable(f"The warehouse cannot be migrated: {error}") from error
    finally:
        engine.dispose()
    return head()


def _refuse_policed_role(dsn: str) -> None:
    with connect(dsn, application="sync-hostaway migrate") as connection:
        if fetch_value(connection, _RIGHTS["is_held_to_one_account"]):
            why = "it has hostaway_api's rights, whose row-level security would hide every row from it"
            raise _rights_missing(connection, why, is_held=True) or MissingPrivileges(why)


def _with_way_out(dsn: str, refusal: InsufficientPrivilege) -> Exception:
    with connect(dsn, application="sync-hostaway migrate") as connection:
        return _rights_missing(connection, str(refusal.diag.message_primary)) or refusal


def _rights_missing(connection: Connection, why: str, *, is_held: bool = False) -> MissingPrivileges | None:
    """What to do about a right that is missing: the statements, ready to run. None when no right is known to miss."""
    missing: list[str] = fetch_value(connection, _RIGHTS["missing"], {"is_held": is_held})
    if not missing:
        return None
    return MissingPrivileges(
        f"The role {connection.info.user} does not fit: {why}. Have an administrator of the server run this in the "
        f"database {connection.info.dbname}, then run `sync-hostaway migrate` again:\n"
        + "".join(f"{each};\n" for each in missing)
    )


def _opened(dsn: str) -> psycopg.Connection[Any]:
    """A connection for SQLAlchemy."""
    connection: psycopg.Connection[Any] = connect(dsn, application="sync-hostaway migrate")
    connection.autocommit = False
    connection.row_factory = tuple_row
    return connection


def _upgrade_patiently(config: Any) -> None:
    from alembic import command
    from sqlalchemy.exc import OperationalError

    for attempt in range(1, _LOCK_ATTEMPTS + 1):
        try:
            command.upgrade(config, "head")
        except (OperationalError, LockNotAvailable) as error:
            config.attributes["connection"].rollback()
            if not isinstance(getattr(error, "orig", error), LockNotAvailable):
                raise
            if attempt == _LOCK_ATTEMPTS:
                raise WarehouseBusy(
                    "Other sessions keep a lock that the migration needs (a backup or a long query, for example): "
                    "nothing was changed; migrate again when they have ended"
                ) from None
            time.sleep(_LOCK_PAUSE)
        else:
            return


def sql_files(after: str | None = None) -> list[Path]:
    """The SQL files of the revisions, oldest first.

    :param after: only those that follow this revision; None: all.
    """
    files = sorted(Path(__file__).with_name("versions").glob("v*.sql"))
    return [file for file in files if after is None or file.name[1:5] > after]


@cache
def head() -> str:
    """The newest revision of this version of the package."""
    # The name of a file begins with its revision: v0202_landing.py
    return max(file.name[1:5] for file in Path(__file__).with_name("versions").glob("v*.py"))


def refuse_pre_release(found: str | None) -> None:
    """Refuse a revision from before the first release, for which there is no way to the revisions of today.

    :param found: the revision the warehouse is at; None: it was never migrated.
    :raises WarehouseUnavailable: with the way out.
    """
    if found is not None and found < _FIRST_REVISION:
        raise WarehouseUnavailable(
            f"The warehouse was made by a version before the first release (revision {found}) and cannot be upgraded. "
            "Use an empty database: set another WAREHOUSE_URL, or another SYNC_HOSTAWAY_HOME for the embedded server; "
            "then run `sync-hostaway migrate`, add the accounts again and sync them. The old database stays as it is"
        )


def revision(connection: Connection) -> str | None:
    """The revision the warehouse is at, or None when it was never migrated.

    One above `head` is all right to work with: what a newer version adds, this one does not read.
    """
    try:
        number: str | None = fetch_value(connection, sql.SQL("select version_num from ops.alembic_version"))
    except UndefinedTable:
        return None
    return number


@contextmanager
def migrated_warehouse(application: str) -> Iterator[Connection]:
    """A connection to the warehouse, with a schema that this version supports.

    :raises WarehouseUnavailable: when it cannot be reached, or has not been migrated.
    """
    with connect(application=application) as connection:
        found = revision(connection)
        refuse_pre_release(found)
        if found is None or found < head():
            state = f"is at revision {found}, this version needs {head()}" if found else "was never migrated"
            raise WarehouseUnavailable(f"The warehouse {state}. Run `sync-hostaway migrate`")
        yield connection
