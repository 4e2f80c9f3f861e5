"""Options of the benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sync_hostaway.simulator.config import Sizes

SIZES = {
    "S": Sizes(listings=50, reservations=800, conversations=800),
    "M": Sizes(listings=500, reservations=20_000, conversations=15_000),
    "L": Sizes(listings=2_000, reservations=100_000, conversations=80_000),
}


@dataclass(frozen=True)
class Options:
    """Options of a run.

    runs: how often each figure is measured; ip_limit: calls/seconds of the simulator, "off" for none; say: where
    progress goes.
    """

    runs: int = 1
    size: str = "S"
    ip_limit: str = "off"
    peers: bool = True
    say: Callable[[str], None] = lambda _: None
