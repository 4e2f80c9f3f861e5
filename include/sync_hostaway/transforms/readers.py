"""Roles that may read every core table and mart, also those of later versions (`AIRFLOW__HOSTAWAY__READER_ROLES`)."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString, cast

import structlog
from psycopg import errors, sql

from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.settings import get_settings

_SQL = load_queries(Path(__file__).with_suffix(".sql"))
_log = structlog.get_logger(__name__)


def grant_to_readers(connection: Connection) -> None:
    """Grant missing rights to the roles of the settings. A role that is removed from the settings keeps its rights.

    A missing role, and a grant that the warehouse refuses, are only logged, because the tables are correct.
    """
    roles = list(get_settings().reader_roles)
    if not roles:
        return
    for unknown in connection.execute(_SQL["unknown_roles"], {"roles": roles}).fetchall():
        _log.error("reader_role_unknown", role=unknown["name"], hint=f'create role "{unknown["name"]}" first')
    missing = connection.execute(_SQL["missing_grants"], {"roles": roles}).fetchall()
    for grant in missing:
        try:
            # made of quoted identifiers
            connection.execute(sql.SQL(cast(LiteralString, grant["statement"])))
        except errors.InsufficientPrivilege as error:
            _log.error("reader_role_not_granted", statement=grant["statement"], error=str(error))
