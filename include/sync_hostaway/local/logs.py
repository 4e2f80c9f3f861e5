"""The log files of a platform's processes, shown and followed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from sync_hostaway.core.home import Home, tail

_LOOK_EVERY = 0.2


def logged(home: Home) -> list[str]:
    """Return the components that have a log."""
    return sorted(path.stem for path in home.logs.glob("*.log"))


def last_lines(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log, safe to show on a terminal."""
    return [printable(line) for line in tail(path, lines).split("\n")]


class Follower:
    """Reads lines that are added to logs after its creation."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = list(paths)
        # Of each log: which file it was, and how far it has been read.
        self._read = {path: (path.stat().st_ino, path.stat().st_size) for path in self._paths if path.exists()}

    def added(self) -> Iterator[tuple[Path, str]]:
        """Return the complete lines that were added since the last call, safe to show on a terminal."""
        for path in self._paths:
            if not path.exists():
                continue
            with path.open("rb") as file:
                state = os.fstat(file.fileno())
                inode, position = self._read.get(path, (state.st_ino, 0))
                if inode != state.st_ino or state.st_size < position:
                    # A large log was renamed, and a new file was created.
                    position = 0
                file.seek(position)
                complete, newline, _ = file.read().rpartition(b"\n")
            self._read[path] = (state.st_ino, position + len(complete) + len(newline))
            if newline:
                yield from ((path, printable(line)) for line in complete.decode(errors="replace").split("\n"))

    def follow(self) -> Iterator[tuple[Path, str]]:
        """Yield these lines without an end."""
        while True:
            yield from self.added()
            time.sleep(_LOOK_EVERY)


def printable(line: str) -> str:
    """Return a line with escaped control characters."""
    return "".join(
        character if character.isprintable() or character == "\t" else character.encode("unicode_escape").decode()
        for character in line
    )
