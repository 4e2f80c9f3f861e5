"""The table of a run: per fault how often, what was wrong, and how long the recovery took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from rich.table import Table

from chaos.rounds import Outcome

COLUMNS = (
    "part",
    "fault",
    "times",
    "while it ran",
    "lost",
    "duplicate",
    "foreign",
    "double sends",
    "other",
    "seconds to recover",
)
_OTHER = ("false_success", "kept", "leaked")


def rows(outcomes: Iterable[Outcome]) -> list[list[str]]:
    """One row per fault, and one of all."""
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    everything = list(outcomes)
    for outcome in everything:
        groups[outcome.part, outcome.fault].append(outcome)
    found = [[*key, *_figures(some)] for key, some in sorted(groups.items())]
    return [*found, ["all", "", *_figures(everything)]]


def _figures(outcomes: Sequence[Outcome]) -> list[str]:
    def total(*names: str) -> int:
        return sum(outcome.findings.get(name, 0) for outcome in outcomes for name in names)

    failures = sum(outcome.failure is not None for outcome in outcomes)
    slowest = max((outcome.recovered for outcome in outcomes), default=0.0)
    return [
        str(len(outcomes)),
        str(sum(outcome.struck for outcome in outcomes)),
        *(str(total(name)) for name in ("lost", "duplicate", "foreign", "double_sends")),
        str(total(*_OTHER) + failures),
        f"{slowest:.1f}",
    ]


def table(outcomes: Iterable[Outcome], title: str) -> Table:
    """For a terminal."""
    shown = Table(title=title, title_justify="left")
    for number, name in enumerate(COLUMNS):
        shown.add_column(name, justify="left" if number < 2 else "right")
    for row in rows(outcomes):
        shown.add_row(*row)
    return shown


def markdown(outcomes: Iterable[Outcome]) -> str:
    """For docs/chaos.md."""
    lines = [COLUMNS, ["---", "---", *["--:"] * (len(COLUMNS) - 2)], *rows(outcomes)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
