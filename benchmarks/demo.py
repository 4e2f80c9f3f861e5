"""`make demo` on an empty home: how long until Airflow is healthy, and until the result table is there."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.clients import our_command
from benchmarks.options import Options
from benchmarks.process import environment
from benchmarks.report import Result, Spread, Target
from sync_hostaway.core.home import Home
from sync_hostaway.local import ports

_HEALTHY = "Airflow is healthy"
_TABLE = "Rows in Hostaway and in the tables"
_TARGETS = {"result": 90, "healthy": 30}
# A demo that takes longer is terminated, and figures that it did not print count as not measured.
_TIMEOUT = 600.0


@dataclass(frozen=True)
class Demo:
    """Seconds from the command to what it says; None for what it never said."""

    healthy: float | None
    result: float | None
    exit_code: int
    last_words: str


def run(options: Options) -> list[Result]:
    """Run the demo with the bundled simulator, each time in an empty home."""
    demos = []
    for number in range(options.runs):
        options.say(f"demo, run {number + 1}")
        demos.append(_demo())
    return [_result(demos)]


def _demo() -> Demo:
    home = Path(tempfile.mkdtemp(prefix="sync-hostaway-demo-"))
    port = ports.choose(Home.at(home), "airflow")
    env = environment({"SYNC_HOSTAWAY_HOME": str(home), "AIRFLOW_PORT": str(port)})
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - our own program
        [str(our_command()), "demo"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # Told to end, the demo stops the platform it started.
    timer = threading.Timer(_TIMEOUT, process.terminate)
    timer.start()
    try:
        seen, last = watch(process.stdout or (), began)
        exit_code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        timer.cancel()
        shutil.rmtree(home, ignore_errors=True)
    return Demo(seen.get(_HEALTHY), seen.get(_TABLE), exit_code, last)


def watch(lines: Iterable[str], began: float) -> tuple[dict[str, float], str]:
    """When the lines that are waited for came, in seconds, and the last lines."""
    seen: dict[str, float] = {}
    last: list[str] = []
    for line in lines:
        for text in (_HEALTHY, _TABLE):
            if text in line:
                seen.setdefault(text, time.monotonic() - began)
        last = [*last[-5:], line.rstrip()]
    return seen, "\n".join(last)


def _result(demos: list[Demo]) -> Result:
    result = Result(
        "demo: 2 accounts x 50 listings, 1,000 reservations, 1,000 conversations", ("from the command to", "seconds")
    )
    names = {"healthy": "a healthy Airflow", "result": "the result table"}
    for figure, name in names.items():
        spread = Spread.of(getattr(demo, figure) for demo in demos)
        result.rows.append([name, spread.text()])
        result.targets.append(Target(name, _TARGETS[figure], spread.median, unit=" s"))
    result.raw = [asdict(demo) for demo in demos]
    result.notes = [
        f"A run ended with exit code {demo.exit_code}: {demo.last_words}" for demo in demos if demo.exit_code
    ]
    return result
