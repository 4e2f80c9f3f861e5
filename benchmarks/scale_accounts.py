"""A warehouse of 1,000 accounts with 50 listings and 500 reservations each: what readers and operators wait for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from cryptography.fernet import Fernet
from fastapi.testclient import TestClient

from benchmarks import generated, marts
from benchmarks.environment import Environment, as_settings
from benchmarks.options import Options
from benchmarks.process import environment
from benchmarks.report import Result, Spread, Target
from sync_hostaway import ui
from sync_hostaway.airflow import auth_manager
from sync_hostaway.airflow.run_trigger import InProcessTrigger
from sync_hostaway.api.app import create_app
from sync_hostaway.core.db import Connection, connect, load_queries
from sync_hostaway.ui.app import create_app as create_page

_FIRST = {"S": 10, "M": 10, "L": 20}
_COPIES = {"S": 10, "M": 30, "L": 50}
_SHAPE = generated.Shape(listings=50, reservations=500, messages=2, days=60, days_back=100, span=130)
_SYNC_DAYS = 10
_STEP = 1_000
_ROUNDS = 5
_MART_MS, _ROUTE_MS, _PAGE_MS, _PAGE_SQL_MS = 100, 200, 200, 20
_HEALTH_CACHE_SECONDS = 2.1
_METRICS_CACHE_SECONDS = 5.1


def run(options: Options) -> list[Result]:
    """Build a few accounts, copy them, and ask what readers and operators ask."""
    first, copies = _FIRST[options.size], _COPIES[options.size]
    accounts = first * copies
    with Environment() as bed:
        settings = {
            "SYNC_HOSTAWAY_HOME": str(bed.scratch / "home"),
            "WAREHOUSE_URL": bed.database(),
            "AIRFLOW__HOSTAWAY__SECRET_KEYS": Fernet.generate_key().decode(),
        }
        with as_settings(environment(settings)), connect() as connection:
            options.say(f"accounts: building {first} accounts")
            generated.land(connection, first, _SHAPE)
            generated.transform(connection)
            chosen = generated.choose_reservations(connection)
            options.say(f"accounts: copying them to {accounts:,}")
            generated.copy_accounts(connection, _STEP, copies)
            generated.add_syncs(connection, _SYNC_DAYS)
            options.say("accounts: vacuum and analyze")
            connection.execute("vacuum analyze")
            options.say("accounts: queries, routes, page, changes")
            account = copies // 2 * _STEP + first // 2
            queries = {name: marts.ask(connection, name, account) for name in marts.QUERIES}
            routes = _routes(account)
            page_sql = _page_sql(connection)
            core, all_of_it = (_deltas(connection, chosen, marts=marts_too) for marts_too in (False, True))
            size = generated.bytes_of_database(connection)
    title = f"accounts: {accounts:,} of {_SHAPE.listings} listings and {_SHAPE.reservations} reservations"
    result = Result(title, ("what", "milliseconds"))
    result.rows += [[f"marts.{name}, one account, one year", spread.text(1)] for name, spread in queries.items()]
    result.rows += [[name, spread.text(1)] for name, spread in routes.items()]
    result.rows.append(["PostgreSQL's part of the operations page", page_sql.text(1)])
    result.rows.append(["ten changed reservations, landing to core", core.text(0)])
    result.rows.append(["ten changed reservations, landing to marts", all_of_it.text(0)])
    slowest = max(spread.median or 0 for spread in queries.values())
    result.targets.append(Target("slowest query of a mart", _MART_MS, slowest, unit=" ms"))
    result.targets += [Target(name, _ROUTE_MS, spread.median, unit=" ms") for name, spread in routes.items()]
    result.targets.append(Target("PostgreSQL's part of the page", _PAGE_SQL_MS, page_sql.median, unit=" ms"))
    result.notes.append(f"The database has {size / 2**30:.1f} GB. The routes are asked without Airflow's own work.")
    return [result]


def _routes(account: int) -> dict[str, Spread]:
    """Milliseconds of routes, from the request to the end of the answer, as an operator has them."""

    async def user_of(_token: str) -> Any:
        return SimpleNamespace(get_name=lambda: "operator")

    headers = {"Authorization": "Bearer any"}
    allowed: dict[str, Any] = {
        "user_of": user_of,
        "may_manage": lambda *_: True,
        "readable_dags": lambda _user, dag_ids: dag_ids,
    }
    with patch.multiple(auth_manager, **allowed):
        with TestClient(create_app(InProcessTrigger()), headers=headers) as client:
            routes = {
                "GET /hostaway/v1/accounts": _time(lambda: client.get("/v1/accounts")),
                "GET /hostaway/v1/accounts/{account_id}": _time(lambda: client.get(f"/v1/accounts/{account}")),
                "GET /hostaway/metrics": _time(lambda: client.get("/metrics"), pause=_METRICS_CACHE_SECONDS),
                "GET /hostaway/health": _time(lambda: client.get("/health"), pause=_HEALTH_CACHE_SECONDS),
            }
        with TestClient(create_page(InProcessTrigger()), headers=headers) as client:
            routes["operations page, all accounts"] = _time(lambda: client.get("/"))
            routes["operations page, one account"] = _time(lambda: client.get(f"/accounts/{account}"))
            routes["operations page, freshness"] = _time(lambda: client.get("/freshness"))
    return routes


def _time(ask: Callable[[], Any], pause: float = 0.0) -> Spread:
    times = []
    for _ in range(_ROUNDS + 1):
        time.sleep(pause)
        began = time.monotonic()
        answer = ask()
        times.append((time.monotonic() - began) * 1000)
        if answer.status_code not in (200, 503):
            raise RuntimeError(f"{answer.request.url} answered {answer.status_code}: {answer.text[:200]}")
    return Spread.of(times[1:])


def _page_sql(connection: Connection) -> Spread:
    """What PostgreSQL spends on the queries of the page of all accounts."""
    queries = load_queries(Path(ui.__file__).with_name("overview.sql"))
    accounts = [row["account_id"] for row in connection.execute("select account_id from ops.accounts limit 50")]
    times = []
    for _ in range(_ROUNDS):
        spent = 0.0
        for query in queries.values():
            text = f"explain (analyze, timing off, summary) {query.as_string(connection)}"
            plan = connection.execute(text.encode(), {"account_ids": accounts}).fetchall()
            lines = " ".join(str(line["QUERY PLAN"]) for line in plan)
            spent += sum(float(found) for found in re.findall(r"(?:Planning|Execution) Time: ([0-9.]+) ms", lines))
        times.append(spent)
    return Spread.of(times)


def _deltas(connection: Connection, chosen: generated.Chosen, *, marts: bool) -> Spread:
    times = []
    for number in range(_ROUNDS + 1):
        generated.change_reservations(connection, chosen, number + 100 * marts)
        began = time.monotonic()
        generated.transform(connection, marts=marts)
        times.append((time.monotonic() - began) * 1000)
    return Spread.of(times[1:])
