"""Faults in a running Airflow: its parts are killed or suspended while Hostaway delivers changes."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from random import Random

import psutil
from benchmarks.arrivals import Source, Watcher
from benchmarks.mirrored import MirroredPlatform
from benchmarks.truth import compare
from psycopg import sql

from chaos.invariants import KEYS, Findings
from chaos.rounds import Outcome
from chaos.world import ACCOUNTS
from sync_hostaway.core.db import connect
from sync_hostaway.local import processes
from sync_hostaway.local.component import COMPONENTS, SCHEDULER, SUPERVISOR
from sync_hostaway.simulator.config import Sizes

_SIZES = Sizes(listings=4, reservations=60, conversations=40)
# Hostaway delivers again after 1, 10 and 45 minutes; here, after 2, 20 and 90 seconds.
_TIME_SCALE = 1 / 30
_CHANGES = 4
_SUSPENDED_SECONDS = 10.0
# Seconds until every change must be in the tables, the last delivery of Hostaway included.
_TIMEOUT = 240.0
_WORKER = "worker"
_POSTGRES = "PostgreSQL"
_EVERYTHING = "everything at once"


def plan(seed: int, number: int) -> tuple[str, str]:
    """What is hit in a round, and how. All combinations come once before one comes again."""
    parts = [component.name for component in COMPONENTS]
    pairs = [(part, how) for part in [*parts, _POSTGRES, _WORKER] for how in ("killed", "suspended 10 s")]
    pairs += [(SUPERVISOR, "killed"), (_EVERYTHING, "killed")]
    Random(seed).shuffle(pairs)  # noqa: S311 - a plan, not a secret
    return pairs[(number - 1) % len(pairs)]


def run(seed: int, numbers: Sequence[int], echo: Callable[[str], None], finished: Callable[[Outcome], None]) -> None:
    """Run the rounds with these numbers on one platform."""
    with (
        MirroredPlatform(echo, {"webhook-time-scale": _TIME_SCALE}) as mirrored,
        Watcher(every=0.2) as watcher,
    ):
        mirrored.mirror(dict.fromkeys(ACCOUNTS, _SIZES))
        source = Source(mirrored, watcher)
        for number in numbers:
            part, how = plan(seed, number)
            finished(_round(number, part, how, mirrored, source, watcher))


def _round(number: int, part: str, how: str, mirrored: MirroredPlatform, source: Source, watcher: Watcher) -> Outcome:
    outcome = Outcome(-number, "webhooks to tables", part, how, "between deliveries", True, None, 0.0, {})
    findings = Findings()
    try:
        # Before, during and after the fault.
        _change(source)
        with _away(mirrored, part, how) as struck:
            outcome.struck = struck
            _change(source)
            time.sleep(_SUSPENDED_SECONDS if how.startswith("suspended") else 0.5)
        lifted = time.monotonic()
        _change(source)
        made = 3 * _CHANGES * len(ACCOUNTS)
        arrived = watcher.collect(_TIMEOUT)
        findings.lost += made - len(arrived)
        outcome.recovered = max((arrival.seen for arrival in arrived), default=lifted) - lifted
        mirrored.platform.wait_healthy()
        _compare(mirrored, findings)
    except Exception as error:  # noqa: BLE001 - reported as the round's failure
        outcome.failure = f"{type(error).__name__}: {error}"
    outcome.findings = asdict(findings)
    return outcome


def _change(source: Source) -> None:
    for _ in range(_CHANGES):
        for account in ACCOUNTS:
            source.change(account)


@contextmanager
def _away(mirrored: MirroredPlatform, part: str, how: str) -> Iterator[bool]:
    """Hit a part; yields whether there was one. What was suspended continues at the end of the block."""
    found = _processes_of(mirrored, part)
    number = signal.SIGKILL if how == "killed" else signal.SIGSTOP
    with ExitStack() as stack:
        processes.send(found, number)
        if number == signal.SIGSTOP:
            stack.callback(processes.send, found, signal.SIGCONT)
        yield bool(found)
    if part in (SUPERVISOR, _EVERYTHING) and how == "killed":
        # What an operator or the container runtime does.
        mirrored.platform.start()


def _processes_of(mirrored: MirroredPlatform, part: str) -> list[psutil.Process]:
    home = mirrored.platform.home
    if part == _POSTGRES:
        pid = mirrored.platform.postgres.status().pid
        main = [psutil.Process(pid)] if pid else []
        return [*main, *(child for process in main for child in process.children(recursive=True))]
    if part == _EVERYTHING:
        return [*processes.belonging(home), *_processes_of(mirrored, _POSTGRES)]
    if part == _WORKER:
        # Tasks run in the session of the scheduler, in processes of their own. Its idle workers are there, too.
        scheduler = processes.running(home, SCHEDULER.name)
        session = processes.session(home, SCHEDULER.name)
        return [process for process in session if scheduler is None or process.pid != scheduler.pid]
    found = processes.running(home, part)
    return [found] if found else []


def _compare(mirrored: MirroredPlatform, findings: Findings) -> None:
    with connect() as connection:
        for account in ACCOUNTS:
            truth = mirrored.simulator.control.truth(account)["ids"]
            for resource, key in KEYS.items():
                query = sql.SQL("select {} as id from {} where account_id = %s and not is_deleted").format(
                    sql.Identifier(key), sql.Identifier("hostaway", resource)
                )
                rows = connection.execute(query, [account]).fetchall()
                found = compare(dict.fromkeys(truth[resource]), [(row["id"], None) for row in rows])
                findings.add(f"hostaway.{resource} of {account}", found)
