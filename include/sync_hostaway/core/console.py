"""Output of the command line. Text from outside cannot control the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import measure_renderables
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from sync_hostaway.core.text import visible


class TerminalConsole(Console):
    """A console that escapes control characters and bidi controls. Control codes of rich and line breaks stay.

    It cannot distinguish a line break in a name from one of the layout, so names must pass through `visible`.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does, with escaped text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text, keep="\n\t"))


out = TerminalConsole()
err = TerminalConsole(stderr=True)

# The minimum width of a column of texts that `print_table` folds.
_FOLDED_TO = 10


def cell(value: object) -> Text:
    """Return a table cell with this text, without markup and control characters."""
    return Text("" if value is None else visible(str(value), keep="\n"))


def echo(text: str) -> None:
    """Print a line of text to stdout, without markup."""
    out.print(cell(text), soft_wrap=True)


def print_note(text: str) -> None:
    """Print a message to stderr, so that stdout has only the data of a command."""
    err.print(cell(text), soft_wrap=True)


def print_error(text: str) -> None:
    """Print an error to stderr."""
    err.print(Text.assemble(("Error", "bold red"), ": ", visible(text)), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print data as JSON for scripts: times in UTC, and ASCII only, so that encoding and terminal do not matter."""
    typer.echo(json.dumps(value, indent=2, default=_as_json))


def _as_json(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case set() | frozenset():
            return sorted(value)
        case Enum():
            return value.value
        case Path():
            return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def print_table(table: Table) -> None:
    """Print a table without cutting anything off. Each row is one line if the terminal is wide enough.

    Otherwise, columns with `overflow="fold"` (texts) become narrower. Other columns break between words only, so that
    ids, numbers, dates and states stay whole. If that does not fit either, each row is printed as a list of values.
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
        if sum(widths) + frame > out.width:
            _print_records(table)
            return
        spare = max(out.width - frame - sum(widths), 0)
        # The spare width goes first to whole words of texts, then to other columns, then to the rest of the texts.
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


def _print_records(table: Table) -> None:
    """Print a line for each value: `heading: value`. The terminal wraps long lines."""
    if table.title:
        out.print(table.title)
    rows = zip(*(column.cells for column in table.columns), strict=True)
    for row in rows:
        for column, value in zip(table.columns, row, strict=True):
            text = value if isinstance(value, Text) else Text.from_markup(str(value))
            if text.plain:
                heading = f"{column.header or 'status'}: "
                out.print(Text.assemble((heading, "bold"), text), soft_wrap=True)
        out.print()


def pluralize(number: int, what: str) -> str:
    """Return a number with its noun: 1 call, 2 calls."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def format_time(moment: datetime | None, *, seconds: bool = False) -> str:
    """Return a moment in UTC for a table. The heading of the column contains UTC."""
    if moment is None:
        return ""
    return f"{moment.astimezone(UTC):{'%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M'}}"


def prompt(question: str, given: str | None, way_out: str) -> str:
    """Return an answer that was given as an option, or prompt for it on a terminal.

    :param way_out: the error message when standard input is not a terminal.
    """
    if given is not None:
        return given
    if not can_prompt():
        raise typer.BadParameter(way_out)
    return str(typer.prompt(question))


def can_prompt() -> bool:
    """Return whether a person can see a question and answer it. Python has no stream that the caller has closed."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None
