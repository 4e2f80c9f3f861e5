"""One account with a million reservations: does a change, or an export, cost more than in a small account?"""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks import generated
from benchmarks.clients import our_command
from benchmarks.environment import Environment, as_settings
from benchmarks.options import Options
from benchmarks.process import Usage, environment, measure
from benchmarks.report import Result, Spread, Target, ratio
from sync_hostaway.core.db import Connection, connect

_FIRST = 10_000
_COPIES = {"S": 10, "M": 30, "L": 100}
_SHAPE = generated.Shape(listings=1_000, reservations=_FIRST, days=0)
_RESOURCES = ("listings", "reservations")
_DELTAS = 7
_DELTA_GROWTH, _MEMORY_GROWTH = 1.5, 1.1


def run(options: Options) -> list[Result]:
    """Build 10,000 reservations, measure, copy them, and measure again."""
    copies = _COPIES[options.size]
    with Environment() as bed:
        env = environment({"SYNC_HOSTAWAY_HOME": str(bed.scratch / "home"), "WAREHOUSE_URL": bed.database()})
        with as_settings(env), connect() as connection:
            options.say(f"rows: building {_FIRST:,} reservations of one account")
            generated.land(connection, 1, _SHAPE, _RESOURCES)
            generated.transform(connection)
            chosen = generated.choose_reservations(connection)
            connection.execute("vacuum analyze")
            small = _deltas(connection, chosen, 0)
            small_export = _export(env, bed.scratch / "small", bed.scratch)
            options.say(f"rows: copying them to {copies * _FIRST:,}")
            generated.copy_reservations(connection, copies)
            connection.execute("vacuum analyze")
            options.say("rows: ten changed reservations, and an export")
            large = _deltas(connection, chosen, _DELTAS)
            large_export = _export(env, bed.scratch / "large", bed.scratch)
    rows = copies * _FIRST
    result = Result(f"rows: one account, {_FIRST:,} and {rows:,} reservations", ("what", f"{_FIRST:,}", f"{rows:,}"))
    result.rows.append(["ten changed reservations, landing to core, s", small.text(2), large.text(2)])
    result.rows.append(["export of reservations, s", f"{small_export.wall:.1f}", f"{large_export.wall:.1f}"])
    result.rows.append(["export of reservations, peak MB", f"{small_export.rss_mb:.0f}", f"{large_export.rss_mb:.0f}"])
    result.targets += [
        Target("ten changed reservations, growth", _DELTA_GROWTH, ratio(large.median, small.median), unit="x"),
        Target(
            "memory of the export, growth", _MEMORY_GROWTH, ratio(large_export.rss_mb, small_export.rss_mb), unit="x"
        ),
    ]
    result.notes += [f"Failed: {usage.error}" for usage in (small_export, large_export) if usage.error]
    return [result]


def _deltas(connection: Connection, chosen: generated.Chosen, first: int) -> Spread:
    seconds = []
    for number in range(first, first + _DELTAS):
        generated.change_reservations(connection, chosen, number)
        began = time.monotonic()
        generated.transform(connection, marts=False)
        seconds.append(time.monotonic() - began)
    # the first one reads from disk
    return Spread.of(seconds[1:])


def _export(env: dict[str, str], folder: Path, scratch: Path) -> Usage:
    return measure([our_command(), "export", "tables", folder, "--table", "hostaway.reservations"], env, scratch)
