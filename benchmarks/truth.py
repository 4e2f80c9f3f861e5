"""Compares a mirror with what the simulator really holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Stamps = Mapping[int, str | None]


@dataclass(frozen=True)
class Comparison:
    """How a mirrored table differs from the truth.

    missing: ids of the source the mirror lacks; duplicate: rows beyond the first of an id; surplus: ids the source
    does not have; stale: rows that are there in an older version.
    """

    rows: int = 0
    missing: int = 0
    duplicate: int = 0
    surplus: int = 0
    stale: int = 0

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(
            self.rows + other.rows,
            self.missing + other.missing,
            self.duplicate + other.duplicate,
            self.surplus + other.surplus,
            self.stale + other.stale,
        )


def compare(truth: Stamps, mirror: Iterable[tuple[int, str | None]]) -> Comparison:
    """Compare ids, and versions where the truth gives a stamp.

    >>> compare({1: "b", 2: None, 3: None}, [(1, "a"), (2, None), (2, None), (9, None)])
    Comparison(rows=4, missing=1, duplicate=1, surplus=1, stale=1)
    """
    rows = list(mirror)
    seen = Counter(identity for identity, _ in rows)
    newest: dict[int, str | None] = {}
    for identity, stamp in rows:
        newest[identity] = max(newest.get(identity) or "", stamp or "")
    stale = sum(bool(stamp) and identity in newest and newest[identity] != stamp for identity, stamp in truth.items())
    return Comparison(
        rows=len(rows),
        missing=sum(identity not in seen for identity in truth),
        duplicate=len(rows) - len(seen),
        surplus=sum(identity not in truth for identity in seen),
        stale=stale,
    )
