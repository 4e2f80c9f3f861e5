"""Databases that are made and dropped for a test, however late a backend sees that its client is gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import errors, sql

from sync_hostaway.local.postgres import EmbeddedPostgres
from waiting import eventually

Admin = psycopg.Connection[Any]


class Server(Protocol):
    """A PostgreSQL server in which tests make databases."""

    def dsn(self, database: str) -> str:
        """URL of one of its databases, for a superuser."""


@dataclass(frozen=True)
class ExternalServer:
    """A server that runs already, such as one of another PostgreSQL version."""

    url: str

    def dsn(self, database: str) -> str:
        """URL of one of its databases, for a superuser."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))


@contextmanager
def running_server(home: Path) -> Iterator[Server]:
    """The server in TEST_POSTGRES_URL, which only one test session may use at a time; without it, an embedded one."""
    if url := os.environ.get("TEST_POSTGRES_URL"):
        yield ExternalServer(url)
        return
    with EmbeddedPostgres(home) as server:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as admin:
            # It works at moments that no test chooses, and changes what tests compare: plans, statistics, CPU time.
            admin.execute("alter system set autovacuum = off")
            admin.execute("select pg_reload_conf()")
        yield server


def create_database(admin: Admin, name: str, template: str) -> None:
    """Copy a database. One of that name, such as an earlier test session has left, is dropped before."""
    drop_database(admin, name)
    query = sql.SQL("create database {} template {} strategy file_copy")
    _when_no_worker_runs(admin, query.format(sql.Identifier(name), sql.Identifier(template)))


def rename_database(admin: Admin, name: str, to: str) -> None:
    """Rename a database without sessions. One of the new name is dropped before."""
    drop_database(admin, to)
    query = sql.SQL("alter database {} rename to {}")
    _when_no_worker_runs(admin, query.format(sql.Identifier(name), sql.Identifier(to)))


def drop_database(admin: Admin, name: str) -> None:
    """Drop a database, if it exists, and end its sessions."""
    _when_no_worker_runs(admin, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _when_no_worker_runs(admin: Admin, statement: sql.Composed) -> None:
    # A session that has just ended may still be listed for a moment. PostgreSQL itself waits for five seconds.
    def is_done() -> bool:
        with suppress(errors.ObjectInUse):
            admin.execute(statement)
            return True
        return False

    eventually(is_done)
