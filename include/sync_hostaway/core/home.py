"""The state directory (home): its layout, and how files in it are written.

home/secrets.json     generated once (0600)
     ports.json       ports chosen once
     postgres/data    the cluster
     airflow/         AIRFLOW_HOME
     logs/            one file per process
     run/             process records and locks
     tmp/             TMPDIR of the components, emptied at each start
     dbt/             parsed projects, dbt's log
     .sync-hostaway   marker: sync-hostaway created the entries above
     .airflowignore   Airflow does not search here for Dags, if the home is inside a Dag bundle

A home can be any folder, also one with files of the user. Entries are only removed or emptied if the marker exists. A
folder that has entries of these names and no marker is refused.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync_hostaway.core.exceptions import HomeNotUsable
from sync_hostaway.core.files import make_private

_WAY_OUT = "Set SYNC_HOSTAWAY_HOME to a directory you can write to."
# An empty cluster with its WAL and Airflow's tables takes about 150 MB. With less space, PostgreSQL crashes later.
MIN_FREE_BYTES = 300 * 1024 * 1024
_MARKER = ".sync-hostaway"
_IGNORE = ".airflowignore"
# Entries that exist without a marker: commands create them that use another warehouse.
_UNMARKED = {"dbt": {"logs", "manifests", "target"}}
_ENTRIES = (
    *("airflow", "dbt", "logs", "postgres", "run", "tmp"),
    *("accounts.json", "accounts.json.copy", "ports.json", "secrets.json", "simulator.json", _IGNORE),
)


@dataclass(frozen=True)
class Home:
    """Paths below one state directory. They are absolute and without symbolic links, so that they identify the home."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> Home:
        """Return the home at a path. The path need not exist yet.

        :raises HomeNotUsable: when the path starts with `~user` and there is no such user.
        """
        try:
            return cls(path.expanduser().resolve())
        except (OSError, RuntimeError) as error:
            raise HomeNotUsable(f"The state directory {path} cannot be used: {error}. {_WAY_OUT}") from error

    @property
    def simulator(self) -> Path:
        """File with the state of the home's simulator."""
        return self.root / "simulator.json"

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
        """Create the directories, private to the user.

        :raises HomeNotUsable: when that is not possible, or when the home has entries of these names without a marker.
        """
        try:
            make_private(self.root)
            if not (self.root / _MARKER).exists():
                self._claim()
            for directory in (self.airflow, self.logs, self.run, self.tmp):
                directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            reason = error.strerror
            raise HomeNotUsable(f"The state directory {self.root} cannot be used: {reason}. {_WAY_OUT}") from error

    def _claim(self) -> None:
        """Write the marker, unless the home has entries of other software.

        Homes of versions without a marker are recognised by their secrets. Several processes may do this at the same
        time, because the marker is written before the first entry.
        """
        foreign = [] if self._has_our_secrets() else [name for name in _ENTRIES if self._is_foreign(name)]
        foreign += [path.name for path in self.root.glob("*.py")]
        if foreign and not (self.root / _MARKER).exists():
            raise HomeNotUsable(
                f"The state directory {self.root} cannot be used: sync-hostaway did not create "
                f"{', '.join(sorted(foreign))} in it. Set SYNC_HOSTAWAY_HOME to a folder of its own, such as "
                f"{self.root / 'sync-hostaway'}."
            )
        self._write(_MARKER, "State of sync-hostaway; `sync-hostaway local clean` removes it.\n")
        self._write(_IGNORE, "*\n")

    def _write(self, name: str, text: str) -> None:
        with suppress(FileExistsError), open(self.root / name, "x", opener=_private) as file:
            file.write(text)

    def _has_our_secrets(self) -> bool:
        return {"postgres_password", "hostaway_secret_keys"} <= read_json(self.secrets).keys()

    def _is_foreign(self, name: str) -> bool:
        path = self.root / name
        if name in _UNMARKED and path.is_dir():
            return not {entry.name for entry in path.iterdir()} <= _UNMARKED[name]
        if name.startswith("accounts.json"):
            return os.path.lexists(path) and "accounts" not in read_json(path)
        return os.path.lexists(path)

    def remove(self) -> list[Path]:
        """Remove what sync-hostaway created here. Links are removed, not their targets. The home must not be in use.

        :return: entries that are left, because sync-hostaway did not create them.
        """
        if not (self.root / _MARKER).exists():
            return []
        for name in (*_ENTRIES, _MARKER):
            path = self.root / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        left = sorted(self.root.iterdir())
        if not left:
            self.root.rmdir()
        return left

    def prepare(self) -> None:
        """Create the directories, and check that there is enough free disk space.

        :raises HomeNotUsable: when they cannot be created or the disk is nearly full.
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
        """Hold a lock among all processes that use this home. The kernel releases it when the holder ends."""
        self.make()
        # The file is opened for each use, so that two threads of one process exclude each other too.
        with open(self.run / f"{name}.lock", "w", opener=_private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file; an empty dict when the file is missing or was cut short by a crash."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file atomically. Only its owner can read it, and a reader sees the old or the new content.

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


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def tail(path: Path, lines: int = 20) -> str:
    """Return the last lines of a log file."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64 * 1024))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(empty log)"


def open_log(path: Path, limit: int = 10 * 1024 * 1024) -> int:
    """Return the descriptor of a log file opened for appending. A file over the limit is moved to `<name>.log.1`."""
    if path.exists() and path.stat().st_size > limit:
        path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
