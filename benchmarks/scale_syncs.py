"""First and daily syncs of many small accounts: what they cost Hostaway, this machine and PostgreSQL."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import psutil

from benchmarks import machine
from benchmarks.environment import Environment, Simulator, as_settings
from benchmarks.options import Options
from benchmarks.report import Result
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.db import connect
from sync_hostaway.core.resources import Mode
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator.config import Sizes
from sync_hostaway.transforms import run_transform

_ACCOUNTS = {"S": 20, "M": 200, "L": 1_000}
_FIRST_ID = 10_001
_SIZES = Sizes(listings=5, reservations=20, conversations=15)
# A first sync waits a second for its new token; so many wait at once.
_THREADS = 16


@dataclass(frozen=True)
class Cost:
    """What the syncs of all accounts took; CPU in seconds."""

    calls: int
    incomplete: int
    seconds: float
    client_cpu: float
    server_cpu: float


def run(options: Options) -> list[Result]:
    """Sync every account twice, and transform once."""
    accounts = range(_FIRST_ID, _FIRST_ID + _ACCOUNTS[options.size])
    settings = {"AIRFLOW__HOSTAWAY__CALENDAR_DAYS_AHEAD": "60"}
    with Environment() as bed, bed.simulator(Sizes(listings=1, reservations=1, conversations=1)) as simulator:
        warehouse = bed.warehouse(simulator, settings)
        with as_settings(warehouse.env):
            options.say(f"syncs: first syncs of {len(accounts):,} accounts")
            _register(simulator, accounts)
            first = _sync(accounts, Mode.FULL)
            began = time.monotonic()
            run_transform(requested_by="benchmark")
            transform = time.monotonic() - began
            options.say("syncs: the syncs of the next day")
            daily = _sync(accounts, Mode.INCREMENTAL)
        memory = psutil.Process().memory_info().rss / 2**20
    columns = ("syncs", "calls per account", "seconds", "client CPU s", "PostgreSQL CPU s", "incomplete")
    result = Result(f"syncs: {len(accounts):,} accounts of {_SIZES.reservations} reservations", columns)
    for name, cost in (("first", first), ("daily, nothing changed", daily)):
        cpu = (f"{cost.client_cpu:.1f}", f"{cost.server_cpu:.1f}")
        calls = f"{cost.calls / len(accounts):.1f}"
        result.rows.append([name, calls, f"{cost.seconds:.1f}", *cpu, str(cost.incomplete)])
        result.raw.append({"syncs": name, **asdict(cost)})
    result.notes.append(
        f"All in one process with {_THREADS} threads, {memory:.0f} MB at the end. The transform of the first syncs "
        f"took {transform:.1f} s. At 1.5 calls/s, the daily syncs of one address take {daily.calls / 90:,.0f} minutes."
    )
    return [result]


def _register(simulator: Simulator, accounts: range) -> None:
    def register(account_id: int) -> None:
        simulator.control.add_account(account_id, f"secret-{account_id}", asdict(_SIZES))
        with connect() as connection:
            add_account(connection, account_id, f"secret-{account_id}")

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(register, accounts))


def _sync(accounts: range, mode: Mode) -> Cost:
    def sync(account_id: int) -> tuple[int, int, float]:
        with connect() as connection:
            results = sync_account(connection, account_id, mode)
            server = machine.cpu(psutil.Process(connection.info.backend_pid))
        return sum(result.api_calls for result in results), sum(not result.is_complete for result in results), server

    began, client = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(_THREADS) as pool:
        calls, incomplete, server = (sum(figures) for figures in zip(*pool.map(sync, accounts), strict=True))
    return Cost(int(calls), int(incomplete), time.monotonic() - began, time.process_time() - client, server)
