"""Restarts PostgreSQL and Airflow's components when they end or hang.

Scheduler, Dag processor and triggerer end when their database is unavailable for some seconds. In other deployments, a
container runtime or systemd restarts them. In the embedded platform the supervisor does, until the platform is stopped.

Some components hang at their end. A LocalExecutor that shuts down sends one message for each worker that it sees alive.
If a worker reads its message before the others are counted, the last worker waits for a message that is never sent, and
the scheduler waits for that worker (Airflow 3.3). So the supervisor also checks heartbeats, like a liveness probe.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from sync_hostaway.airflow.client import AirflowApi
from sync_hostaway.core.embedded import remembered_port
from sync_hostaway.core.exceptions import LocalPlatformError
from sync_hostaway.core.home import Home
from sync_hostaway.local import processes
from sync_hostaway.local.component import API_SERVER, COMPONENTS, Component
from sync_hostaway.local.forks import start
from sync_hostaway.local.health import METADATABASE, unhealthy
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.local.processes import running

_POLL_INTERVAL = 0.5
_HEARTBEAT_INTERVAL = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0
# After this time a start counts as successful, and the pause before a restart is reset. A start may take as long.
_SETTLED = 60.0
# Airflow itself calls a component unhealthy after 30 s without a heartbeat.
_TIMEOUT = 20.0


def supervise(home: Home, api: AirflowApi) -> None:
    """Watch the server and the components until SIGTERM."""
    # Forked from the launcher, which ignores signals while it starts processes.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    postgres = EmbeddedPostgres(home.root)
    parts: dict[str, tuple[Callable[[], bool], Callable[[], None]]] = {
        "postgres": (lambda: postgres.status().running, lambda: _start_postgres(postgres)),
        **{c.name: (partial(_runs, home, c), partial(_start_component, home, c)) for c in COMPONENTS},
    }
    pauses = dict.fromkeys(parts, _FIRST_PAUSE)
    started = dict.fromkeys(parts, time.monotonic())
    silent_since: dict[str, float] = {}
    heartbeats_checked = time.monotonic()
    while True:
        time.sleep(_POLL_INTERVAL)
        _reap()
        if time.monotonic() > heartbeats_checked + _HEARTBEAT_INTERVAL:
            _end_silent(home, api, started, silent_since)
            heartbeats_checked = time.monotonic()
        for name, (runs, start_again) in parts.items():
            now = time.monotonic()
            if now < started[name] + pauses[name] or runs():
                continue
            pauses[name] = _FIRST_PAUSE if now > started[name] + _SETTLED else min(2 * pauses[name], _LONGEST_PAUSE)
            sys.stderr.write(f"{name} has ended; starting it again.\n")
            start_again()
            started[name] = now


def _runs(home: Home, component: Component) -> bool:
    return running(home, component.name) is not None


def _start_component(home: Home, component: Component) -> None:
    # Workers of a killed scheduler get no more work, and their tasks are retried.
    processes.send(processes.session(home, component.name), signal.SIGKILL)
    start(home, component)


def _start_postgres(postgres: EmbeddedPostgres) -> None:
    try:
        # The same port, because every component has it in its configuration.
        postgres.start(remembered_port(postgres.home, "postgres"))
    except LocalPlatformError as error:
        # The next try follows after a pause.
        sys.stderr.write(f"{error}\n")


def _end_silent(home: Home, api: AirflowApi, started: dict[str, float], silent_since: dict[str, float]) -> None:
    """Kill components that run without a heartbeat, with their workers. Their tasks are retried.

    It does not detect an API server that does not answer, and kills no component while the database is unavailable.

    :param silent_since: the time of the first check that found each component silent. It is kept between calls.
    """
    parts = unhealthy(home, api)
    now = time.monotonic()
    if METADATABASE in parts or API_SERVER.name in parts:
        silent_since.clear()
        return
    for component in COMPONENTS:
        name = component.name
        if name.replace("-", "_") not in parts or now < started[name] + _SETTLED:
            silent_since.pop(name, None)
        elif now > silent_since.setdefault(name, now) + _TIMEOUT and running(home, name):
            sys.stderr.write(f"{name} runs without a heartbeat; it is killed.\n")
            processes.send(processes.session(home, name), signal.SIGKILL)
            del silent_since[name]


def _reap() -> None:
    """Reap children that have ended, because a zombie would count as a running process."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
