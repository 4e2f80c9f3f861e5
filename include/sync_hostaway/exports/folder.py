"""The folder of an export. It appears when it is complete, and never replaces a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.core.files import make_private


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder to write to. When the block ends, it becomes `folder`; when the block fails, it is removed.

    Only the user can read the folder, because it may contain personal data.

    :raises InvalidValue: when `folder` exists and has files.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidValue(f"{folder} exists. Nothing was written: name a folder that is new or empty")
    make_private(folder.parent)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    try:
        unfinished.mkdir(mode=0o700)
    except FileExistsError:
        raise InvalidValue(
            f"{unfinished} exists: another export to {folder} runs, or one was killed. Wait for it, or remove"
            " that folder"
        ) from None
    try:
        yield unfinished
        # Replaces an empty folder.
        unfinished.replace(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
