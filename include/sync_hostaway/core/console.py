"""The consoles of the command line, on which no text of a stranger acts, and what is printed on them."""

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
    """Escapes control characters and bidi controls in all it prints; rich's own control codes and line breaks stay.

    It cannot tell a line break within a name from one of the layout: `visible` escapes those where a name is shown.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich does, with escaped text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text, keep="\n\t"))


out = TerminalConsole()
err = TerminalConsole(stderr=True)

# A column of texts, which `print_table` may fold, is never narrower for it.
_FOLDED_TO = 10


def cell(value: object) -> Text:
    """A cell of a table, as it is: no markup, no control characters."""
    return Text("" if value is None else visible(str(value), keep="\n"))


def echo(text: str) -> None:
    """Print a line of text as it is, to stdout."""
    out.print(cell(text), soft_wrap=True)


def print_note(text: str) -> None:
    """Print a message to stderr, beside the data of a command."""
    err.print(cell(text), soft_wrap=True)


def print_error(text: str) -> None:
    """Print an error."""
    err.print(Text.assemble(("Error", "bold red"), ": ", visible(text)), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print data for scripts: times in UTC, and ASCII only, so that neither encoding nor terminal changes it."""
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
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def print_table(table: Table) -> None:
    """Print a table of which nothing is cut off. Each row is one line, unless a terminal is too narrow for that.

    Then columns with `overflow="fold"`, which are for texts, give way. All others break between words at most: an id, a
    number, a date or a state is always whole. Where that does not fit either, each row is printed as a list of values.
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


def _print_records(table: Table) -> None:
    """A line for each value: `heading: value`. The terminal wraps lines that are longer than it."""
    if table.title:
        out.print(table.title)
    rows = zip(*(column.cells for column in table.columns), strict=True)
    for row in rows:
        for column, value in zip(table.columns, row, strict=True):
            text = value if isinstance(value, Text) else Text.from_markup(str(value))
            if text.plain:
                heading = f"{column.header or 'verdict'}: "
                out.print(Text.assemble((heading, "bold"), text), soft_wrap=True)
        out.print()


def pluralize(number: int, what: str) -> str:
    """So many of something: 1 call, 2 calls."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def format_time(moment: datetime | None, *, seconds: bool = False) -> str:
    """A moment in UTC as tables show it, whatever zone the database session is in. The table's heading says UTC."""
    if moment is None:
        return ""
    return f"{moment.astimezone(UTC):{'%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M'}}"


def prompt(question: str, given: str | None, way_out: str) -> str:
    """An answer that was given as an option, or is typed now.

    :param way_out: what to do where nobody can type.
    """
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise typer.BadParameter(way_out)
    return str(typer.prompt(question))
