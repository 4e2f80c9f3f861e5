"""What the page and the figures of all accounts cost PostgreSQL: buffers, which do not depend on the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_hostaway import accounts, ui
from sync_hostaway.api import routes
from sync_hostaway.core.db import Connection, load_queries
from ui_scene import plant

pytestmark = pytest.mark.integration

ACCOUNTS = 100
FILES = (
    Path(ui.__file__).with_name("overview.sql"),
    Path(accounts.__file__).with_name("status.sql"),
    Path(routes.__file__).with_name("health.sql"),
    Path(routes.__file__).with_name("metrics.sql"),
)


def plan_of(connection: Connection, name: str, query: Any, shown: list[int]) -> dict[str, Any]:
    """The plan of a query, after it ran."""
    text = f"explain (analyze, buffers, timing off, format json) {query.as_string(connection)}"
    row = connection.execute(text.encode(), {"account_ids": shown, "account_id": None}).fetchone()
    assert row, name
    [found] = row["QUERY PLAN"]
    plan: dict[str, Any] = found["Plan"]
    return plan


def cost(connection: Connection) -> dict[str, int]:
    """Buffers that each query of the pages and routes reads."""
    shown = [row["account_id"] for row in connection.execute("select account_id from ops.accounts limit 50")]
    found = {}
    for file in FILES:
        for name, query in load_queries(file).items():
            plan = plan_of(connection, name, query, shown)
            found[f"{file.stem}: {name}"] = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return found


@pytest.fixture
def scene(warehouse: Connection) -> Connection:
    """Accounts in every state, with a short history."""
    plant(warehouse, ACCOUNTS, days=3, events=400)
    warehouse.execute("vacuum analyze")
    return warehouse


def add_history(scene: Connection, first: int, last: int) -> None:
    """Days, deltas and webhook events, from so many days ago to so many days ago."""
    params = {"first": first, "last": last}
    scene.execute(
        "insert into ops.account_days (account_id, day, api_calls)"
        " select account_id, (now() at time zone 'UTC')::date - n, 60"
        " from ops.accounts cross join generate_series(%(first)s::int, %(last)s::int, -1) as n on conflict do nothing",
        params,
    )
    scene.execute(
        "insert into ops.sync_runs (account_id, run_key, resource, mode, status, started_at, finished_at)"
        " select account_id, 'delta', 'reservations', 'delta', 'complete', day, day from ops.accounts"
        " cross join generate_series(%(first)s::int, greatest(%(last)s::int, %(first)s - 30), -1) as n"
        " cross join lateral (select now() - n * interval '1 day' as day) as days",
        params,
    )
    scene.execute(
        "insert into ops.webhook_events (account_id, content_hash, state, received_at, finished_at)"
        " select account_id, sha256(day::text::bytea), 'done', day, day from ops.accounts"
        " cross join generate_series(%(first)s::int, greatest(%(last)s::int, %(first)s - 30), -1) as n"
        " cross join lateral (select now() - n * interval '1 day' as day) as days",
        params,
    )
    # In one statement, each day was a new version of the account's row. Autovacuum removes those of separate syncs.
    scene.execute("vacuum full ops.account_totals")
    scene.execute("vacuum analyze")


def test_the_cost_does_not_grow_with_the_history(scene: Connection) -> None:
    add_history(scene, 200, 2)
    before = cost(scene)
    add_history(scene, 399, 201)
    after = cost(scene)
    assert {name: after[name] for name in after if after[name] > 1.25 * before[name]} == {}, (before, after)
