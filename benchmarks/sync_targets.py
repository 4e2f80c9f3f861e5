"""What was promised about a sync, computed from what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.report import Target, ratio

OURS = "sync-hostaway"
PAGE = 100
Medians = Mapping[tuple[str, str, str], float | None]
_FEWER_CALLS = {"S": 20.0, "M": 100.0, "L": 100.0}


@dataclass
class Census:
    """Sizes of the source that call budgets depend on."""

    counts: dict[str, int | None] = field(default_factory=dict)
    conversations_read: int = 0
    changed_reservations: int = 0
    changed_conversations: int = 0
    due_calendars: int = 0

    def pages(self, resource: str) -> int:
        """Pages of the documented 100 rows."""
        return math.ceil((self.counts.get(resource) or 0) / PAGE)


def targets(medians: Medians, peer: str, census: Census, size: str) -> list[Target]:
    """The promises that apply to this peer's resources."""
    with_calendar = peer == "omniload"
    parents = (census.counts.get("listings") or 0) if with_calendar else census.conversations_read
    pages = sum(census.pages(name) for name in ("listings", "reservations", "conversations"))
    idle = medians["nothing changed", OURS, "calls"]
    changes = census.due_calendars if with_calendar else census.changed_conversations
    changes += math.ceil(census.changed_reservations / PAGE)
    found = [
        Target(
            "calls of a full sync: pages + "
            + ("calendars" if with_calendar else "conversations with messages")
            + " + 3",
            pages + parents + 3,
            medians["full", OURS, "calls"],
        ),
        Target(
            "calls of a sync after 1 % changed: 1.1 x (idle + changed pages and "
            + ("due calendars)" if with_calendar else "conversations)"),
            1.1 * ((idle or 0) + changes),
            medians["1 % changed", OURS, "calls"],
        ),
        Target("peak memory, full", 200, medians["full", OURS, "rss"], unit=" MB"),
        *(
            Target(f"missing, duplicate and stale rows, {scenario}", 0, medians[scenario, OURS, "lost"])
            for scenario in ("full", "nothing changed", "1 % changed", "drift")
        ),
    ]
    return found if with_calendar else [*_against_dlt(medians, peer, size), *found]


def _against_dlt(medians: Medians, peer: str, size: str) -> list[Target]:
    def times(scenario: str, figure: str, *, fewer: bool) -> float | None:
        ours, theirs = medians[scenario, OURS, figure], medians[scenario, peer, figure]
        return ratio(theirs, ours) if fewer else ratio(ours, theirs)

    return [
        Target(
            "nothing changed: times fewer calls than dlt",
            _FEWER_CALLS[size],
            times("nothing changed", "calls", fewer=True),
            at_least=True,
            unit="x",
        ),
        Target("full: rows/s of dlt", 2, times("full", "rows_per_s", fewer=False), at_least=True, unit="x"),
        Target("full: client CPU of dlt", 0.5, times("full", "cpu", fewer=False), unit="x"),
    ]
