"""Whether the database carries many accounts, and a large one: four benchmarks, which can be run one at a time, too."""

from __future__ import annotations

from benchmarks import scale_accounts, scale_build, scale_rows, scale_syncs
from benchmarks.options import Options
from benchmarks.report import Result

_PARTS = (scale_build, scale_rows, scale_syncs, scale_accounts)


def run(options: Options) -> list[Result]:
    """Run all parts."""
    return [result for part in _PARTS for result in part.run(options)]
