"""Latency of the scoped API at a steady rate, and what row-level security costs its queries."""

from __future__ import annotations

import asyncio
import math
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import psutil
from psycopg import sql

from benchmarks import machine
from benchmarks.environment import ACCOUNT, Environment, Warehouse, as_settings
from benchmarks.options import Options
from benchmarks.report import Result, Spread, Target, ratio
from sync_hostaway import api
from sync_hostaway.accounts import api_tokens
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.core.db import Connection, connect, fetch_value, load_queries
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator.config import Sizes
from sync_hostaway.transforms import run_transform

_SIZES = Sizes(listings=50, reservations=20_000, conversations=0)
_RESOURCES = (Resource.LISTINGS, Resource.RESERVATIONS, Resource.CONVERSATIONS, Resource.CALENDAR_DAYS)
_DAYS = 365
_RATE, _SECONDS, _WARM_UP = 100, 15, 2
_P99 = 25.0
_RLS = 1.10
_QUERIES_PER_ROUND, _ROUNDS = 20, 200
_OTHER_ROLE = """
    create role benchmark_reader;
    grant usage on schema hostaway to benchmark_reader;
    grant select on all tables in schema hostaway to benchmark_reader;
"""


@dataclass(frozen=True)
class Latency:
    """One route at a steady rate; milliseconds from the moment a request was due to the end of its answer.

    cpu: milliseconds of the server's process per request, which hold on a busy machine too.
    """

    route: str
    p50: float
    p99: float
    worst: float
    failed: int
    cpu: float


@dataclass(frozen=True)
class Query:
    """Milliseconds of a query under the API's role and, the same one, without row-level security."""

    route: str
    guarded: float
    plain: float


def run(options: Options) -> list[Result]:
    """Mirror one account, then ask for random calendars and reservations of it."""
    latencies: list[Latency] = []
    queries: list[Query] = []
    with Environment() as environment, environment.simulator(_SIZES) as simulator:
        options.say(f"api: mirroring {_SIZES.reservations:,} reservations")
        warehouse = environment.warehouse(
            simulator,
            {"AIRFLOW__HOSTAWAY__API_RATE_LIMIT": "off", "AIRFLOW__HOSTAWAY__CALENDAR_DAYS_AHEAD": str(_DAYS + 1)},
        )
        with as_settings(warehouse.env), connect() as connection:
            _mirror(connection)
            token, _ = api_tokens.issue(connection, ACCOUNT, "benchmark", list(Scope), None)
            for number in range(options.runs):
                options.say(f"api, run {number + 1}: {_RATE} requests/s for {_SECONDS} s, each route")
                with _server(warehouse, environment.scratch / "api.log") as (url, process):
                    for route, paths in _paths(connection, number).items():
                        latencies.append(asyncio.run(_ask(route, url, paths, token, process)))
                options.say(f"api, run {number + 1}: queries with and without row-level security")
                queries += _compare(connection)
    return [_latency_result(latencies), _rls_result(queries)]


def _mirror(connection: Connection) -> None:
    sync_account(connection, ACCOUNT, Mode.FULL, _RESOURCES)
    run_transform(connection, requested_by="benchmark")
    connection.execute("analyze")


def _paths(connection: Connection, seed: int) -> dict[str, list[str]]:
    start = datetime.now(UTC).date()
    query = f"start={start}&end={start + timedelta(days=_DAYS - 1)}"
    listings, reservations = _ids(connection, "listings"), _ids(connection, "reservations")
    Random(seed).shuffle(reservations)  # noqa: S311 - which are asked for, not a secret
    return {
        f"calendar of {_DAYS} days": [f"/v1/calendar/{number}?{query}" for number in listings],
        f"reservation by id of {len(reservations):,}": [f"/v1/reservations/{number}" for number in reservations],
    }


def _ids(connection: Connection, table: str) -> list[int]:
    query = sql.SQL("select {key} as id from {table} order by 1").format(
        key=sql.Identifier(f"{table.removesuffix('s')}_id"), table=sql.Identifier("hostaway", table)
    )
    return [row["id"] for row in connection.execute(query)]


@contextmanager
def _server(warehouse: Warehouse, log: Path) -> Iterator[tuple[str, psutil.Process]]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "benchmarks.api_server", str(port)], env=warehouse.env, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
                break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"The API did not start: {log.read_text(encoding='utf-8')[-400:]}")
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


async def _ask(route: str, url: str, paths: Sequence[str], token: str, process: psutil.Process) -> Latency:
    """Requests leave when they are due, whether or not earlier ones were answered: a stall counts for all it delays."""
    taken: list[float] = []
    failed = 0
    preload_project = _WARM_UP * _RATE
    cpu_before = machine.cpu(process)

    async def ask(session: aiohttp.ClientSession, due: float, path: str, *, counts: bool) -> None:
        nonlocal failed
        await asyncio.sleep(max(due - time.monotonic(), 0))
        async with session.get(url + path) as answer:
            await answer.read()
            if counts:
                taken.append((time.monotonic() - due) * 1000)
                failed += answer.status != 200

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {token}"}) as session:
        began = time.monotonic() + 0.2
        numbered = enumerate(islice(cycle(paths), _RATE * (_SECONDS + _WARM_UP)))
        await asyncio.gather(
            *(ask(session, began + number / _RATE, path, counts=number >= preload_project) for number, path in numbered)
        )
    cpu = (machine.cpu(process) - cpu_before) * 1000 / (_RATE * (_SECONDS + _WARM_UP))
    taken.sort()
    return Latency(route, statistics.median(taken), taken[math.ceil(0.99 * len(taken)) - 1], taken[-1], failed, cpu)


def _compare(connection: Connection) -> list[Query]:
    """The same queries in turn under both roles, so that a busy moment hits both; the medians of the rounds.

    The other role is granted the same, and may read every account: a superuser would be spared more than the policy.
    """
    folder = Path(api.__file__).parent
    start = datetime.now(UTC).date()
    params = {"account_id": ACCOUNT, "start": start, "end": start + timedelta(days=_DAYS - 1)}
    calendar = [{**params, "listing_id": number} for number in _ids(connection, "listings")]
    reservations = [{**params, "reservation_id": number} for number in _ids(connection, "reservations")]
    become = load_queries(folder / "account_session.sql")["set_account_role"]
    of_reservations = load_queries(folder / "routes/reservations.sql")
    reservation = of_reservations["reservation"].format(fields=of_reservations["fields"])
    if not fetch_value(connection, sql.SQL("select to_regrole('benchmark_reader') is not null")):
        connection.execute(_OTHER_ROLE)
    found = []
    for route, query, all_params in (
        ("calendar", load_queries(folder / "routes/calendar.sql")["days"], calendar),
        ("reservation", reservation, reservations),
    ):
        times: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(_ROUNDS):
            for guarded in (True, False):
                with connection.transaction():
                    connection.execute(become, {"account_id": str(ACCOUNT)})
                    if not guarded:
                        connection.execute("set local role benchmark_reader")
                    times[guarded].append(_milliseconds(connection, query, all_params))
        found.append(Query(route, statistics.median(times[True]), statistics.median(times[False])))
    return found


def _milliseconds(connection: Connection, query: sql.SQL | sql.Composed, all_params: list[dict[str, Any]]) -> float:
    connection.execute(query, all_params[0]).fetchall()
    began = time.perf_counter()
    for params in islice(cycle(all_params), _QUERIES_PER_ROUND):
        connection.execute(query, params).fetchall()
    return (time.perf_counter() - began) * 1000 / _QUERIES_PER_ROUND


def _latency_result(latencies: list[Latency]) -> Result:
    result = Result(
        f"api: {_RATE} requests/s, one worker", ("route", "p50 ms", "p99 ms", "worst ms", "failed", "CPU ms")
    )
    for route in dict.fromkeys(item.route for item in latencies):
        found = [item for item in latencies if item.route == route]
        p50, p99, worst = (Spread.of(getattr(item, name) for item in found) for name in ("p50", "p99", "worst"))
        failed, cpu = sum(item.failed for item in found), Spread.of(item.cpu for item in found)
        result.rows.append([route, p50.text(), p99.text(), worst.text(), str(failed), cpu.text()])
        result.targets.append(Target(f"p99, {route}", _P99, p99.median, unit=" ms"))
        result.targets.append(Target(f"failed requests, {route}", 0, failed))
    result.raw = [asdict(item) for item in latencies]
    return result


def _rls_result(queries: list[Query]) -> Result:
    result = Result("api: cost of row-level security", ("query", "with ms", "without ms", "ratio"))
    for route in dict.fromkeys(item.route for item in queries):
        guarded, plain = (
            Spread.of(getattr(item, name) for item in queries if item.route == route) for name in ("guarded", "plain")
        )
        share = ratio(guarded.median, plain.median)
        result.rows.append([route, guarded.text(3), plain.text(3), f"{share or 0:.2f}x"])
        result.targets.append(Target(f"row-level security, {route}", _RLS, share, unit="x"))
    result.raw = [asdict(item) for item in queries]
    return result
