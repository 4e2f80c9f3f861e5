"""Folders that only their owner may write to, whatever the umask is."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_private(folder: Path, mode: int = 0o700) -> None:
    """Make a folder, and its missing parents for the user alone. A folder that is there keeps its mode."""
    if not folder.is_dir():
        # `mkdir(parents=True)` gives the mode to the last folder only, and the umask decides on the others.
        make_private(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=mode)
    if not folder.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))


def make_unwritable(folder: Path) -> None:
    """Make a folder that others may read and only the user may write to. One that others may write to is mended."""
    make_private(folder, 0o755)
    state = folder.stat()
    if state.st_uid == os.geteuid() and state.st_mode & _OTHERS_MAY_WRITE:
        folder.chmod(stat.S_IMODE(state.st_mode) & ~_OTHERS_MAY_WRITE)


def forbid_others_to_write() -> int:
    """What the process makes from now on can be written by the user only. The umask before; a stricter one stays."""
    before = os.umask(_OTHERS_MAY_WRITE)
    os.umask(before | _OTHERS_MAY_WRITE)
    return before


@contextmanager
def unwritable_files() -> Iterator[None]:
    """What any thread of the process makes meanwhile can be written by the user only, whatever the umask is."""
    before = forbid_others_to_write()
    try:
        yield
    finally:
        os.umask(before)
