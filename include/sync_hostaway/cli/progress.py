"""Progress bars and Ctrl-C for a sync on a terminal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg.pq import TransactionStatus
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Column

from sync_hostaway.core.console import err, pluralize
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Resource
from sync_hostaway.extract.context import Progress

_PARENTS = {
    Resource.MESSAGES: "conversations",
    Resource.CALENDAR_DAYS: "calendars",
    Resource.OWNER_STATEMENTS: "statements",
    Resource.RESERVATION_LOGS: "logs",
}


@contextmanager
def sync_progress() -> Iterator[Callable[[Progress], None]]:
    """Show one bar per resource on a terminal: what was read, of how much, the elapsed and the remaining time."""
    whole = Column(no_wrap=True)
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(table_column=whole),
        TimeRemainingColumn(table_column=whole),
        console=err,
        disable=not err.is_terminal,
        # Longer than the pauses of the rate limit
        speed_estimate_period=120,
    )
    known: dict[Resource, TaskID] = {}

    def end_those_before() -> None:
        for task in bars.tasks:
            bars.stop_task(task.id)
            if task.total is None:
                bars.update(task.id, total=task.completed, visible=task.completed > 0)

    def show_progress(progress: Progress) -> None:
        if progress.resource not in known:
            end_those_before()
            known[progress.resource] = bars.add_task(progress.resource.value, total=None, figures="")
        done, total = progress.parents or (progress.seen, progress.expected)
        bars.update(known[progress.resource], completed=done, total=total, figures=_figures(progress, done, total))

    with bars:
        yield show_progress
        end_those_before()


def _figures(progress: Progress, done: int, total: int | None) -> str:
    of = "" if total is None else f"/{total:,}"
    if progress.parents:
        text = f"{done:,}{of} {_PARENTS[progress.resource]}, {pluralize(progress.seen, 'row')}"
    else:
        text = f"{done:,}{of} rows, {pluralize(progress.calls, 'call')}"
    return f"{text}, {progress.throttled:,} throttled" if progress.throttled else text


@contextmanager
def graceful_interrupt(connection: Connection) -> Iterator[Callable[[], None]]:
    """Make Ctrl-C end the block between transactions, because psycopg cannot roll back an interrupted one.

    So does SIGTERM, with which containers and services are stopped. Yields a function that the block must call often,
    between transactions. The first signal waits for requests in flight. A second one aborts immediately.
    """
    pressed = False

    def interrupt(*_: object) -> None:
        nonlocal pressed
        if pressed or connection.info.transaction_status == TransactionStatus.IDLE:
            raise KeyboardInterrupt
        pressed = True
        err.print("Stopping after the requests in flight. Press Ctrl-C again to abort immediately.")

    def end_if_pressed() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        # An ignored signal stays ignored.
        signal.signal(number, handler if handler is signal.SIG_IGN else interrupt)
    try:
        yield end_if_pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
