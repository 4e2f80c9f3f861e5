"""The bundled simulator as a process of a home. The home stores that it is simulated, so that it never calls Hostaway.

home/simulator.json has the simulator's URL, its sizes and the day of its data. The data is the same at every start, so
that unchanged rows are not written again.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime

import psutil

from sync_hostaway.core.embedded import HOST, stored_simulator
from sync_hostaway.core.exceptions import LocalPlatformError
from sync_hostaway.core.home import Home, open_log, tail, write_json
from sync_hostaway.local import ports, processes
from sync_hostaway.local.echo import Echo, no_output

NAME = "simulator"
ACCOUNTS = {701: "secret-701", 702: "secret-702"}
_TIMEOUT = 30.0
# The simulator does not need these secrets, and other processes of the user can read its environment.
_SECRETS = ("ACCOUNTS", "WAREHOUSE_URL", "SECRET_KEYS")


@dataclass(frozen=True)
class DemoSize:
    """Rows per account that the simulator makes."""

    listings: int = 50
    reservations: int = 1_000
    conversations: int = 1_000


@dataclass(frozen=True)
class SimulatedApi:
    """The simulator of a home, running or not."""

    home: Home
    url: str
    anchor: str
    size: DemoSize

    @classmethod
    def remembered(cls, home: Home) -> SimulatedApi | None:
        """Return the simulator that the accounts of a home come from, or None."""
        stored = stored_simulator(home)
        if not isinstance(stored.get("url"), str):
            return None
        sizes = {f.name: rows for f in fields(DemoSize) if isinstance(rows := stored.get(f.name), int)}
        return cls(home, str(stored["url"]), _anchor(stored), DemoSize(**sizes))

    @classmethod
    def chosen(cls, home: Home, size: DemoSize, echo: Echo = no_output) -> SimulatedApi:
        """Return a new simulator for a home, on a free port."""
        return cls(home, _free_url(home, echo), _anchor(stored_simulator(home)), size)

    @property
    def process_runs(self) -> bool:
        """Whether it runs."""
        return processes.running(self.home, NAME) is not None

    def on_free_port(self, echo: Echo = no_output) -> SimulatedApi:
        """Return the same simulator, on another port if it does not run and its port is in use."""
        return self if self.process_runs else replace(self, url=_free_url(self.home, echo))

    def remember(self) -> None:
        """Store that the accounts of this home come from the simulator."""
        write_json(self.home.simulator, {"url": self.url, "anchor": self.anchor, **asdict(self.size)})

    def start(self) -> None:
        """Start it as a process of the platform, which stops it too. It does nothing if the simulator runs.

        :raises LocalPlatformError: with the end of its log.
        """
        if self.process_runs:
            return
        arguments = {
            "port": self.url.rpartition(":")[2],
            "accounts": ",".join(f"{account}:{secret}" for account, secret in ACCOUNTS.items()),
            "anchor": self.anchor,
            **asdict(self.size),
        }
        options = (text for name, value in arguments.items() for text in (f"--{name}", str(value)))
        command = [sys.executable, "-m", "sync_hostaway.simulator", *options]
        log = open_log(self.home.log(NAME))
        try:
            process = processes.spawn(command, _environment(os.environ, self.home), log)
        finally:
            os.close(log)
        processes.write_record(self.home, NAME, process.pid)
        self._wait_until_it_answers(process)

    def _wait_until_it_answers(self, process: psutil.Process) -> None:
        import requests

        deadline = time.monotonic() + _TIMEOUT
        with requests.Session() as session:
            # Requests to 127.0.0.1 use no proxy.
            session.trust_env = False
            while time.monotonic() < deadline:
                if not processes.is_alive(process):
                    raise LocalPlatformError(f"The simulator ended unexpectedly:\n{tail(self.home.log(NAME))}")
                with suppress(requests.RequestException):
                    if session.get(f"{self.url}/_control/health", timeout=1).ok:
                        return
                time.sleep(0.05)
        raise LocalPlatformError(f"The simulator does not answer at {self.url}:\n{tail(self.home.log(NAME))}")


def _anchor(stored: Mapping[str, object]) -> str:
    with suppress(ValueError):
        return date.fromisoformat(str(stored.get("anchor"))).isoformat()
    return datetime.now(UTC).date().isoformat()


def _free_url(home: Home, echo: Echo) -> str:
    return f"http://{HOST}:{ports.choose(home, NAME, echo)}"


def _environment(caller: Mapping[str, str], home: Home) -> dict[str, str]:
    kept = {name: value for name, value in caller.items() if not name.endswith(_SECRETS)}
    return {**kept, processes.MARKER: str(home.root)}
