"""How PostgreSQL runs when we are root: it refuses to, so somebody else has to be found.

An ordinary user runs it directly. As root, the first of these that works is taken:

1. `account`: the system's `postgres` account, or `nobody`. Enough where that account can reach the state directory
   and the Python environment.
2. `capability`: the same account, allowed to pass through directories of root (/root has mode 0700). Containers
   usually permit it.
3. `namespace`: a user namespace in which our own files belong to a user that is not called root.

What works is tried rather than guessed: containers, kernels and security modules differ too much.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sync_hostaway.local import drop_privileges
from sync_hostaway.local.errors import NoUnprivilegedAccount

_ACCOUNTS = ("postgres", "nobody")
_SCRIPT = str(Path(drop_privileges.__file__).resolve())


@dataclass(frozen=True)
class Runner:
    """A way of running PostgreSQL's programs in a directory."""

    mode: str
    uid: int
    gid: int

    @property
    def owner(self) -> tuple[int, int]:
        """Who must own the data, as seen from here."""
        return (0, 0) if self.mode == "namespace" else (self.uid, self.gid)

    def command(self, directory: Path, program: Path, *arguments: str) -> list[str]:
        """Command line that runs a program in a directory."""
        plain = [str(program), *arguments]
        if self.mode == "direct":
            return plain
        drop = [sys.executable, "-I", "-S", _SCRIPT, self.mode, str(self.uid), str(self.gid), str(directory)]
        return drop + plain


def find_runner(directory: Path, postgres: Path) -> Runner:
    """A way of running PostgreSQL that can reach its directory and its programs.

    The directory is given to the user that will run it.

    :raises NoUnprivilegedAccount: when we are root and none works; names what was tried and two ways out.
    """
    if os.geteuid() != 0:
        return Runner("direct", os.geteuid(), os.getegid())
    tried = []
    for runner in _candidates():
        os.chown(directory, *runner.owner)
        reason = _why_not(runner, directory, postgres)
        if reason is None:
            return runner
        tried.append(f"{runner.mode} ({reason})")
    raise NoUnprivilegedAccount(
        f"PostgreSQL does not run as root, and no other user can reach {directory} and {postgres.parent}. "
        f"Tried: {'; '.join(tried) or 'nothing, the system has no account postgres or nobody'}. Either run as an "
        f"ordinary user, or set SYNC_HOSTAWAY_HOME to a directory that others may pass through (such as /srv), with "
        f"the project there too."
    )


def take_over(directory: Path, runner: Runner) -> None:
    """Give the data to the user that will run it, if another one did before."""
    marker = directory / "data" / "PG_VERSION"
    if runner.mode == "direct" or not marker.exists() or marker.stat().st_uid == runner.owner[0]:
        return
    for path in (directory, *directory.rglob("*")):
        os.chown(path, *runner.owner, follow_symlinks=False)


def _candidates() -> Iterator[Runner]:
    found = None
    for name in _ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        break
    if found:
        yield Runner("account", found.pw_uid, found.pw_gid)
        yield Runner("capability", found.pw_uid, found.pw_gid)
    if sys.platform == "linux":
        yield Runner("namespace", 1000, 1000)


def _why_not(runner: Runner, directory: Path, postgres: Path) -> str | None:
    command = runner.command(directory, postgres, "--version")
    tried = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own programs
    if tried.returncode == 0:
        return None
    return (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
