"""Rows per second of the landing writer, without HTTP: 20,000 reservations, landed first, again, and all changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

from benchmarks import machine
from benchmarks.environment import ACCOUNT, Environment, Simulator
from benchmarks.options import Options
from benchmarks.report import Result, Spread, Target
from sync_hostaway.core.db import connect
from sync_hostaway.core.resources import Resource
from sync_hostaway.landing.writer import Counts, Fetched, LandingWriter
from sync_hostaway.simulator.config import Sizes

_ROWS = 20_000
_BATCHES = (100, 2_000)
_PHASES = ("first load", "unchanged", "all changed")
# What loaders of this kind reached when the design was chosen, in batches of 2,000.
_PROMISED = 13_000
Payload = dict[str, Any]


@dataclass(frozen=True)
class Landed:
    """One pass over all rows; CPU seconds of this process and of PostgreSQL's, which hold on a busy machine too."""

    batch: int
    phase: str
    rows_per_s: float
    client_cpu: float
    server_cpu: float


def run(options: Options) -> list[Result]:
    """Each batch size into a fresh warehouse: a page of the API lands as one batch."""
    landed: list[Landed] = []
    with (
        Environment() as environment,
        environment.simulator(Sizes(listings=50, reservations=_ROWS, conversations=0)) as simulator,
    ):
        options.say(f"landing: making {_ROWS:,} reservations")
        rows = _reservations(simulator)
        for number in range(options.runs):
            options.say(f"landing, run {number + 1}")
            for batch in _BATCHES:
                landed += _passes(environment, simulator, rows, batch)
    return [_result(landed)]


def _reservations(simulator: Simulator) -> list[Payload]:
    rows: list[Payload] = []
    while len(rows) < _ROWS:
        rows += simulator.control.objects("reservations", ACCOUNT, offset=len(rows), limit=2_000)
    return rows


def _passes(environment: Environment, simulator: Simulator, rows: list[Payload], batch: int) -> Iterator[Landed]:
    warehouse = environment.warehouse(simulator)
    changed = [{**row, "hostNote": "changed", "updatedOn": "2100-01-01 00:00:00"} for row in rows]
    expected = {"first load": "new", "unchanged": "unchanged", "all changed": "changed"}
    for phase in _PHASES:
        counts, wall, client, server = _land(warehouse.dsn, changed if phase == "all changed" else rows, batch)
        if getattr(counts, expected[phase]) != len(rows):
            raise RuntimeError(f"The writer did not do what is measured here: {phase} gave {counts}")
        yield Landed(batch, phase, len(rows) / wall, client, server)
    environment.drop(warehouse.dsn)


def _land(dsn: str, rows: list[Payload], batch: int) -> tuple[Counts, float, float, float]:
    counts = Counts()
    with connect(dsn) as connection:
        server = psutil.Process(connection.info.backend_pid)
        writer = LandingWriter(connection, ACCOUNT, Resource.RESERVATIONS, None)
        began, client_before, server_before = time.monotonic(), time.process_time(), machine.cpu(server)
        for start in range(0, len(rows), batch):
            with connection.transaction():
                counts.add(writer.land([Fetched(rows[start : start + batch], datetime.now(UTC))]))
        wall, client = time.monotonic() - began, time.process_time() - client_before
        return counts, wall, client, machine.cpu(server) - server_before


def _result(landed: list[Landed]) -> Result:
    columns = ("rows per batch", "pass", "rows/s", "client CPU s", "PostgreSQL CPU s")
    result = Result(f"landing: {_ROWS:,} reservations", columns)
    for batch in _BATCHES:
        for phase in _PHASES:
            passes = [item for item in landed if (item.batch, item.phase) == (batch, phase)]
            speed = Spread.of(item.rows_per_s for item in passes)
            client, server = (
                Spread.of(item.client_cpu for item in passes),
                Spread.of(item.server_cpu for item in passes),
            )
            result.rows.append([f"{batch:,}", phase, speed.text(0), client.text(2), server.text(2)])
            if batch == max(_BATCHES):
                result.targets.append(
                    Target(f"{phase}, batches of {batch:,}", _PROMISED, speed.median, True, " rows/s")
                )
    result.raw = [asdict(item) for item in landed]
    return result
