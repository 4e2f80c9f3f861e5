"""Changes at the simulated Hostaway, and a look at the core tables until each of them has arrived."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import NamedTuple

import psycopg

from benchmarks.mirrored import MirroredPlatform
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.exceptions import WarehouseUnavailable

_SEEN = """
select account_id, reservation_id as id, host_note as mark from hostaway.reservations
where (account_id, reservation_id) in (select * from unnest(%(accounts)s::bigint[], %(ids)s::bigint[]))
union all
select account_id, message_id, body from hostaway.messages
where (account_id, message_id) in (select * from unnest(%(accounts)s::bigint[], %(ids)s::bigint[]))
"""


class Arrival(NamedTuple):
    """A change that has arrived: when it was made and when it was seen, in seconds of the monotonic clock."""

    made: float
    seen: float


class Watcher:
    """Looks at the core tables, by key, until every change that was made is there; waits for a warehouse that is away.

    :param every: Seconds between two looks.
    """

    def __init__(self, every: float = 0.02) -> None:
        self._every = every
        self._awaited: dict[tuple[int, int], tuple[str, float]] = {}
        self._arrived: list[Arrival] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def expect(self, account_id: int, identity: int, mark: str, made: float) -> None:
        """Wait for a row to have a mark."""
        self._awaited[account_id, identity] = (mark, made)

    def collect(self, timeout: float = 120.0) -> list[Arrival]:
        """Wait until all changes have arrived. Changes that do not arrive within `timeout` seconds are left out."""
        deadline = time.monotonic() + timeout
        while self._awaited and time.monotonic() < deadline:
            time.sleep(0.05)
        self._awaited.clear()
        found, self._arrived = self._arrived, []
        return found

    def _look(self) -> None:
        while not self._ended.wait(self._every):
            with suppress(psycopg.OperationalError, WarehouseUnavailable), connect() as connection:
                while not self._ended.wait(self._every):
                    self._look_once(connection)

    def _look_once(self, connection: Connection) -> None:
        keys = list(self._awaited)
        if not keys:
            return
        params = {"accounts": [key[0] for key in keys], "ids": [key[1] for key in keys]}
        for row in connection.execute(_SEEN, params):
            key = (row["account_id"], row["id"])
            mark, made = self._awaited.get(key, ("", 0.0))
            if mark and row["mark"] == mark:
                del self._awaited[key]
                self._arrived.append(Arrival(made, time.monotonic()))


class Source:
    """Changes things at the simulated Hostaway: three reservations, then a message of a guest."""

    def __init__(self, platform: MirroredPlatform, watcher: Watcher) -> None:
        self._control = platform.simulator.control
        self._watcher = watcher
        self._ids: dict[int, dict[str, list[int]]] = {}
        self._numbers = count(1)
        self._places: dict[int, Iterator[int]] = defaultdict(lambda: count(1))

    def change(self, account_id: int) -> None:
        """Make a change, which is delivered at once."""
        if account_id not in self._ids:
            self._ids[account_id] = self._control.truth(account_id)["ids"]
        ids, mark = self._ids[account_id], f"change {next(self._numbers)}"
        # Another object each time: of two changes of one, only the later can be seen to arrive.
        place = next(self._places[account_id])
        made = time.monotonic()
        if place % 4:
            reservation_id = ids["reservations"][place * 37 % len(ids["reservations"])]
            self._watcher.expect(account_id, reservation_id, mark, made)
            self._control.patch("reservations", reservation_id, {"hostNote": mark}, account_id=account_id)
        else:
            conversation = ids["conversations"][place * 37 % len(ids["conversations"])]
            fields = {"conversationId": conversation, "body": mark}
            message = self._control.create("messages", fields, account_id=account_id)
            self._watcher.expect(account_id, message["id"], mark, made)
