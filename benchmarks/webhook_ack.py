"""Latency and throughput of webhook deliveries, in a real Airflow that processes the events at the same time."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import aiohttp

from benchmarks.clients import our_command
from benchmarks.environment import ACCOUNT, as_settings
from benchmarks.options import Options
from benchmarks.process import environment
from benchmarks.report import Result, Target
from sync_hostaway.accounts.webhook_endpoints import ensure_endpoint, password_for
from sync_hostaway.core.db import connect
from sync_hostaway.core.home import Home
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local import ports
from sync_hostaway.simulator.control.client import SimulatorControl

_RATE, _SECONDS = 50, 60
_CLIENTS, _FLOOD_SECONDS = 16, 15
_SMALL = ["--listings", "5", "--reservations", "50", "--conversations", "10"]
# Measured from the moment a delivery should have been sent: one that waits behind others counts its wait.
_PROMISED_MS = 100


@dataclass(frozen=True)
class Address:
    """Where to deliver, with which header, and bodies as Hostaway would send them."""

    url: str
    authorization: str
    bodies: Iterator[bytes]


@dataclass(frozen=True)
class Acknowledged:
    """Milliseconds until each answer, the statuses other than 200, and deliveries per second."""

    milliseconds: list[float]
    refused: int
    per_second: float

    def percentile(self, share: float) -> float:
        """The time in which that share of the deliveries was answered."""
        return sorted(self.milliseconds)[min(int(len(self.milliseconds) * share), len(self.milliseconds) - 1)]


def run(options: Options) -> list[Result]:
    """A small demo stays running and is delivered to: evenly for a minute, then as fast as it takes them."""
    with _demo(options) as address:
        options.say(f"webhook_ack: {_RATE} deliveries a second for {_SECONDS} s")
        even = asyncio.run(_evenly(address))
        options.say(f"webhook_ack: {_CLIENTS} clients for {_FLOOD_SECONDS} s")
        flood = asyncio.run(_flood(address))
    return [_result(even, flood)]


@contextmanager
def _demo(options: Options) -> Iterator[Address]:
    home = Path(tempfile.mkdtemp(prefix="sync-hostaway-ack-"))
    port = ports.choose(Home.at(home), "airflow")
    env = environment({"SYNC_HOSTAWAY_HOME": str(home), "AIRFLOW_PORT": str(port)})
    command = str(our_command())
    try:
        options.say("webhook_ack: starting a platform")
        demo = subprocess.run(  # noqa: S603 - our own program
            [command, "demo", "--keep", *_SMALL], env=env, capture_output=True, text=True, check=False
        )
        if demo.returncode:
            raise RuntimeError(f"The demo failed: {demo.stdout[-400:]}{demo.stderr[-400:]}")
        with as_settings(env):
            yield _address()
    finally:
        subprocess.run([command, "local", "stop"], env=env, capture_output=True, check=False)  # noqa: S603 - our own program
        shutil.rmtree(home, ignore_errors=True)


def _address() -> Address:
    with connect() as connection:
        endpoint = ensure_endpoint(connection, ACCOUNT)
        password = password_for(connection, endpoint)
    with SimulatorControl(get_settings().hostaway_url) as control:
        reservations = control.objects("reservations", ACCOUNT)

    def bodies() -> Iterator[bytes]:
        for number in count():
            data = {**reservations[number % len(reservations)], "hostNote": f"delivery {number}"}
            body = {"object": "reservation", "event": "reservation.updated", "accountId": ACCOUNT, "data": data}
            yield json.dumps(body).encode()

    return Address(str(endpoint.url), aiohttp.encode_basic_auth(endpoint.login, password), bodies())


async def _evenly(address: Address) -> Acknowledged:
    milliseconds: list[float] = []
    refused = 0

    async def one(session: aiohttp.ClientSession, due: float) -> None:
        nonlocal refused
        refused += await _deliver(session, address) != 200
        milliseconds.append(1000 * (time.monotonic() - due))

    async with _session(address) as session:
        began, sent = time.monotonic(), []
        for number in range(_RATE * _SECONDS):
            due = began + number / _RATE
            await asyncio.sleep(max(due - time.monotonic(), 0))
            sent.append(asyncio.create_task(one(session, due)))
        await asyncio.gather(*sent)
    return Acknowledged(milliseconds, refused, len(sent) / (time.monotonic() - began))


async def _flood(address: Address) -> Acknowledged:
    milliseconds: list[float] = []
    refused = 0
    began = time.monotonic()

    async def client(session: aiohttp.ClientSession) -> None:
        nonlocal refused
        while (sent := time.monotonic()) < began + _FLOOD_SECONDS:
            refused += await _deliver(session, address) != 200
            milliseconds.append(1000 * (time.monotonic() - sent))

    async with _session(address) as session:
        await asyncio.gather(*(client(session) for _ in range(_CLIENTS)))
    return Acknowledged(milliseconds, refused, len(milliseconds) / (time.monotonic() - began))


def _session(address: Address) -> aiohttp.ClientSession:
    headers = {"Authorization": address.authorization, "Content-Type": "application/json"}
    return aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=200))


async def _deliver(session: aiohttp.ClientSession, address: Address) -> int:
    async with session.post(address.url, data=next(address.bodies)) as answer:
        await answer.read()
        return answer.status


def _result(even: Acknowledged, flood: Acknowledged) -> Result:
    result = Result(
        "webhook_ack: deliveries to Airflow's API server, while hostaway_delta serves them",
        ("deliveries", "per second", "p50 ms", "p95 ms", "p99 ms", "not taken"),
    )
    for name, figures in ((f"{_RATE}/s for {_SECONDS} s", even), (f"{_CLIENTS} clients at once", flood)):
        shares = [f"{figures.percentile(share):,.1f}" for share in (0.5, 0.95, 0.99)]
        result.rows.append([name, f"{figures.per_second:,.0f}", *shares, str(figures.refused)])
    result.targets = [
        Target(f"p99 at {_RATE}/s", _PROMISED_MS, even.percentile(0.99), unit=" ms"),
        Target("deliveries not taken", 0, float(even.refused + flood.refused)),
    ]
    result.raw = [{"name": name, **asdict(figures)} for name, figures in (("even", even), ("flood", flood))]
    result.notes.append("The simulator runs on this machine too.")
    return result
