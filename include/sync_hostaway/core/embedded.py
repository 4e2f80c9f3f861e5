"""What the embedded platform of a home has written down: its ports, its server, its keys, its simulator.

The settings read it, so that a home needs no settings. Starting and stopping is in `sync_hostaway.local`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sync_hostaway.core.exceptions import HomeNotUsable, NotStarted
from sync_hostaway.core.home import Home, read_json
from sync_hostaway.core.home_secrets import Secrets

HOST = "127.0.0.1"
USER = "hostaway"


def embedded_warehouse_dsn(home: Path) -> str:
    """URL of the warehouse in the embedded platform of a home.

    :raises NotStarted: when there has never been one.
    """
    return database_url(Home.at(home), "warehouse")


def database_url(home: Home, database: str) -> str:
    """URL of a database of a home's server, password included.

    :raises NotStarted: when there has never been one.
    """
    port = listening_port(home) or remembered_port(home, "postgres")
    if port is None:
        raise NotStarted(f"There is no embedded PostgreSQL in {home.root} yet; `make start` starts it.")
    return url_at(home, port, database)


def url_at(home: Home, port: int, database: str) -> str:
    """URL of a database of a home's server at a port, password included."""
    _forget_libpq_variables()
    password = Secrets.ensure(home).postgres_password
    return f"postgresql://{USER}:{password}@{HOST}:{port}/{database}"


def pid_file(home: Home) -> list[str]:
    """Lines of the server's pid file: id, data, start time, port, socket directory, address, memory, state."""
    with suppress(OSError):
        return (home.postgres / "data" / "postmaster.pid").read_text().splitlines()
    return []


def listening_port(home: Home) -> int | None:
    """The port in the server's pid file."""
    lines = pid_file(home)
    return int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else None


def remembered_port(home: Home, name: str) -> int | None:
    """The port noted for a server of this home."""
    port = read_json(home.ports).get(name)
    return port if isinstance(port, int) else None


def airflow_port(home: Path) -> int | None:
    """Port of the Airflow of a home; None when none was ever started there."""
    # Asked wherever the API is on this machine: a home that cannot be read has no Airflow.
    with suppress(OSError, HomeNotUsable):
        return remembered_port(Home.at(home), "airflow")
    return None


def simulated_url(home: Path) -> str | None:
    """URL of the simulator that the accounts of a home come from; None when they do not come from one."""
    # Asked wherever the API is: a home that cannot be read is no simulated one.
    with suppress(OSError, HomeNotUsable):
        url = stored_simulator(Home.at(home)).get("url")
        return url if isinstance(url, str) else None
    return None


def stored_simulator(home: Home) -> Mapping[str, object]:
    """What a home has noted of its simulator."""
    return read_json(home.simulator)


def embedded_secret_keys(home: Path) -> list[str]:
    """Keys of the SecretsStore in the embedded platform of a home, newest first; generated when there are none."""
    return Secrets.ensure(Home.at(home)).hostaway_secret_keys.split(",")


def _forget_libpq_variables() -> None:
    """Take PGHOSTADDR, PGSERVICE, PGSSLMODE and their like out of this process.

    They are meant for another server, and libpq lets some of them count beside a complete URL. Nothing in a URL keeps
    PGSERVICE from being looked up.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
