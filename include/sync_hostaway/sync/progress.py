"""Shows a running sync in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBars

from sync_hostaway.sync.context import Progress


@contextmanager
def sync_progress(console: Console) -> Iterator[Callable[[Progress], None]]:
    """A bar per account and resource: rows seen of rows expected, API calls, time left."""
    bars = ProgressBars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[calls]} calls"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    known: dict[str, TaskID] = {}

    def show(progress: Progress) -> None:
        name = f"{progress.account_id} {progress.resource}"
        if name not in known:
            known[name] = bars.add_task(name, total=progress.expected, calls=0)
        bars.update(
            known[name],
            completed=progress.seen,
            total=progress.expected,
            calls=progress.calls,
        )

    with bars:
        yield show
