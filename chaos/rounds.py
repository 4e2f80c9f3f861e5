"""Runs a round: change, start, strike, lift, repeat, check."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import sql

from chaos.clock import clock_env
from chaos.faults import Strike
from chaos.invariants import Findings, check
from chaos.plan import Round
from chaos.scene import Process, Scene
from chaos.world import World
from sync_hostaway.core.db import Connection, fetch_value
from sync_hostaway.core.resources import Mode
from sync_hostaway.events.worker import run_worker
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.transforms import run_transform

# Seconds for a process to end once the fault is lifted. One that takes longer hangs.
_ENDS_WITHIN = 90.0
# Seconds in which waiting events must be processed.
_EVENTS_WITHIN = 60.0
_TRIES = 3
_DRIFT = "rows that change during the read"


@dataclass
class Outcome:
    """What a round brought.

    :param struck: the fault struck while the operation was running.
    :param exit_code: of the process; negative: the signal that ended it.
    :param recovered: seconds from the lifting of the fault until the tables were equal to the source.
    :param failure: why the round could not be ended, such as an operation that never succeeds again.
    """

    round: int
    operation: str
    part: str
    fault: str
    moment: str
    struck: bool
    exit_code: int | None
    recovered: float
    findings: dict[str, Any]
    failure: str | None = None

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        counts = {name: value for name, value in self.findings.items() if name != "notes"}
        return self.failure is None and not any(counts.values())


def run(world: World, each: Round) -> Outcome:
    """Run a round in a warehouse of its own."""
    world.wait_for_postgres()
    world.reset_source(clock=False)
    outcome = Outcome(
        each.number, each.operation.name, each.fault.part, each.fault.name, str(each.moment), False, None, 0.0, {}
    )
    try:
        with world.database(empty=each.operation.empty_database) as dsn:
            scene = Scene(world, dsn, f"{each.seed}-{each.number}", each.rng())
            try:
                findings = _play(scene, each, outcome)
            finally:
                scene.close()
        outcome.findings = asdict(findings)
    except Exception as error:  # noqa: BLE001 - reported as the round's failure
        outcome.failure = f"{type(error).__name__}: {error}"
        outcome.findings = outcome.findings or asdict(Findings())
    finally:
        if each.fault.resets_clock:
            world.reset_source(clock=True)
    return outcome


def _play(scene: Scene, each: Round, outcome: Outcome) -> Findings:
    arguments = each.operation.prepare(scene)
    strike = Strike(scene, each.operation.work, arguments, after_calls=int(each.moment.number) - 1)
    if each.fault.part == "clock" and not each.fault.resets_clock:
        strike.env.update(clock_env(scene.world.scratch))
    is_done = True
    with ExitStack() as stack:
        held = None
        if not each.fault.before:
            held = stack.enter_context(each.moment.prepared(scene, ddl=each.operation.empty_database))
        with _harm(each, strike) if each.fault.before else nullcontext():
            process = strike.started_process = scene.start(each.operation.work, arguments, strike.env)
            if each.fault.before:
                process.wait(_ENDS_WITHIN)
                outcome.struck = _rules_applied(scene) or not process.succeeded
            elif held:
                outcome.struck = held.wait(process)
                with _harm(each, strike):
                    # A server that is suspended or gone cannot be asked to roll back.
                    held.release(roll_back=each.fault.part == "process" and scene.rng.random() < 0.5)
                    if each.fault.seconds is None:
                        process.wait(_ENDS_WITHIN / 2)
                    else:
                        time.sleep(each.fault.seconds)
        lifted = time.monotonic()
        scene.control.clear_faults()
        scene.world.wait_for_postgres()
        _wait_ended(process, strike.second_process)
        outcome.exit_code = process.exit_code
        if process.succeeded and each.fault.name != _DRIFT:
            is_done = each.operation.is_done(scene, arguments)
        recover(scene, each, arguments)
        findings = check(scene)
        outcome.recovered = time.monotonic() - lifted
    if not is_done:
        findings.false_success += 1
        findings.notes.append("the process ended with exit code 0, but its work was not done")
    if not findings.is_clean:
        findings.notes.append(f"output of the processes: {scene.output()[-1500:]}")
    return findings


@contextmanager
def _harm(each: Round, strike: Strike) -> Iterator[None]:
    with each.fault.harm(strike):
        yield


def _rules_applied(scene: Scene) -> bool:
    return any(rule["applied"] for rule in scene.control.faults())


def _wait_ended(*processes: Process | None) -> None:
    for process in processes:
        if process and not process.wait(_ENDS_WITHIN):
            # Python's fault handler then prints where each thread is.
            process.signal(signal.SIGABRT)
            process.wait(10)
            output = process.log.read_text(errors="replace")[-6000:]
            process.kill()
            raise TimeoutError(
                f"The process did not end within {_ENDS_WITHIN:g} s after the fault was lifted: {output}"
            )


def recover(scene: Scene, each: Round, arguments: dict[str, Any]) -> None:
    """What the platform does after a failure: it repeats the task, processes the inbox, syncs and transforms.

    :raises RuntimeError: when one of these does not succeed.
    """
    each.operation.again(scene, arguments)
    with scene.connection() as connection:
        for account in sorted(scene.accounts):
            _sync(connection, account, scene.name)
        _process_inbox(connection)
        run_transform(connection, requested_by="chaos")


def _sync(connection: Connection, account: int, name: str) -> None:
    for _ in range(_TRIES):
        results = sync_account(connection, account, Mode.FULL, run_key=f"next {name}")
        if not any(result.has_failed for result in results):
            return
    failed = [f"{result.resource} {result.status}: {result.error}" for result in results if result.has_failed]
    raise RuntimeError(f"The next sync of account {account} is not complete: {'; '.join(failed)}")


def _process_inbox(connection: Connection) -> None:
    pending = sql.SQL("select count(*) from ops.webhook_events where state = 'pending'")
    deadline = time.monotonic() + _EVENTS_WITHIN
    while fetch_value(connection, pending):
        if time.monotonic() > deadline:
            raise RuntimeError(f"Events are still pending {_EVENTS_WITHIN:g} s after the fault was lifted")
        run_worker("chaos", linger=0.0, transform=None)
        time.sleep(0.2)
