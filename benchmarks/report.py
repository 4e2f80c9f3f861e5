"""Figures, targets and tables: what a benchmark gives back and how it is shown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

NOTHING = "-"


@dataclass(frozen=True)
class Spread:
    """Repeated measurements of one figure."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread:
        """Of what could be measured."""
        return cls(tuple(value for value in values if value is not None))

    @property
    def median(self) -> float | None:
        """The middle; None when nothing could be measured."""
        return statistics.median(self.values) if self.values else None

    def text(self, digits: int = 1) -> str:
        """`5.2 (5.0-5.9)`: the median, and from the lowest to the highest where they differ."""
        if not self.values:
            return NOTHING
        low, middle, high = (f"{value:,.{digits}f}" for value in (min(self.values), self.median, max(self.values)))
        return middle if low == high else f"{middle} ({low}-{high})"


@dataclass(frozen=True)
class Target:
    """A figure that was promised. `measured` None: it could not be measured."""

    name: str
    limit: float
    measured: float | None
    at_least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the promise holds; None when that is unknown."""
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def row(self) -> list[str]:
        """Cells: name, target, measured, result."""
        result = {True: "[green]met[/]", False: "[bold red]not met[/]", None: "[yellow]not measured[/]"}[self.met]
        wanted = f"{'≥' if self.at_least else '≤'} {_number(self.limit)}{self.unit}"
        measured = NOTHING if self.measured is None else f"{_number(self.measured)}{self.unit}"
        return [self.name, wanted, measured, result]


@dataclass
class Result:
    """One table of a benchmark, with the raw figures behind it."""

    title: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: list[dict[str, Any]] = field(default_factory=list)

    def show(self, console: Console) -> None:
        """Print the table, its targets and its notes."""
        console.print()
        console.print(_table(self.title, self.columns, self.rows))
        if self.targets:
            rows = [target.row() for target in self.targets]
            console.print(_table("Targets", ("figure", "target", "measured", ""), rows))
        for note in self.notes:
            console.print(f"[dim]{note}[/]", soft_wrap=True)

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        targets = [{**asdict(target), "met": target.met} for target in self.targets]
        return {"title": self.title, "raw": self.raw, "targets": targets, "notes": self.notes}


def ratio(one: float | None, other: float | None) -> float | None:
    """How many times `other` goes into `one`; None when that means nothing."""
    return one / other if one is not None and other else None


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(columns):
        left = number == 0 or name == "client"
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.2f}"
