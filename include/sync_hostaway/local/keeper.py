"""Starts Airflow's components again when they end by themselves.

Scheduler, Dag processor and triggerer end when their database is away for some seconds. Elsewhere a container runtime
or systemd brings them back; here the keeper does, for as long as the platform is not stopped.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

from sync_hostaway.local.component import COMPONENTS
from sync_hostaway.local.forks import start
from sync_hostaway.local.home import Home
from sync_hostaway.local.processes import running

NAME = "keeper"
_LOOK_EVERY = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0
# What has lived this long was all right; its next end is a new story.
_SETTLED = 60.0


def keep(home: Home) -> None:
    """Watch the components until told to stop."""
    # Forked from the launcher, which is deaf while it starts things.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pauses = {component.name: _FIRST_PAUSE for component in COMPONENTS}
    started = {component.name: time.monotonic() for component in COMPONENTS}
    while True:
        time.sleep(_LOOK_EVERY)
        _reap()
        for component in COMPONENTS:
            name, now = component.name, time.monotonic()
            if running(home, name) or now < started[name] + pauses[name]:
                continue
            pauses[name] = _FIRST_PAUSE if now > started[name] + _SETTLED else min(2 * pauses[name], _LONGEST_PAUSE)
            sys.stderr.write(f"{name} has ended; starting it again.\n")
            start(home, component)
            started[name] = now


def _reap() -> None:
    """Collect children that have ended: a zombie would count as a process that is there."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
