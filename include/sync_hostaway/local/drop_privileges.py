"""Become an unprivileged user, then run a command: a script of its own, because it ends in the command.

    python -I -S drop_privileges.py MODE UID GID DIRECTORY COMMAND…

PostgreSQL refuses to run with effective user id 0. The modes are described in `privileges`. The command runs in
DIRECTORY, entered only after the change: a directory out of reach is found here, not half-way through the command.
Only the standard library is used, so that it starts in some 20 ms.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def account(_: ctypes.CDLL, uid: int, gid: int) -> None:
    """An account of the system, with its own rights only."""
    _become(uid, gid)


def capability(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """An account of the system that may pass through directories of root; kept across exec as an ambient capability."""
    _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl keepcaps")
    _become(uid, gid)
    bit = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Two groups of effective, permitted, inheritable, for capabilities 0 to 31 and 32 to 63.
    data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _checked(libc.capset(header, data), "capset")
    _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0), "prctl ambient")


def namespace(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Root's own files under another user id: a user namespace in which id 0 is called `uid`."""
    _checked(libc.unshare(_CLONE_NEWUSER), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} 0 1")
    Path("/proc/self/gid_map").write_text(f"{gid} 0 1")


def main(arguments: list[str]) -> None:
    """See the module."""
    mode, uid, gid, directory, *command = arguments
    change = {"account": account, "capability": capability, "namespace": namespace}[mode]
    change(ctypes.CDLL(None, use_errno=True), int(uid), int(gid))
    os.chdir(directory)
    os.execv(command[0], command)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main(sys.argv[1:])
