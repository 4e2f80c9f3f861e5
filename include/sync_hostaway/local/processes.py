"""Processes of one platform: records that survive a crash, and a way to find what no record names.

A record holds the process id and its start time, so that an id that was given to something else is recognised.
What was started has a session of its own, which its children keep when they leave its process group, and when it is
killed. Every process also inherits an environment variable that names the home: it finds what began a session without
a record. The environment alone would not do: Airflow hides that of its tasks and of the workers that run them from
everybody but root.
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
# psutil derives start times from the boot time, which moves a little when the clock is set.
_CLOCK_TOLERANCE = 2.0


@dataclass(frozen=True)
class Record:
    """A process that was started."""

    name: str
    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """The process if it still runs and is the one recorded."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if is_alive(process) and self._names(process):
                return process
        return None

    @property
    def session_id(self) -> int | None:
        """Of the session that the process began, also when it has ended itself.

        None after a reboot, or in another container: its number may be that of somebody else's session now.
        """
        # Where others' processes are hidden, nobody can tell.
        with suppress(psutil.Error):
            if psutil.Process(1).create_time() > self.created + _CLOCK_TOLERANCE:
                return None
        with suppress(psutil.NoSuchProcess):
            if not self._names(psutil.Process(self.pid)):
                # The id was given to somebody else: nothing of the session was left by then.
                return None
        return self.pid

    def _names(self, process: psutil.Process) -> bool:
        return abs(process.create_time() - self.created) < _CLOCK_TOLERANCE


class Account(NamedTuple):
    """A user and a group by their numbers."""

    uid: int
    gid: int


def become(account: Account | None) -> dict[str, Any]:
    """What makes `subprocess` run a program as an account, with no group but its own; nothing for our own."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def spawn(
    command: list[str],
    environment: Mapping[str, str],
    log: int,
    *,
    directory: Path | None = None,
    account: Account | None = None,
) -> psutil.Process:
    """Start a process that outlives us: in a session of its own, so that Ctrl-C in our terminal is not its concern.

    :param directory: Where it runs; entered before the account is changed.
    """
    process = subprocess.Popen(  # noqa: S603 - our own programs
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        cwd=directory,
        **become(account),
    )
    # For `subprocess` it is over: `wait_gone` collects it, when it ends while we run.
    process.returncode = 0
    return psutil.Process(process.pid)


def write_record(home: Home, name: str, pid: int) -> Record:
    """Remember a process."""
    record = Record(name, pid, psutil.Process(pid).create_time())
    write_json(home.run / f"{name}.json", {"pid": record.pid, "created": record.created})
    return record


def read_record(home: Home, name: str) -> Record | None:
    """What is remembered of a process, running or not."""
    stored = read_json(home.run / f"{name}.json")
    try:
        return Record(name, int(stored["pid"]), float(stored["created"]))
    except (KeyError, TypeError, ValueError):
        return None


def forget(home: Home, name: str) -> None:
    """Drop the record of a process."""
    (home.run / f"{name}.json").unlink(missing_ok=True)


def running(home: Home, name: str) -> psutil.Process | None:
    """The process under that name if it runs."""
    record = read_record(home, name)
    return record.process() if record else None


def session(home: Home, name: str) -> list[psutil.Process]:
    """What runs of the session that the process under that name began, that process included."""
    record = read_record(home, name)
    ours = record.session_id if record else None
    return _alive(process for process in psutil.process_iter() if ours and _session_of(process) == ours)


def belonging(home: Home) -> list[psutil.Process]:
    """Every process that belongs to the platform of this home, but not the one that asks nor its ancestors."""
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
    """Whether a process runs. A zombie does not: nobody may have waited for it yet (a container without an init)."""
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def wait_gone(processes: Iterable[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Wait until none of them runs; those that still do at the end are returned."""
    deadline = time.monotonic() + timeout
    left = list(processes)
    while True:
        _reap(left)
        left = _alive(left)
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(0.03)


def end(processes: Iterable[psutil.Process], timeout: float) -> None:
    """Ask them to end, and make them after the timeout."""
    left = list(processes)
    send(left, signal.SIGTERM)
    left = wait_gone(left, timeout)
    send(left, signal.SIGKILL)
    wait_gone(left, 5.0)


def _reap(processes: Iterable[psutil.Process]) -> None:
    """Collect our own children, so that no zombie is left behind."""
    for process in processes:
        with suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
