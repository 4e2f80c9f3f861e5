"""What is compared: this project and its peers, each mirroring one account into a database of its own."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

from benchmarks import peers
from benchmarks.environment import ACCOUNT, Environment, Simulator
from benchmarks.process import Usage, environment, measure

CONCURRENCY = 8
_SCHEMA = "mirror"
Rows = list[tuple[int, str | None]]


class Mirror(Protocol):
    """One client's copy of the account."""

    @property
    def dsn(self) -> str:
        """The database it is in."""

    def sync(self, *, full: bool) -> Usage:
        """Bring the copy up to date in a process of its own and say what it cost."""

    def rows(self, resource: str) -> Rows:
        """Id and updatedOn of every row of a resource; no updatedOn where the truth has none."""

    def count(self, resource: str) -> int:
        """Rows of a resource."""


class Client(Protocol):
    """Makes empty mirrors."""

    @property
    def name(self) -> str:
        """What tables of results call it."""

    def mirror(self, environment: Environment, simulator: Simulator) -> Mirror:
        """An empty mirror, credentials in place."""


@dataclass(frozen=True)
class Ours:
    """`sync-hostaway sync`, restricted to the resources that a peer has too."""

    resources: Sequence[str]
    settings: dict[str, str]
    name: str = "sync-hostaway"

    def mirror(self, environment: Environment, simulator: Simulator) -> OurMirror:
        """A migrated warehouse with the account in it."""
        settings = {"AIRFLOW__HOSTAWAY__CONCURRENCY": str(CONCURRENCY), **self.settings}
        warehouse = environment.warehouse(simulator, settings)
        return OurMirror(warehouse.dsn, warehouse.env, self.resources, environment.scratch)


@dataclass(frozen=True)
class OurMirror:
    """The landing tables of one warehouse."""

    dsn: str
    env: dict[str, str]
    resources: Sequence[str]
    scratch: Path

    def sync(self, *, full: bool) -> Usage:
        """A full or an incremental sync."""
        mode = "full" if full else "incremental"
        command: list[str | Path] = [our_command(), "sync", "--account", str(ACCOUNT), "--mode", mode]
        return measure([*command, *(f"--resource={name}" for name in self.resources)], self.env, self.scratch)

    def rows(self, resource: str) -> Rows:
        """Rows that are not marked as deleted."""
        query = sql.SQL(
            "select entity_id::bigint, payload ->> 'updatedOn' from {} where account_id = %s and deleted_at is null"
        )
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.format(sql.Identifier("landing", resource)), [ACCOUNT]).fetchall()

    def count(self, resource: str) -> int:
        """Rows that are not marked as deleted."""
        query = sql.SQL("select count(*) from {} where account_id = %s and deleted_at is null")
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute(query.format(sql.Identifier("landing", resource)), [ACCOUNT]).fetchone()
        return int(found[0]) if found else 0


@dataclass(frozen=True)
class Peer:
    """A peer, by the script that drives it."""

    name: str
    script: str
    tables: dict[str, str]

    def mirror(self, environment: Environment, simulator: Simulator) -> PeerMirror:
        """An empty database and an empty state directory."""
        dsn = environment.database(migrated=False)
        options = {
            "api_url": simulator.url,
            "token": simulator.token(),
            "dsn": dsn,
            "schema": _SCHEMA,
            "state": str(environment.scratch / f"state-{uuid.uuid4().hex[:8]}"),
            "concurrency": CONCURRENCY,
            "tables": list(self.tables.values()),
        }
        return PeerMirror(dsn, self.script, self.tables, options, environment.scratch)


@dataclass(frozen=True)
class PeerMirror:
    """A peer's tables."""

    dsn: str
    script: str
    tables: dict[str, str]
    options: dict[str, Any]
    scratch: Path

    def sync(self, *, full: bool) -> Usage:
        """Run the peer's pipeline: it knows by its own state what it has already."""
        script = Path(peers.__file__).with_name(self.script)
        return measure([peers.PYTHON, script, json.dumps(self.options)], environment({}), self.scratch)

    def rows(self, resource: str) -> Rows:
        """Every row of the peer's table."""
        stamp = "updated_on" if resource == "reservations" else "null"
        text = f"to_char({stamp}::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        query = sql.SQL(f"select id::bigint, {text} from {{}}")  # noqa: S608 - one of two constants
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.format(self._table(resource))).fetchall()

    def count(self, resource: str) -> int:
        """Rows of the peer's table."""
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute(sql.SQL("select count(*) from {}").format(self._table(resource))).fetchone()
        return int(found[0]) if found else 0

    def _table(self, resource: str) -> sql.Identifier:
        return sql.Identifier(_SCHEMA, self.tables[resource])


DLT = Peer(
    "dlt rest_api",
    "dlt_rest_api.py",
    {name: name for name in ("listings", "reservations", "conversations", "messages")},
)
OMNILOAD = Peer(
    "omniload",
    "omniload_hostaway.py",
    {
        "listings": "listings",
        "reservations": "reservations",
        "conversations": "conversations",
        "calendar_days": "listing_calendars",
    },
)


def our_command() -> Path:
    """The console script beside the Python that runs the benchmark."""
    return Path(sys.executable).with_name("sync-hostaway")
