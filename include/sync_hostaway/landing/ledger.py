"""The load ledger: what has landed and no transform has taken yet, and how it is kept small."""

from __future__ import annotations

from pathlib import Path

from sync_hostaway.warehouse import Connection, fetch_value, load_queries

_QUERIES = load_queries(Path(__file__).with_name("ledger.sql"))
_KEEP_DAYS = 30


def pending_loads(connection: Connection) -> int:
    """How many loads wait for a transform."""
    return int(fetch_value(connection, _QUERIES["pending"]))


def oldest_pending_seconds(connection: Connection) -> float:
    """How long the oldest waiting load has been waiting; 0 when none waits."""
    row = connection.execute(_QUERIES["pending"]).fetchone()
    return float(row["oldest_seconds"]) if row else 0.0


def next_transform_number(connection: Connection) -> int:
    """The id the next transform will have, unless PostgreSQL skips one."""
    return int(fetch_value(connection, _QUERIES["next_transform_number"]))


def tidy(connection: Connection) -> dict[str, int]:
    """Close runs whose process was killed and delete what nobody will ask for. Returns rows per query."""
    with connection.transaction():
        return {
            name: connection.execute(_QUERIES[name], {"days": _KEEP_DAYS}).rowcount
            for name in ("close_abandoned_runs", "delete_old_loads", "delete_old_transforms")
        }
