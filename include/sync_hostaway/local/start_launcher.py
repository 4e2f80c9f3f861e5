"""Runs the launcher, and reports why it failed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version

import psycopg

from sync_hostaway.core.home import Home, open_log, read_json, tail
from sync_hostaway.local.errors import ComponentDied
from sync_hostaway.local.launcher import SCHEMA_RECORD

_LAUNCHER = "launcher"


@contextmanager
def launched(home: Home, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the launcher. It is terminated if the block ends early."""
    log = open_log(home.log(_LAUNCHER))
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "sync_hostaway.local.launcher", str(home.root)],
        cwd=home.airflow,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        start_new_session=True,
    ) as launcher:
        os.close(log)
        try:
            yield launcher
        finally:
            launcher.kill()


def raise_if_it_failed(home: Home, launcher: subprocess.Popen[bytes], began: float) -> None:
    """Wait until the launcher has finished.

    :raises ComponentDied: with the end of the log of the failed part.
    """
    if launcher.wait() == 0:
        return
    # It forks the migration last but one: when that has a log of now, everything before it went well.
    migrated = home.log("migrate")
    log = "migrate" if migrated.exists() and migrated.stat().st_mtime > began else _LAUNCHER
    raise ComponentDied(f"Airflow could not be started. The end of {home.log(log)}:\n{tail(home.log(log))}")


def schema_is_current(home: Home, airflow_dsn: str) -> bool:
    """Return whether Airflow's tables have the installed version, without importing Airflow."""
    record = read_json(home.airflow / SCHEMA_RECORD)
    if record.get("airflow") != version("apache-airflow-core"):
        return False
    with psycopg.connect(airflow_dsn) as connection, suppress(psycopg.errors.UndefinedTable):
        found = connection.execute("select version_num from alembic_version").fetchall()
        return [row[0] for row in found] == [record.get("revision")]
    return False
