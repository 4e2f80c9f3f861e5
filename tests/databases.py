"""Databases that are made and dropped for a test, however late a backend sees that its client is gone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psycopg
from psycopg import errors, sql

from waiting import eventually

Admin = psycopg.Connection[Any]


def create_database(admin: Admin, name: str, template: str) -> None:
    """Copy a database; whoever has just left it may still be on the way out."""
    query = sql.SQL("create database {} template {} strategy file_copy")
    _when_nobody_is_there(admin, query.format(sql.Identifier(name), sql.Identifier(template)))


def rename_database(admin: Admin, name: str, to: str) -> None:
    """Give a database that nobody uses any more another name."""
    query = sql.SQL("alter database {} rename to {}")
    _when_nobody_is_there(admin, query.format(sql.Identifier(name), sql.Identifier(to)))


def drop_database(admin: Admin, name: str) -> None:
    """Drop a database, if it is there, and end whoever is in it."""
    _when_nobody_is_there(admin, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _when_nobody_is_there(admin: Admin, statement: sql.Composed) -> None:
    # PostgreSQL itself waits for five seconds.
    def is_done() -> bool:
        with suppress(errors.ObjectInUse):
            admin.execute(statement)
            return True
        return False

    eventually(is_done)
