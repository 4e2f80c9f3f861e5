"""Starts PostgreSQL and Airflow's components again when they end, and components that run but do nothing.

Scheduler, Dag processor and triggerer end when their database is away for some seconds. Elsewhere a container runtime
or systemd brings them back; here the keeper does, for as long as the platform is not stopped.

Some never get to their end: a LocalExecutor that shuts down sends one message for each worker it sees alive, and when
a worker has read its message before the others were counted, the last worker waits for one that nobody sends, and the
scheduler for that worker (Airflow 3.3). So the keeper also listens to heartbeats, as a liveness probe does elsewhere.
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

NAME = "keeper"
_LOOK_EVERY = 0.5
_LISTEN_EVERY = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0
# What has lived this long was all right; its next end is a new story. It is also as long as a start may take.
_SETTLED = 60.0
# Airflow itself calls a component unhealthy after 30 s without a heartbeat.
_PATIENCE = 20.0


def keep(home: Home, api: AirflowApi) -> None:
    """Watch the server and the components until told to stop."""
    # Forked from the launcher, which is deaf while it starts things.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    postgres = EmbeddedPostgres(home.root)
    parts: dict[str, tuple[Callable[[], bool], Callable[[], None]]] = {
        "postgres": (lambda: postgres.status().running, lambda: _start_postgres(postgres)),
        **{c.name: (partial(_runs, home, c), partial(_start_component, home, c)) for c in COMPONENTS},
    }
    pauses = dict.fromkeys(parts, _FIRST_PAUSE)
    started = dict.fromkeys(parts, time.monotonic())
    no_output: dict[str, float] = {}
    listened = time.monotonic()
    while True:
        time.sleep(_LOOK_EVERY)
        _reap()
        if time.monotonic() > listened + _LISTEN_EVERY:
            _end_silent(home, api, started, no_output)
            listened = time.monotonic()
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
    # Workers and tasks of a killed scheduler get no more work, and their tasks are done again.
    processes.send(processes.session(home, component.name), signal.SIGKILL)
    start(home, component)


def _start_postgres(postgres: EmbeddedPostgres) -> None:
    try:
        # Every component knows it at this port.
        postgres.start(remembered_port(postgres.home, "postgres"))
    except LocalPlatformError as error:
        # Tried again after a pause.
        sys.stderr.write(f"{error}\n")


def _end_silent(home: Home, api: AirflowApi, started: dict[str, float], no_output: dict[str, float]) -> None:
    """Kill what runs without a heartbeat, with its workers; their tasks are retried.

    Does not help an API server that answers nothing, and kills nobody for a database that is away.

    :param silent: since when each has been silent; kept between calls.
    """
    parts = unhealthy(home, api)
    now = time.monotonic()
    if METADATABASE in parts or API_SERVER.name in parts:
        no_output.clear()
        return
    for component in COMPONENTS:
        name = component.name
        if name.replace("-", "_") not in parts or now < started[name] + _SETTLED:
            no_output.pop(name, None)
        elif now > no_output.setdefault(name, now) + _PATIENCE and running(home, name):
            sys.stderr.write(f"{name} runs, but shows no sign of life; it is killed.\n")
            processes.send(processes.session(home, name), signal.SIGKILL)
            del no_output[name]


def _reap() -> None:
    """Collect children that have ended: a zombie would count as a process that is there."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
