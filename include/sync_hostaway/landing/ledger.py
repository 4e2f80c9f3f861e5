"""Upkeep of the load ledger and the sync log."""

from __future__ import annotations

from pathlib import Path

from sync_hostaway.warehouse import Connection, fetch_value, load_queries

_QUERIES = load_queries(Path(__file__).with_name("ledger.sql"))
_KEEP_DAYS = 30


def oldest_pending_seconds(connection: Connection) -> float:
    """How long the oldest waiting load has been waiting; 0 when none waits."""
    return float(fetch_value(connection, _QUERIES["oldest_pending"]))


def tidy(connection: Connection) -> dict[str, int]:
    """Close runs whose process was killed and delete what nobody will ask for. Returns rows per query."""
    with connection.transaction():
        return {
            name: connection.execute(_QUERIES[name], {"days": _KEEP_DAYS}).rowcount
            for name in ("close_abandoned_runs", "delete_old_loads", "delete_old_transforms")
        }
