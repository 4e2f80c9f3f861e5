"""What is broken: a PostgreSQL server on a disk of its own, and a simulated Hostaway with two mirrored accounts."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
from benchmarks.environment import Simulator, as_settings, simulated
from benchmarks.process import environment
from cryptography.fernet import Fernet
from psycopg import sql

from sync_hostaway import migrations
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.db import connect
from sync_hostaway.core.resources import Mode
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator.config import Sizes
from sync_hostaway.transforms import run_transform

ACCOUNTS = {701: "secret-701", 702: "secret-702"}
CALENDAR = {"back": 2, "ahead": 7}
SIZES = Sizes(listings=3, reservations=40, conversations=24)
# One name for the warehouse of every round: with another name, dbt would parse its project again.
_WAREHOUSE, _TEMPLATE = "chaos", "chaos_template"
# Enough for the write-ahead log and a few small databases.
_DISK_MB = 1024


class Disk:
    """A small file system in memory, which can be filled. Without the right to mount one, `can_be_full` is False."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(folder)]
        self.can_be_full = _succeeds(command)
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no free block."""
        with suppress(OSError), self._ballast.open("ab") as file:
            while True:
                file.write(b"\0" * 2**20)
                file.flush()
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)

    def free(self) -> None:
        """Remove what `fill` wrote."""
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Remove the file system."""
        if self.can_be_full and not _succeeds(["umount", str(self.folder)]):
            _succeeds(["umount", "-l", str(self.folder)])


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0  # noqa: S603 - ours
    except OSError:
        return False


class World:
    """Use as a context manager; everything is stopped and removed at its end."""

    simulator: Simulator

    def __enter__(self) -> World:
        with ExitStack() as stack:
            self.scratch = Path(tempfile.mkdtemp(prefix="sync-hostaway-chaos-"))
            stack.callback(shutil.rmtree, self.scratch, ignore_errors=True)
            self.disk = Disk(self.scratch / "disk")
            stack.callback(self.disk.unmount)
            self.postgres = EmbeddedPostgres(self.disk.folder / "home")
            stack.callback(self.stop_postgres)
            self.postgres.start()
            accounts = ",".join(f"{account}:{secret}" for account, secret in ACCOUNTS.items())
            options: dict[str, str | float] = {"accounts": accounts, "token-delay": 0, "message-limit": "off"}
            self.simulator = stack.enter_context(simulated(self.scratch, SIZES, options=options))
            self.settings = {
                "SYNC_HOSTAWAY_HOME": str(self.disk.folder / "home"),
                "HOSTAWAY_API_URL": self.simulator.url,
                "AIRFLOW__HOSTAWAY__SECRET_KEYS": Fernet.generate_key().decode(),
                "AIRFLOW__HOSTAWAY__CALENDAR_DAYS_BACK": str(CALENDAR["back"]),
                "AIRFLOW__HOSTAWAY__CALENDAR_DAYS_AHEAD": str(CALENDAR["ahead"]),
                # Several pages of each list, so that a fault can strike between two of them.
                "AIRFLOW__HOSTAWAY__PAGE_SIZE": "12",
            }
            self._make_template()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """A warehouse in which both accounts are mirrored, or an empty database; dropped at the end. Gives its URL."""
        copy = sql.SQL("create database {} template {} strategy file_copy")
        template = sql.Identifier("template1" if empty else _TEMPLATE)
        self.admin(copy.format(sql.Identifier(_WAREHOUSE), template))
        try:
            yield self.postgres.dsn(_WAREHOUSE)
        finally:
            self.wait_for_postgres()
            self.admin(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(_WAREHOUSE)))

    def env(self, dsn: str) -> dict[str, str]:
        """The environment of a process that works on a database."""
        return environment({**self.settings, "WAREHOUSE_URL": dsn})

    def reset_source(self, *, clock: bool) -> None:
        """Make the source as it was when the template was mirrored.

        :param clock: also its clock. Its access tokens end with it, so the template gets new ones.
        """
        control = self.simulator.control
        control.clear_faults()
        if clock:
            control.reset()
            with as_settings(self.env(self.postgres.dsn(_TEMPLATE))), connect() as connection:
                for account, secret in ACCOUNTS.items():
                    add_account(connection, account, secret)
        else:
            for account, secret in ACCOUNTS.items():
                control.add_account(account, secret)
        control.reset(only_stats=True)

    def postgres_processes(self) -> list[psutil.Process]:
        """The server's main process and its children; empty when it does not run."""
        with suppress(psutil.Error):
            if pid := self.postgres.status().pid:
                main = psutil.Process(pid)
                return [main, *main.children(recursive=True)]
        return []

    def stop_postgres(self) -> None:
        """Stop the server, also one that a fault has suspended."""
        for process in self.postgres_processes():
            with suppress(psutil.Error):
                process.resume()
        self.postgres.stop()

    def wait_for_postgres(self, seconds: float = 60.0) -> None:
        """Start the server if it does not run, and wait until it accepts connections.

        :raises TimeoutError: when it does not.
        """
        deadline = time.monotonic() + seconds
        while True:
            with suppress(Exception):
                self.postgres.start()
                self.admin(sql.SQL("select"))
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not accept connections {seconds:g} s after the fault was lifted")
            time.sleep(0.1)

    def admin(self, statement: sql.Composed | sql.SQL) -> None:
        """Execute a statement as the superuser."""
        with psycopg.connect(self.postgres.dsn("postgres"), autocommit=True, connect_timeout=20) as connection:
            connection.execute(statement)

    def _make_template(self) -> None:
        self.admin(sql.SQL("create database {}").format(sql.Identifier(_WAREHOUSE)))
        dsn = self.postgres.dsn(_WAREHOUSE)
        migrations.upgrade(dsn)
        with as_settings(self.env(dsn)), connect() as connection:
            for account, secret in ACCOUNTS.items():
                add_account(connection, account, secret)
                results = sync_account(connection, account, Mode.FULL)
                if any(result.has_failed for result in results):
                    raise RuntimeError(f"The first sync of account {account} was not complete: {results}")
            run_transform(connection, requested_by="chaos")
        rename = sql.SQL("alter database {} rename to {}")
        self.admin(rename.format(sql.Identifier(_WAREHOUSE), sql.Identifier(_TEMPLATE)))


def python(module: str) -> list[str]:
    """The command that runs a module of this package."""
    return [sys.executable, "-m", module]
