"""Scheduler or PostgreSQL away for minutes while Hostaway delivers: what is lost, and how long it takes to catch up."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from benchmarks.arrivals import Arrival, Source, Watcher
from benchmarks.mirrored import MirroredPlatform
from benchmarks.options import Options
from benchmarks.report import NOTHING, Result, Target
from sync_hostaway.core.dag_ids import DELTA_DAG_ID
from sync_hostaway.local import processes
from sync_hostaway.local.component import SCHEDULER, SUPERVISOR
from sync_hostaway.simulator.config import Sizes
from sync_hostaway.simulator.http.webhooks import RETRY_DELAYS

_ACCOUNT = 701
_SIZES = Sizes(listings=50, reservations=1_000, conversations=1_000)
_GAP = 2.0
_MINUTES = {"scheduler": 10, "PostgreSQL": 2}
# Hostaway delivers a second time after the first delay, and after the second one what failed then too.
_TIMEOUT = RETRY_DELAYS[0] + RETRY_DELAYS[1] + 180.0


def run(options: Options) -> list[Result]:
    """Both outages, one after the other, on one platform."""
    result = Result(
        "outages: one change every two seconds while a part is away, seconds after it is started again",
        ("away", "minutes", "changes", "first visible", "half visible", "all visible", "lost", "delta runs"),
    )
    with MirroredPlatform(options.say) as mirrored, Watcher(every=0.2) as watcher:
        mirrored.mirror({_ACCOUNT: _SIZES})
        source = Source(mirrored, watcher)
        away: dict[str, Callable[[], AbstractContextManager[None]]] = {
            "scheduler": lambda: _without_scheduler(mirrored),
            "PostgreSQL": lambda: _without_postgres(mirrored),
        }
        for part, minutes in _MINUTES.items():
            options.say(f"outages: {part} is away for {minutes} minutes")
            runs = mirrored.count_runs(DELTA_DAG_ID)
            with away[part]():
                made = _change(source, minutes * 60.0)
            back = time.monotonic()
            options.say(f"outages: {part} is started; waiting for {made} changes")
            arrived = watcher.collect(_TIMEOUT)
            mirrored.platform.wait_healthy()
            _add(result, part, made, arrived, back, mirrored.count_runs(DELTA_DAG_ID) - runs)
    delays = ", ".join(f"{delay / 60:.0f}" for delay in RETRY_DELAYS)
    result.notes.append(f"Hostaway delivers again {delays} minutes after a delivery that failed.")
    return [result]


def _change(source: Source, seconds: float) -> int:
    began, made = time.monotonic(), 0
    while time.monotonic() < began + seconds:
        source.change(_ACCOUNT)
        made += 1
        time.sleep(max(began + made * _GAP - time.monotonic(), 0.0))
    return made


@contextmanager
def _without_scheduler(mirrored: MirroredPlatform) -> Iterator[None]:
    home = mirrored.platform.home
    watching, scheduler = processes.running(home, SUPERVISOR), processes.running(home, SCHEDULER.name)
    if not watching or not scheduler:
        raise RuntimeError("The platform has no supervisor or no scheduler")
    # The supervisor must not restart the scheduler. The tasks of the killed scheduler end with it.
    processes.send([watching], signal.SIGSTOP)
    try:
        processes.send([scheduler, *scheduler.children(recursive=True)], signal.SIGKILL)
        yield
    finally:
        processes.send([watching], signal.SIGCONT)


@contextmanager
def _without_postgres(mirrored: MirroredPlatform) -> Iterator[None]:
    mirrored.platform.postgres.stop()
    yield
    mirrored.platform.postgres.start()


def _add(result: Result, part: str, made: int, arrived: list[Arrival], back: float, runs: int) -> None:
    after = sorted(arrival.seen - back for arrival in arrived)
    shown = [f"{seconds:.1f}" for seconds in (after[0], after[len(after) // 2], after[-1])] if after else [NOTHING] * 3
    lost = made - len(arrived)
    result.rows.append([part, str(_MINUTES[part]), str(made), *shown, str(lost), str(runs)])
    result.targets.append(Target(f"{part} away: lost", 0, lost))
    result.raw.append({"away": part, "changes": made, "seconds_after": after, "delta_runs": runs})
