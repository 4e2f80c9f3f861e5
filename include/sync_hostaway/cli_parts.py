"""What the commands of `sync-hostaway` share: consoles, the warehouse, and ways to say things."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer
from rich import box
from rich.measure import measure_renderables
from rich.table import Table
from rich.text import Text

from sync_hostaway import migrations
from sync_hostaway.console import TerminalConsole
from sync_hostaway.exceptions import WarehouseUnavailable
from sync_hostaway.local.home import Home
from sync_hostaway.local.simulated import SimulatedApi
from sync_hostaway.settings import get_settings
from sync_hostaway.warehouse import Connection, connect

out = TerminalConsole()
err = TerminalConsole(stderr=True)

AccountId = Annotated[int, typer.Argument(help="Hostaway's account id", min=1)]

# A column of texts, which `show` may fold, is never narrower for it.
_FOLDED_TO = 10


@contextmanager
def warehouse() -> Iterator[Connection]:
    """The warehouse, of a schema that this version knows.

    :raises WarehouseUnavailable: when it has not been migrated.
    """
    with connect(application="sync-hostaway cli") as connection:
        revision, head = migrations.revision(connection), migrations.head()
        if revision is None or revision < head:
            state = f"is at revision {revision}, this version needs {head}" if revision else "was never migrated"
            raise WarehouseUnavailable(f"The warehouse {state}: run `sync-hostaway migrate`")
        yield connection


def complain(what: str, why: str) -> None:
    """Say what went wrong."""
    err.print(Text.assemble((what, "bold red"), ": ", why), soft_wrap=True)


def say_if_simulated() -> None:
    """Nobody should take a simulated account for a real one."""
    settings = get_settings()
    simulated = None if settings.api_url else SimulatedApi.remembered(Home.at(settings.home))
    if simulated:
        state = "" if simulated.process_runs else ", which does not run: `make start` starts it"
        err.print(
            f"The accounts of this home are simulated, by {simulated.url}{state}. HOSTAWAY_API_URL names another API.",
            soft_wrap=True,
            markup=False,
        )


def show(table: Table) -> None:
    """Print a table of which nothing is cut off. Each row is one line, unless a terminal is too narrow for that.

    Then columns with `overflow="fold"`, which are for texts, give way. All others break between words at most: an id, a
    number, a date or a state is always whole.
    """
    endless = out.options.update(width=10_000)
    sizes = [measure_renderables(out, endless, [column.header, *column.cells]) for column in table.columns]
    texts = [number for number, column in enumerate(table.columns) if column.overflow == "fold"]
    others = [number for number in range(len(sizes)) if number not in texts]
    widths, frame = [size.maximum for size in sizes], 3 * len(sizes) + 1
    if out.is_terminal and sum(widths) + frame > out.width:
        widths = [min(it.maximum, _FOLDED_TO) if number in texts else it.minimum for number, it in enumerate(sizes)]
        if sum(widths) + frame > out.width:
            table.box, table.show_edge, table.padding = box.SIMPLE_HEAD, False, 0
            frame = len(sizes) - 1
        spare = max(out.width - frame - sum(widths), 0)
        # What is left: for words of texts, then for what can stand in one line, then for texts.
        goals = [(number, sizes[number].minimum, False) for number in texts]
        goals += [(number, sizes[number].maximum, False) for number in others]
        goals += [(number, sizes[number].maximum, True) for number in texts]
        for number, goal, or_less in goals:
            wanted = max(goal - widths[number], 0)
            more = min(wanted, spare) if or_less or wanted <= spare else 0
            widths[number], spare = widths[number] + more, spare - more
    for column, width in zip(table.columns, widths, strict=True):
        column.width, column.overflow = width, "fold"
    table.width = sum(widths) + frame
    out.print(table, crop=False)


def counted(number: int, what: str) -> str:
    """So many of something: 1 call, 2 calls."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def when(moment: datetime | None) -> str:
    """A moment as tables show it."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def ask(question: str, given: str | None, way_out: str) -> str:
    """An answer that was given as an option, or is typed now.

    :param way_out: what to do where nobody can type.
    """
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise typer.BadParameter(way_out)
    return str(typer.prompt(question))
