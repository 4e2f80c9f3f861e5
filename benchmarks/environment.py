"""The environment of a benchmark: an embedded PostgreSQL and a simulator process in a temporary home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import requests
from cryptography.fernet import Fernet
from psycopg import sql

from benchmarks.process import environment
from sync_hostaway import migrations
from sync_hostaway.accounts.registry import add_account, client_for
from sync_hostaway.core.db import connect
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator.config import Sizes
from sync_hostaway.simulator.control.client import SimulatorControl

ACCOUNT = 701
SECRET = "secret-701"  # noqa: S105 - the simulator's
_TEMPLATE = "template_warehouse"
_TIMEOUT = 120.0


@dataclass(frozen=True)
class Simulator:
    """A simulator in another process.

    :param pid: of the process.
    """

    url: str
    control: SimulatorControl
    pid: int

    def token(self) -> str:
        """A new access token, ready to use: the peers take one that exists."""
        answer = requests.post(
            f"{self.url}/v1/accessTokens",
            data={"grant_type": "client_credentials", "client_id": ACCOUNT, "client_secret": SECRET},
            timeout=30,
        )
        answer.raise_for_status()
        time.sleep(1.1)
        return str(answer.json()["access_token"])


@dataclass(frozen=True)
class Warehouse:
    """A fresh database and the settings with which `sync-hostaway` mirrors into it."""

    dsn: str
    env: dict[str, str]


class Environment:
    """Use as a context manager; everything is stopped and removed at its end."""

    def __enter__(self) -> Environment:
        self.scratch = Path(tempfile.mkdtemp(prefix="sync-hostaway-bench-"))
        self._postgres = EmbeddedPostgres(self.scratch / "home")
        try:
            self._postgres.start()
            self._admin(sql.SQL("create database {}").format(sql.Identifier(_TEMPLATE)))
            migrations.upgrade(self._postgres.dsn(_TEMPLATE))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._postgres.stop()
        shutil.rmtree(self.scratch, ignore_errors=True)

    @contextmanager
    def simulator(self, sizes: Sizes, ip_limit: str = "off") -> Iterator[Simulator]:
        """Run a simulator with one account, as another process: its CPU time is not the client's."""
        with simulated(self.scratch, sizes, ip_limit) as running:
            yield running

    def database(self, *, migrated: bool = True) -> str:
        """A new database: with the project's schemas, or empty for a peer. Returns its URL."""
        name = f"w_{uuid.uuid4().hex[:12]}"
        create = "create database {} template {} strategy file_copy" if migrated else "create database {}"
        parts = (name, _TEMPLATE) if migrated else (name,)
        self._admin(sql.SQL(create).format(*map(sql.Identifier, parts)))
        return self._postgres.dsn(name)

    def drop(self, dsn: str) -> None:
        """Remove a database, so that disks and caches stay small."""
        name = dsn.rpartition("/")[2]
        self._admin(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def warehouse(self, simulator: Simulator, settings: dict[str, str] | None = None) -> Warehouse:
        """A fresh warehouse with the account registered and a token that Hostaway accepts already."""
        dsn = self.database()
        env = environment(
            {
                "SYNC_HOSTAWAY_HOME": str(self.scratch / "home"),
                "WAREHOUSE_URL": dsn,
                "HOSTAWAY_API_URL": simulator.url,
                "AIRFLOW__HOSTAWAY__SECRET_KEYS": Fernet.generate_key().decode(),
                **(settings or {}),
            }
        )
        with as_settings(env), connect() as connection:
            add_account(connection, ACCOUNT, SECRET)
            with client_for(connection, ACCOUNT) as client:
                client.check_credentials()
        return Warehouse(dsn, env)

    def _admin(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._postgres.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def simulated(
    scratch: Path, sizes: Sizes, ip_limit: str = "off", options: Mapping[str, str | float] | None = None
) -> Iterator[Simulator]:
    """Run a simulator with one account in another process.

    :param scratch: folder for its log.
    :param options: further options of `sync-hostaway simulator`, without the dashes.
    """
    ready = scratch / f"simulator-{uuid.uuid4().hex[:8]}"
    arguments = {
        "port": 0,
        "accounts": f"{ACCOUNT}:{SECRET}",
        "listings": sizes.listings,
        "reservations": sizes.reservations,
        "conversations": sizes.conversation_count,
        "ip-limit": ip_limit,
        "ready-file": ready,
        **(options or {}),
    }
    flags = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    with ready.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "sync_hostaway.simulator", *flags], stdout=log, stderr=log
        )
    try:
        url = _wait_for(ready, process)
        with SimulatorControl(url) as control:
            yield Simulator(url, control, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def as_settings(env: dict[str, str]) -> Iterator[None]:
    """Let this process have the settings that a measured one gets."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    get_settings.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        get_settings.cache_clear()


def _wait_for(ready: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        if ready.exists():
            return ready.read_text(encoding="utf-8").strip()
        time.sleep(0.05)
    raise RuntimeError(f"The simulator did not start; its output is in {ready.with_suffix('.log')}")
