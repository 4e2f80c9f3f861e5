"""Three accounts behind one address, synced by two processes at once, under the limit that is certain to be granted."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.clients import our_command
from benchmarks.environment import ACCOUNT, SECRET, Environment, Simulator, Warehouse, as_settings
from benchmarks.options import Options
from benchmarks.process import Usage, measure
from benchmarks.report import Result, Spread, Target, ratio
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.db import connect
from sync_hostaway.simulator.config import Sizes

CALLS, SECONDS = 15, 10
_SIZES = Sizes(listings=4, reservations=40, conversations=35)
# Each process syncs its accounts one after the other.
_SHARES = ((ACCOUNT, ACCOUNT + 2), (ACCOUNT + 1,))


@dataclass(frozen=True)
class _Sample:
    """All syncs together: seconds from the first start to the last end, and what it took."""

    wall: float
    calls: int
    refused: int
    usages: list[Usage]

    @property
    def of_ideal(self) -> float | None:
        """The time it took, of the time that the limit alone would take."""
        return ratio(self.wall, self.calls * SECONDS / CALLS)


def run(options: Options) -> list[Result]:
    """Full syncs into fresh warehouses."""
    limit = f"{CALLS}/{SECONDS}"
    samples = []
    with Environment() as environment, environment.simulator(_SIZES, limit) as simulator:
        for account in sorted({account for share in _SHARES for account in share} - {ACCOUNT}):
            simulator.control.add_account(account, SECRET, asdict(_SIZES))
        for number in range(options.runs):
            options.say(f"limits, run {number + 1}: {limit}")
            samples.append(_sync(environment, simulator, limit))
    return [_result(samples, limit)]


def _sync(environment: Environment, simulator: Simulator, limit: str) -> _Sample:
    warehouse = environment.warehouse(simulator, {"AIRFLOW__HOSTAWAY__BUDGET_IP": limit})
    with as_settings(warehouse.env), connect() as connection:
        for account in {account for share in _SHARES for account in share} - {ACCOUNT}:
            add_account(connection, account, SECRET)
    time.sleep(SECONDS)  # the calls of the registration leave the window of the limit
    simulator.control.reset(only_stats=True)
    began = time.monotonic()
    with ThreadPoolExecutor(len(_SHARES)) as pool:
        shares = pool.map(lambda number: _share(environment, warehouse, number), range(len(_SHARES)))
        usages = [usage for share in shares for usage in share]
    wall = time.monotonic() - began
    stats = simulator.control.stats()
    environment.drop(warehouse.dsn)
    return _Sample(wall, stats["total"], sum(stats["rateLimited"].values()), usages)


def _share(environment: Environment, warehouse: Warehouse, number: int) -> list[Usage]:
    scratch = environment.scratch / f"share-{number}"
    scratch.mkdir(exist_ok=True)
    command: list[str | Path] = [our_command(), "sync", "--mode", "full", "--account"]
    return [measure([*command, str(account)], warehouse.env, scratch) for account in _SHARES[number]]


def _result(samples: list[_Sample], limit: str) -> Result:
    result = Result(f"limits: three accounts, two processes, {limit} s", ("calls", "429s", "seconds", "of the ideal"))
    figures = [Spread.of(getattr(sample, name) for sample in samples) for name in ("calls", "refused", "wall")]
    of_ideal = Spread.of(sample.of_ideal for sample in samples)
    result.rows.append([figures[0].text(0), figures[1].text(0), figures[2].text(), of_ideal.text(2)])
    result.targets = [
        Target(f"seconds, of calls x {SECONDS} / {CALLS}", 1.1, of_ideal.median, unit="x"),
        Target("429s", 0, figures[1].median),
    ]
    result.raw = [asdict(sample) for sample in samples]
    result.notes = [f"Failed: {usage.error}" for sample in samples for usage in sample.usages if usage.error]
    return result
