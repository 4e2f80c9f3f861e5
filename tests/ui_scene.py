"""Accounts in every state, planted as the product would have written them: for tests of the page and its pictures."""

from __future__ import annotations

from pathlib import Path

from sync_hostaway.core.db import Connection, load_queries

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))


def plant(warehouse: Connection, accounts: int, *, days: int = 30, events: int = 2000) -> None:
    """Accounts 10001 and up; most are healthy."""
    for query in _QUERIES.values():
        warehouse.execute(query, {"accounts": accounts, "days": days, "events": events})
    # as autovacuum has done from day to day
    warehouse.execute("vacuum (full, analyze) ops.resource_states, ops.account_days, ops.account_totals")
    warehouse.execute("analyze")
