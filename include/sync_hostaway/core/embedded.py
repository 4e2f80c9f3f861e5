"""The stored state of the embedded platform in a home: ports, PostgreSQL server, keys and simulator.

The settings read it, so that a home works without settings. `sync_hostaway.local` starts and stops the platform.
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
    """Return the URL of the warehouse in the embedded platform of a home.

    :raises NotStarted: when the platform was never started there.
    """
    return database_url(Home.at(home), "warehouse")


def database_url(home: Home, database: str) -> str:
    """Return the URL of a database of a home's server, with the password.

    :raises NotStarted: when the server was never started there.
    """
    port = listening_port(home) or remembered_port(home, "postgres")
    if port is None:
        raise NotStarted(f"There is no embedded PostgreSQL in {home.root} yet; `make start` starts it.")
    return url_at(home, port, database)


def url_at(home: Home, port: int, database: str) -> str:
    """Return the URL of a database of a home's server at a port, with the password."""
    _forget_libpq_variables()
    password = Secrets.ensure(home).postgres_password
    return f"postgresql://{USER}:{password}@{HOST}:{port}/{database}"


def pid_file(home: Home) -> list[str]:
    """Return the lines of the pid file: id, data, start time, port, socket directory, address, memory, state."""
    with suppress(OSError):
        # It has the path of the data, which may have any bytes.
        return (home.postgres / "data" / "postmaster.pid").read_text("utf-8", "surrogateescape").splitlines()
    return []


def listening_port(home: Home) -> int | None:
    """Return the port in the server's pid file, or None."""
    lines = pid_file(home)
    return int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else None


def remembered_port(home: Home, name: str) -> int | None:
    """Return the stored port of a server of this home, or None."""
    port = read_json(home.ports).get(name)
    return port if isinstance(port, int) else None


def airflow_port(home: Path) -> int | None:
    """Return the port of the Airflow of a home; None when Airflow was never started there."""
    # An unreadable home is treated as a home without Airflow, because this is called wherever the API is local.
    with suppress(OSError, HomeNotUsable):
        return remembered_port(Home.at(home), "airflow")
    return None


def simulated_url(home: Path) -> str | None:
    """Return the URL of the simulator that the accounts of a home come from, or None."""
    # An unreadable home is treated as a home without a simulator.
    with suppress(OSError, HomeNotUsable):
        url = stored_simulator(Home.at(home)).get("url")
        return url if isinstance(url, str) else None
    return None


def stored_simulator(home: Home) -> Mapping[str, object]:
    """Return what a home has stored about its simulator."""
    return read_json(home.simulator)


def embedded_secret_keys(home: Path) -> list[str]:
    """Return the keys of the SecretsStore of a home, newest first. They are generated if there are none."""
    return Secrets.ensure(Home.at(home)).hostaway_secret_keys.split(",")


def _forget_libpq_variables() -> None:
    """Remove PGHOSTADDR, PGSERVICE, PGSSLMODE and other variables of libpq from this process's environment.

    They are meant for another server. libpq combines some of them with a complete URL, and always looks up PGSERVICE.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
