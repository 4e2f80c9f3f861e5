"""The state directory: where everything is, and how files in it are written.

home/secrets.json     generated once (0600)
     ports.json       ports chosen once
     postgres/data    the cluster
     airflow/         AIRFLOW_HOME
     logs/            one file per process
     run/             process records and locks
     tmp/             TMPDIR of the components, emptied at each start
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync_hostaway.local.errors import HomeNotUsable

_WAY_OUT = "Set SYNC_HOSTAWAY_HOME to a directory you can write to."
# An empty cluster with its WAL and Airflow's tables take about 150 MB; less room than this ends in a crash later.
MIN_FREE_BYTES = 300 * 1024 * 1024


@dataclass(frozen=True)
class Home:
    """Paths below one state directory. Absolute and without symbolic links, so that it can name the platform."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> Home:
        """The home at a path, which need not exist yet."""
        return cls(path.expanduser().resolve())

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def airflow(self) -> Path:
        return self.root / "airflow"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    def log(self, name: str) -> Path:
        """Log file of a process."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Make the directories, private to the user.

        :raises HomeNotUsable: when that is not possible.
        """
        try:
            if not self.root.exists():
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.geteuid() == 0:
                # PostgreSQL runs under another account then (see `privileges`), and must pass through; not list.
                self.root.chmod(stat.S_IMODE(self.root.stat().st_mode) | 0o011)
            for directory in (self.airflow, self.logs, self.run, self.tmp):
                directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            reason = error.strerror
            raise HomeNotUsable(f"The state directory {self.root} cannot be used: {reason}. {_WAY_OUT}") from error

    def prepare(self) -> None:
        """Make the directories, and see that there is room for what is about to start.

        :raises HomeNotUsable: when they cannot be made or the disk is nearly full.
        """
        self.make()
        free = shutil.disk_usage(self.root).free
        if free < MIN_FREE_BYTES:
            raise HomeNotUsable(
                f"Only {free // 2**20} MB are free on the disk of {self.root}, {MIN_FREE_BYTES // 2**20} are needed. "
                f"Free some space, or set SYNC_HOSTAWAY_HOME to a directory on another disk."
            )

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold a lock among all processes that use this home. The kernel frees it however the holder ends."""
        self.make()
        # Opened per use, not kept: two threads of one process exclude each other as well.
        with (self.run / f"{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file; empty when there is none or it was cut short by a crash."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file at once, readable for its owner only: a reader sees the old or the new one, never half.

    :raises HomeNotUsable: when it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        full = " (the disk is full)" if error.errno == errno.ENOSPC else ""
        raise HomeNotUsable(f"{path} cannot be written: {error.strerror}{full}. {_WAY_OUT}") from error


def tail(path: Path, lines: int = 20) -> str:
    """Last lines of a log file."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64 * 1024))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(empty log)"


def open_log(path: Path, limit: int = 10 * 1024 * 1024) -> int:
    """Descriptor of a log file to append to. A file over the limit is kept once, as `<name>.log.1`."""
    if path.exists() and path.stat().st_size > limit:
        path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
