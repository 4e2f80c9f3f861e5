"""What a poll costs and how fresh it keeps the tables, and what a second sync of a day costs: calls at every size.

The poll runs in this process: in Airflow, the start of its task comes on top.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import structlog

from benchmarks.arrivals import Watcher
from benchmarks.environment import ACCOUNT, Environment, Simulator, as_settings
from benchmarks.options import SIZES, Options
from benchmarks.report import Result, Spread, Target
from sync_hostaway.accounts.registry import change_options
from sync_hostaway.core.db import connect
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.polling.run import PollResult, poll_accounts
from sync_hostaway.transforms import run_transform

_MIRRORED = (Resource.LISTINGS, Resource.RESERVATIONS, Resource.CONVERSATIONS, Resource.MESSAGES)
_INTERVAL, _CHANGES, _QUIET_POLLS = 5.0, 40, 5
_POLL_CALLS, _IDLE_CALLS = 3, 6


@dataclass
class Sample:
    """Figures of one size.

    :param late: seconds from a change until the core table had it.
    """

    size: str
    poll_calls: list[int] = field(default_factory=list)
    poll_seconds: list[float] = field(default_factory=list)
    idle_calls: int = 0
    changed_calls: int = 0
    changed_conversations: int = 0
    late: list[float] = field(default_factory=list)
    lost: int = 0
    missed: int = 0


def run(options: Options) -> list[Result]:
    """One account of the size that is asked for."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    with Environment() as environment, environment.simulator(SIZES[options.size], options.ip_limit) as simulator:
        return [_result([_measure(environment, simulator, options.size, options)])]


def _measure(environment: Environment, simulator: Simulator, size: str, options: Options) -> Sample:
    sample = Sample(size)
    warehouse = environment.warehouse(simulator)
    with as_settings(warehouse.env), connect() as connection:
        others = {resource.value: False for resource in Resource if resource not in _MIRRORED}
        change_options(connection, ACCOUNT, {"resources": others})
        options.say(f"poll {size}: first sync")
        sync_account(connection, ACCOUNT, Mode.FULL)
        run_transform(requested_by="benchmark")
        _poll()
        # What changes within the second of a poll is asked for twice.
        simulator.control.advance_clock(60)

        options.say(f"poll {size}: nothing changed")
        for _ in range(_QUIET_POLLS):
            began = time.monotonic()
            sample.poll_calls += [poll.calls for poll in _poll().accounts]
            sample.poll_seconds.append(time.monotonic() - began)
        sample.idle_calls = _calls_of_sync(simulator)

        options.say(f"poll {size}: 1 % changed")
        conversations = simulator.control.truth(ACCOUNT)["ids"]["conversations"][::100]
        sample.changed_conversations = len(conversations)
        simulator.control.touch("reservations", 1, account_id=ACCOUNT)
        simulator.control.touch("listings", 1, account_id=ACCOUNT)
        for number in conversations:
            simulator.control.create("messages", {"conversationId": number}, account_id=ACCOUNT, emit=False)
        simulator.control.advance_clock(60)
        sample.changed_calls = _calls_of_sync(simulator)

        options.say(f"poll {size}: a change every second, a poll every {_INTERVAL:.0f} s")
        run_transform(requested_by="benchmark")
        _poll()
        _freshness(simulator, sample)
        row = connection.execute("select missed from ops.polls").fetchone()
        sample.missed = row["missed"] if row else 0
    environment.drop(warehouse.dsn)
    return sample


def _poll() -> PollResult:
    return poll_accounts("benchmark", every=timedelta(0), lifetime=60.0)


def _calls_of_sync(simulator: Simulator) -> int:
    simulator.control.reset(only_stats=True)
    with connect() as connection:
        results = sync_account(connection, ACCOUNT, Mode.INCREMENTAL)
    if not all(result.is_complete for result in results):
        raise RuntimeError(f"A sync was not complete: {results}")
    total: int = simulator.control.stats()["total"]
    return total


def _freshness(simulator: Simulator, sample: Sample) -> None:
    """Changes at any moment between polls; three of reservations, then a message of a guest."""
    control, chance, marks = simulator.control, random.Random(1), count(1)  # noqa: S311 - moments of changes
    ids = control.truth(ACCOUNT)["ids"]
    ended = threading.Event()

    def poll_on() -> None:
        due = time.monotonic()
        while not ended.is_set():
            _poll()
            due += _INTERVAL
            ended.wait(max(due - time.monotonic(), 0.0))

    with Watcher() as watcher, ThreadPoolExecutor(1) as pool:
        polling = pool.submit(poll_on)
        for number in range(_CHANGES):
            mark, made = f"change {next(marks)}", time.monotonic()
            if number % 4:
                reservation = ids["reservations"][number * 37 % len(ids["reservations"])]
                watcher.expect(ACCOUNT, reservation, mark, made)
                control.patch("reservations", reservation, {"hostNote": mark}, account_id=ACCOUNT, emit=False)
            else:
                thread = ids["conversations"][number * 37 % len(ids["conversations"])]
                fields = {"conversationId": thread, "body": mark}
                message = control.create("messages", fields, account_id=ACCOUNT, emit=False)
                watcher.expect(ACCOUNT, message["id"], mark, made)
            time.sleep(chance.uniform(0.5, 1.5))
        sample.late = [arrival.seen - arrival.made for arrival in watcher.collect(60.0)]
        sample.lost = _CHANGES - len(sample.late)
        ended.set()
        polling.result()


def _result(samples: list[Sample]) -> Result:
    result = Result(
        "poll: calls, and seconds from a change to the core table",
        (
            "size",
            "calls of a quiet poll",
            "seconds",
            "sync, nothing changed: calls",
            "sync, 1 % changed: calls",
            "conversations changed",
            "fresh p50, s",
            "slowest, s",
            "lost",
            "missed by heads",
        ),
    )
    for sample in samples:
        ordered = sorted(sample.late)
        middle = ordered[len(ordered) // 2] if ordered else None
        result.rows.append(
            [
                sample.size,
                Spread.of(sample.poll_calls).text(0),
                Spread.of(sample.poll_seconds).text(2),
                str(sample.idle_calls),
                str(sample.changed_calls),
                str(sample.changed_conversations),
                "-" if middle is None else f"{middle:.1f}",
                f"{ordered[-1]:.1f}" if ordered else "-",
                str(sample.lost),
                str(sample.missed),
            ]
        )
        result.targets += [
            Target(
                f"{sample.size}: calls of a poll, nothing changed", _POLL_CALLS, max(sample.poll_calls, default=None)
            ),
            Target(f"{sample.size}: calls of a sync, nothing changed", _IDLE_CALLS, sample.idle_calls),
            Target(
                f"{sample.size}: calls of a sync, 1 % changed: 1.1 x conversations + {_IDLE_CALLS}",
                1.1 * sample.changed_conversations + (_IDLE_CALLS if sample.size == "S" else 0),
                sample.changed_calls,
            ),
            Target(f"{sample.size}: fresh, p50: half the interval + 2 s", _INTERVAL / 2 + 2, middle, unit=" s"),
            Target(f"{sample.size}: changes lost, or missed by the heads", 0, sample.lost + sample.missed),
        ]
        result.raw.append(
            {"size": sample.size, "late": sample.late, "idle": sample.idle_calls, "changed": sample.changed_calls}
        )
    result.notes.append(
        f"A poll every {_INTERVAL:.0f} s; in Airflow, the start of the task comes on top (about a second)."
    )
    return result
