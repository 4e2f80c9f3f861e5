"""From a change at Hostaway to the row in the core tables: delivered over HTTP to a real Airflow, events one by one and
in a burst."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle

from benchmarks.arrivals import Source, Watcher
from benchmarks.mirrored import MirroredPlatform
from benchmarks.options import Options
from benchmarks.report import Result, Target
from sync_hostaway.core.dag_ids import DELTA_DAG_ID
from sync_hostaway.simulator.config import Sizes

SMALL, LARGE = 701, 702
_SIZES = {
    SMALL: Sizes(listings=50, reservations=1_000, conversations=1_000),
    LARGE: Sizes(listings=50, reservations=20_000, conversations=1_000),
}
_CROWD = range(1_001, 1_101)
_ONE_OF_CROWD = Sizes(listings=1, reservations=20, conversations=10)
_EVENTS, _BURST, _BURST_SECONDS = 200, 1_000, 10.0
# Longer than a run lingers: each of these events has to wait for a run of its own. Airflow's scheduler sleeps for a
# quarter of a second between two loops: with a gap of whole seconds, each event could meet it at the same moment.
_ALONE, _ALONE_GAP = 14, 15.43


@dataclass
class Sample:
    """Events of one case: seconds until each was visible, and what that took."""

    seconds: list[float] = field(default_factory=list)
    sent: int = 0
    sending: float = 0.0
    after_last: float = 0.0
    delta_runs: int = 0

    def share(self, part: float) -> float | None:
        """The time within which a share of the events was visible."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


def run(options: Options) -> list[Result]:
    """All cases on one platform, whose tables grow in between."""
    samples: dict[str, Sample] = {}
    with MirroredPlatform(options.say) as platform, Watcher() as watcher:
        source = Source(platform, watcher)

        def case(name: str, accounts: Iterator[int], number: int, gap: float) -> None:
            options.say(f"delta: {name}")
            samples[name] = _measure(platform, watcher, lambda: source.change(next(accounts)), number, gap)

        platform.mirror({SMALL: _SIZES[SMALL]})
        case("1/s, 1k reservations", cycle([SMALL]), _EVENTS, 1.0)
        case(f"alone, {_ALONE_GAP:.0f} s apart", cycle([SMALL]), _ALONE, _ALONE_GAP)
        platform.mirror({LARGE: _SIZES[LARGE]})
        case("1/s, 20k reservations", cycle([LARGE]), _EVENTS, 1.0)
        platform.mirror(dict.fromkeys(_CROWD, _ONE_OF_CROWD))
        case(f"{_BURST:,} over {len(_CROWD)} accounts in {_BURST_SECONDS:.0f} s", cycle(_CROWD), _BURST, 0.01)
    return [_result(samples)]


def _measure(
    platform: MirroredPlatform, watcher: Watcher, change: Callable[[], None], number: int, gap: float
) -> Sample:
    runs_before = platform.count_runs(DELTA_DAG_ID)
    began = time.monotonic()
    # Several at once: the source answers each change, and must not wait for the answer before the next one.
    with ThreadPoolExecutor(8) as pool:
        changes = []
        for place in range(number):
            time.sleep(max(began + place * gap - time.monotonic(), 0.0))
            changes.append(pool.submit(change))
    for done in changes:
        done.result()
    last = time.monotonic()
    seconds = [arrival.seen - arrival.made for arrival in watcher.collect()]
    sample = Sample(seconds, number, last - began, time.monotonic() - last)
    sample.delta_runs = platform.count_runs(DELTA_DAG_ID) - runs_before
    return sample


def _result(samples: dict[str, Sample]) -> Result:
    result = Result(
        "delta: from the change to the core table, seconds",
        ("case", "events", "sent within", "p50", "p95", "slowest", "all visible after the last", "lost", "delta runs"),
    )
    for name, sample in samples.items():
        shares = [sample.share(part) for part in (0.5, 0.95, 1.0)]
        lost = sample.sent - len(sample.seconds)
        cells = ["-" if share is None else f"{share:.2f}" for share in shares]
        result.rows.append(
            [
                name,
                f"{sample.sent:,}",
                f"{sample.sending:.0f}",
                *cells,
                f"{sample.after_last:.1f}",
                str(lost),
                str(sample.delta_runs),
            ]
        )
        if name.startswith("1/s"):
            result.targets.append(Target(f"{name}: p50", 2.0, shares[0], unit=" s"))
            result.targets.append(Target(f"{name}: p95", 4.0, shares[1], unit=" s"))
        elif sample.sent == _BURST:
            result.targets.append(Target("burst: all visible after the last", 20.0, sample.after_last, unit=" s"))
            result.targets.append(Target("burst: delta runs", 20, sample.delta_runs))
        result.targets.append(Target(f"{name}: lost", 0, lost))
        result.raw.append({"case": name, "seconds": sample.seconds, "delta_runs": sample.delta_runs})
    return result
