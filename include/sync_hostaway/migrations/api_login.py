"""The role with which the API server logs in to read rows.

It may become `hostaway_api`, and read when an account was last read as a whole. The user of WAREHOUSE_URL, which may do
more, looks up tokens and writes; no reading route uses it then. The embedded platform has such a role at each start;
`sync-hostaway api-login` makes one elsewhere.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from sync_hostaway.core.db import Connection, fetch_value
from sync_hostaway.core.exceptions import ConfigurationError, ForeignObjects, MissingPrivileges
from sync_hostaway.core.libpq import explicit, url_of
from sync_hostaway.core.queries import load_queries
from sync_hostaway.core.settings import get_settings

LOGIN = "hostaway_api_server"
_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))


def api_dsn(warehouse_dsn: str, password: str) -> str:
    """The connection string of the role."""
    return make_conninfo(warehouse_dsn, user=LOGIN, password=password)


def ensure_api_login(warehouse_dsn: str, password: str, login: str = LOGIN) -> None:
    """Create the role where it is missing, and give it its password and its rights. May be repeated.

    Without the tables of the migrations it gets no rights; there is nothing to read then.

    :param warehouse_dsn: of a role that may create roles and grant `hostaway_api`.
    """
    role = sql.Identifier(login)
    with psycopg.connect(warehouse_dsn) as connection:
        if connection.execute(_QUERIES["is_missing"], {"login": login}).fetchone() == (True,):
            connection.execute(_QUERIES["create"].format(login=role))
        # The digest: a statement that fails is written to the server's log.
        digest = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("alter role {} password {}").format(role, sql.Literal(digest)))
        if connection.execute(_QUERIES["is_migrated"]).fetchone() == (True,):
            connection.execute(_QUERIES["grant_rights"].format(login=role))


def new_api_login(connection: Connection, login: str = LOGIN) -> str:
    """Create the role with a new password, or give it a new one; returns the URL with which it logs in.

    :param connection: to a migrated warehouse.
    :param login: the role's name.
    :raises ConfigurationError: where the embedded platform has a login of its own already.
    :raises ForeignObjects: when a role of this name exists that is not ours; nothing was changed then.
    :raises MissingPrivileges: when the user may not create it; the message has the statements for one who may.
    """
    settings = get_settings()
    if not settings.warehouse_url:
        raise ConfigurationError(
            "The embedded platform makes this login at each start; WAREHOUSE_URL names another one"
        )
    if fetch_value(connection, _QUERIES["is_foreign"], {"login": login}):
        raise ForeignObjects(
            f"The server has a role {login} that sync-hostaway did not make: it may not become hostaway_api, or may do "
            "much else. Nothing was changed. --role takes another name"
        )
    dsn, password = explicit(settings.warehouse_dsn), secrets.token_urlsafe(24)
    try:
        ensure_api_login(dsn, password, login)
    except InsufficientPrivilege as error:
        role = sql.Identifier(login)
        statements = [_QUERIES[name].format(login=role).as_string(connection) for name in ("create", "grant_rights")]
        raise MissingPrivileges(
            f"The role {connection.info.user} may not make the API's login ({error.diag.message_primary}). Have an "
            f"administrator of the server run this in the database {connection.info.dbname}, with a password, and set "
            "AIRFLOW__HOSTAWAY__API_WAREHOUSE_URL to WAREHOUSE_URL with this user and password:\n"
            f"{statements[0]} password '<password>';\n{statements[1]};"
        ) from None
    return url_of(make_conninfo(dsn, user=login, password=password))
