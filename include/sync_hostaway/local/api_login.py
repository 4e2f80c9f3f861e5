"""The role with which the embedded platform's API server logs in to read rows.

It may become `hostaway_api`, and read when an account was last read as a whole. The owner of the embedded server is a
superuser: as that, the API server looks up tokens and writes, but no reading route reads rows.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from sync_hostaway.core.queries import load_queries

LOGIN = "hostaway_api_server"
_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))


def api_dsn(warehouse_dsn: str, password: str) -> str:
    """The connection string of the role."""
    return make_conninfo(warehouse_dsn, user=LOGIN, password=password)


def ensure_api_login(warehouse_dsn: str, password: str) -> None:
    """Create the role where it is missing, and give it its password and its rights. May be repeated.

    Without the tables of the migrations it gets no rights; there is nothing to read then.

    :param warehouse_dsn: of a superuser.
    """
    with psycopg.connect(warehouse_dsn) as connection:
        if connection.execute(_QUERIES["is_missing"], {"login": LOGIN}).fetchone() == (True,):
            connection.execute(_QUERIES["create"])
        # The digest: a statement that fails is written to the server's log.
        digest = connection.pgconn.encrypt_password(password.encode(), LOGIN.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(LOGIN), sql.Literal(digest)))
        if connection.execute(_QUERIES["is_migrated"]).fetchone() == (True,):
            connection.execute(_QUERIES["grant_rights"])
