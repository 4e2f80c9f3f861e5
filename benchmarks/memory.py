"""Peak memory of a full sync: it must not grow with the account."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from benchmarks.clients import our_command
from benchmarks.environment import ACCOUNT, SECRET, Environment, Simulator
from benchmarks.options import Options
from benchmarks.process import Usage, measure
from benchmarks.report import Result, Spread, Target, ratio
from sync_hostaway.simulator.config import Sizes

CASES = {
    "1k reservations, 1k conversations": Sizes(listings=50, reservations=1_000, conversations=1_000),
    "20k reservations, 1k conversations": Sizes(listings=50, reservations=20_000, conversations=1_000),
    "1k reservations, 5k conversations": Sizes(listings=50, reservations=1_000, conversations=5_000),
}
# Python's allocator and the size of the largest page vary that much from run to run.
_GROWTH = 1.1
_CEILING = 200


def run(options: Options) -> list[Result]:
    """Sync accounts of three sizes, each into a fresh warehouse."""
    usages: dict[str, list[Usage]] = {name: [] for name in CASES}
    with Environment() as environment, environment.simulator(CASES["1k reservations, 1k conversations"]) as simulator:
        for number in range(options.runs):
            for name, sizes in CASES.items():
                options.say(f"memory, run {number + 1}: {name}")
                usages[name].append(_full_sync(environment, simulator, sizes))
    return [_result(usages)]


def _full_sync(environment: Environment, simulator: Simulator, sizes: Sizes) -> Usage:
    """Everything the account has, as `make sync MODE=full` does."""
    simulator.control.add_account(ACCOUNT, SECRET, asdict(sizes))
    warehouse = environment.warehouse(simulator)
    try:
        command: list[str | Path] = [our_command(), "sync", "--account", str(ACCOUNT), "--mode", "full"]
        return measure(command, warehouse.env, environment.scratch)
    finally:
        environment.drop(warehouse.dsn)


def _result(usages: dict[str, list[Usage]]) -> Result:
    result = Result("memory: a full sync of every resource", ("account", "peak MB", "growth", "seconds", "CPU s"))
    peaks = {name: Spread.of(usage.rss_mb for usage in found) for name, found in usages.items()}
    base = next(iter(peaks.values())).median
    for name, found in usages.items():
        growth = ratio(peaks[name].median, base)
        seconds, cpu = (Spread.of(getattr(usage, figure) for usage in found) for figure in ("wall", "cpu"))
        result.rows.append([name, peaks[name].text(), f"{growth or 0:.2f}x", seconds.text(), cpu.text()])
        if name != next(iter(peaks)):
            result.targets.append(Target(f"growth: {name}", _GROWTH, growth, unit="x"))
        result.raw += [{"case": name, **asdict(usage)} for usage in found]
        result.notes += [f"Failed, {name}: {usage.error}" for usage in found if usage.error]
    highest = max((peak.median or 0 for peak in peaks.values()), default=None)
    result.targets.append(Target("peak memory, any size", _CEILING, highest, unit=" MB"))
    return result
