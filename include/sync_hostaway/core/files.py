"""Folders that only their owner may write to, with every umask."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_private(folder: Path, mode: int = 0o700) -> None:
    """Create a folder and its missing parents, private to the user. An existing folder keeps its mode."""
    if not folder.is_dir():
        # `mkdir(parents=True)` gives the mode to the last folder only, and the umask decides on the others.
        make_private(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=mode)
    if not folder.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))


def make_unwritable(folder: Path) -> None:
    """Create a folder that only the user may write to and others may read. The mode of an existing folder is fixed."""
    make_private(folder, 0o755)
    state = folder.stat()
    if state.st_uid == os.geteuid() and state.st_mode & _OTHERS_MAY_WRITE:
        folder.chmod(stat.S_IMODE(state.st_mode) & ~_OTHERS_MAY_WRITE)


def forbid_others_to_write() -> int:
    """Set the umask so that only the user can write new files. A stricter umask stays. Returns the previous umask."""
    before = os.umask(_OTHERS_MAY_WRITE)
    os.umask(before | _OTHERS_MAY_WRITE)
    return before


def keep_owner_rights() -> None:
    """Remove the user's own rights from the umask: with 0777, the user cannot read files that were just written."""
    os.umask(os.umask(stat.S_IRWXG | stat.S_IRWXO) & (stat.S_IRWXG | stat.S_IRWXO))


@contextmanager
def unwritable_files() -> Iterator[None]:
    """While the block runs, only the user can write files that any thread of the process creates."""
    before = forbid_others_to_write()
    try:
        yield
    finally:
        os.umask(before)
