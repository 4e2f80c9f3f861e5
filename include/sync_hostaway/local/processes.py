"""Processes of one platform: records that survive a crash, and a way to find processes without a record.

A record has the process id and its start time, so that a reused id is recognised. Each started process has its own
session. Its children stay in that session when they leave the process group or when the parent is killed. Every process
also inherits an environment variable with the home, which finds processes that started a session without a record. The
variable is not enough, because only root can read the environment of Airflow's tasks and their workers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from sync_hostaway.core.home import Home, read_json, write_json

MARKER = "SYNC_HOSTAWAY_PLATFORM"
# psutil calculates start times from the boot time, which changes a little when the clock is set.
_CLOCK_TOLERANCE = 2.0


@dataclass(frozen=True)
class Record:
    """The record of a started process."""

    name: str
    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """Return the process if it still runs and is the recorded one."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if is_alive(process) and self._names(process):
                return process
        return None

    @property
    def session_id(self) -> int | None:
        """The id of the session that the process started, also if the process has ended.

        None after a reboot or in another container, because the number may belong to another session now.
        """
        # Processes of other users may be hidden, so the session cannot be checked.
        with suppress(psutil.Error):
            if psutil.Process(1).create_time() > self.created + _CLOCK_TOLERANCE:
                return None
        with suppress(psutil.NoSuchProcess):
            if not self._names(psutil.Process(self.pid)):
                # The id was reused, so no process of the session was left.
                return None
        return self.pid

    def _names(self, process: psutil.Process) -> bool:
        return abs(process.create_time() - self.created) < _CLOCK_TOLERANCE


class SystemUser(NamedTuple):
    """A user of the operating system with a group, by their numbers."""

    uid: int
    gid: int


def run_as(user: SystemUser | None) -> dict[str, Any]:
    """Return the arguments that make `subprocess` run a program as a user; empty for the current user."""
    return {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}


def spawn(
    command: list[str],
    environment: Mapping[str, str],
    log: int,
    *,
    directory: Path | None = None,
    user: SystemUser | None = None,
) -> psutil.Process:
    """Start a process that outlives this one. It has its own session, so that Ctrl-C does not reach it.

    :param directory: Its working directory, which is entered before the user changes.
    """
    process = subprocess.Popen(  # noqa: S603 - our own programs
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        cwd=directory,
        **run_as(user),
    )
    # `subprocess` need not reap it: `wait_ended` does, if the process ends while this one runs.
    process.returncode = 0
    return psutil.Process(process.pid)


def write_record(home: Home, name: str, pid: int) -> Record:
    """Write the record of a process."""
    record = Record(name, pid, psutil.Process(pid).create_time())
    write_json(home.run / f"{name}.json", {"pid": record.pid, "created": record.created})
    return record


def read_record(home: Home, name: str) -> Record | None:
    """Return the record of a process, whether it runs or not."""
    stored = read_json(home.run / f"{name}.json")
    try:
        return Record(name, int(stored["pid"]), float(stored["created"]))
    except (KeyError, TypeError, ValueError):
        return None


def forget(home: Home, name: str) -> None:
    """Drop the record of a process."""
    (home.run / f"{name}.json").unlink(missing_ok=True)


def running(home: Home, name: str) -> psutil.Process | None:
    """Return the process with that name if it runs."""
    record = read_record(home, name)
    return record.process() if record else None


def session(home: Home, name: str) -> list[psutil.Process]:
    """Return the running processes of the session of that name, with the process itself."""
    record = read_record(home, name)
    ours = record.session_id if record else None
    return _alive(process for process in psutil.process_iter() if ours and _session_of(process) == ours)


def belonging(home: Home) -> list[psutil.Process]:
    """Return every process of the platform of this home, without the current process and its ancestors."""
    me = psutil.Process()
    spared = {me.pid, *(parent.pid for parent in me.parents())}
    records = [read_record(home, file.stem) for file in home.run.glob("*.json")]
    ours = {record.session_id for record in records if record} - {None}
    return _alive(
        process
        for process in psutil.process_iter()
        if process.pid not in spared and (_session_of(process) in ours or _mark_of(process) == str(home.root))
    )


def _session_of(process: psutil.Process) -> int | None:
    with suppress(OSError):
        return os.getsid(process.pid)
    return None


def _mark_of(process: psutil.Process) -> str | None:
    with suppress(psutil.Error, OSError):
        return process.environ().get(MARKER)
    return None


def _alive(some: Iterable[psutil.Process]) -> list[psutil.Process]:
    return [process for process in some if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs. A zombie does not run: in a container without an init, it may not be reaped."""
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each process that still exists."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def wait_ended(processes: Iterable[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Wait until no process runs. Returns those that still run after the timeout."""
    deadline = time.monotonic() + timeout
    left = list(processes)
    while True:
        _reap(left)
        left = _alive(left)
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(0.03)


def end(processes: Iterable[psutil.Process], timeout: float) -> None:
    """Terminate processes, and kill them after the timeout."""
    left = list(processes)
    send(left, signal.SIGTERM)
    left = wait_ended(left, timeout)
    send(left, signal.SIGKILL)
    wait_ended(left, 5.0)


def _reap(processes: Iterable[psutil.Process]) -> None:
    """Reap child processes, so that no zombie is left."""
    for process in processes:
        with suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
