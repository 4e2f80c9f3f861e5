"""A full build of reservations as Hostaway sends them, and how long it takes to find their guests."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from benchmarks import generated, machine
from benchmarks.environment import ACCOUNT, Environment, Simulator, as_settings
from benchmarks.options import Options
from benchmarks.report import Result, Spread, Target
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.resources import Resource
from sync_hostaway.landing.writer import Fetched, LandingWriter
from sync_hostaway.simulator.config import Sizes
from sync_hostaway.transforms.invocation import ModelRun

_SIZES = Sizes(listings=500, reservations=5_000, conversations=0)
_COPIES = {"S": 2, "M": 6, "L": 20}
_PAGE = 500
_DELTAS = 5
_PROMISED = {"full build": 60.0, "guests, all": 10.0, "guests, ten changed": 0.3}
_GUESTS = "reservation_guests"


def run(options: Options) -> list[Result]:
    """Land the objects of one simulated account, copy them to others, and build everything."""
    copies = _COPIES[options.size]
    reservations = copies * _SIZES.reservations
    with Environment() as bed, bed.simulator(_SIZES) as simulator:
        warehouse = bed.warehouse(simulator)
        with as_settings(warehouse.env), connect() as connection:
            options.say(f"build: landing {reservations:,} reservations")
            _land(connection, simulator)
            generated.copy_accounts(connection, step=1_000, copies=copies, schemas=["landing"])
            chosen = generated.choose_reservations(connection)
            options.say("build: building everything")
            backend = connection.info.backend_pid
            began, cpu = time.monotonic(), machine.server_cpu(backend)
            models = generated.transform(connection).models
            full, cpu = time.monotonic() - began, machine.server_cpu(backend) - cpu
            options.say("build: ten changed reservations")
            deltas: list[ModelRun] = []
            for number in range(_DELTAS):
                generated.change_reservations(connection, chosen, number)
                deltas += generated.transform(connection, marts=False).models
    result = Result(f"build: {reservations:,} reservations of {copies} accounts", ("what", "seconds"))
    result.rows.append(["full build, core and marts", f"{full:.1f}"])
    result.rows.append(["CPU of PostgreSQL in it", f"{cpu:.1f}"])
    slowest = sorted(models, key=lambda model: -model.seconds)[:8]
    result.rows += [[f"  {model.name}", f"{model.seconds:.1f}"] for model in slowest]
    of_guests = Spread.of(model.seconds for model in deltas if model.name == _GUESTS)
    result.rows.append([f"{_GUESTS}, ten changed", of_guests.text(2)])
    all_guests = next((model.seconds for model in models if model.name == _GUESTS), None)
    measured = dict(zip(_PROMISED, (full, all_guests, of_guests.median), strict=True))
    if copies * _SIZES.reservations >= 100_000:
        result.targets += [Target(name, limit, measured[name], unit=" s") for name, limit in _PROMISED.items()]
    result.raw = [{"name": model.name, "seconds": model.seconds, "rows": model.rows} for model in models]
    return [result]


def _land(connection: Connection, simulator: Simulator) -> None:
    for resource in (Resource.LISTINGS, Resource.RESERVATIONS):
        writer = LandingWriter(connection, ACCOUNT, resource, None)
        offset = 0
        while rows := simulator.control.objects(resource.value, ACCOUNT, offset=offset, limit=_PAGE):
            with connection.transaction():
                writer.land([Fetched(rows, datetime.now(UTC))])
            offset += len(rows)
