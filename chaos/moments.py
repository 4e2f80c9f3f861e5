"""When a fault strikes: while an operation calls Hostaway, while it commits, or after a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psycopg

from chaos.scene import Process, Scene
from sync_hostaway.core.db import Connection, connect, fetch_value, load_queries

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_EVERY = 0.01
# Seconds that the answer of the call takes at which an operation is held.
_SLOW_CALL = 1.0
# A process that reaches its moment later than that has lost too much time to tell anything.
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Moment:
    """`call 3`: during the third call to Hostaway; `commit 5`: in the fifth commit; `second 1.5`: then."""

    kind: str
    number: float

    def __str__(self) -> str:
        return f"{self.kind} {self.number:g}"

    @contextmanager
    def prepared(self, scene: Scene, *, ddl: bool) -> Iterator[Held]:
        """Make the operation stop at the moment; give a handle to wait for it. Enter it before the operation starts.

        :param ddl: count DDL commands in place of commits: an empty database has no tables.
        """
        if self.kind == "commit":
            with _closing(scene) as connection:
                connection.execute(_QUERIES["install_for_ddl" if ddl else "install"])
                connection.execute(_QUERIES["hold"], {"point": int(self.number)})
                connection.execute(_QUERIES["lock"])
                yield Held(self, scene, connection)
            return
        if self.kind == "call":
            scene.control.fault("slow", after=int(self.number) - 1, times=1, seconds=_SLOW_CALL)
        yield Held(self, scene)


class Held:
    """An operation that stops at a moment."""

    def __init__(self, moment: Moment, scene: Scene, connection: Connection | None = None) -> None:
        self._moment = moment
        self._scene = scene
        self._connection = connection
        self._pid: int | None = None

    def wait(self, process: Process) -> bool:
        """Wait for the moment; returns whether it came before the process ended."""
        began = time.monotonic()
        while not process.has_ended and time.monotonic() < began + _TIMEOUT:
            if self._has_come(began):
                return not process.has_ended
            time.sleep(_EVERY)
        return False

    def _has_come(self, began: float) -> bool:
        if self._connection:
            self._pid = fetch_value(self._connection, _QUERIES["who_waits"])
            return self._pid is not None
        if self._moment.kind == "call":
            return any(fault["applied"] for fault in self._scene.control.faults() if fault.get("kind") == "slow")
        return time.monotonic() >= began + self._moment.number

    def release(self, *, roll_back: bool) -> None:
        """Let the operation continue.

        :param roll_back: end its session first, so that what it was committing is lost. Otherwise it is committed, even
            if the process has been killed.
        """
        if not self._connection:
            return
        with suppress(psycopg.Error):
            if self._pid and roll_back:
                self._connection.execute(_QUERIES["end_session"], {"pid": self._pid})
        # The end of the session releases the lock; that needs no answer of a server that may be suspended.
        self._connection.close()


@contextmanager
def _closing(scene: Scene) -> Iterator[Connection]:
    with scene.settings():
        connection = connect(application="chaos moment")
    try:
        yield connection
    finally:
        connection.close()


def draw(rng: Random, *, calls: int, commits: int, seconds: float) -> Moment:
    """Draw a moment of an operation that makes so many calls and commits, and takes so long."""
    kinds = [*(["call"] if calls else []), *(["commit"] if commits else []), *(["second"] if seconds else [])]
    kind = rng.choice(kinds)
    if kind == "second":
        return Moment(kind, round(rng.uniform(0.5, seconds), 2))
    return Moment(kind, rng.randint(1, calls if kind == "call" else commits))
