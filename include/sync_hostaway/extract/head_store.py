"""The heads of an account in the database, and whether they can be relied on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.resources import Resource
from sync_hostaway.extract.heads import MESSAGE_LISTS, Head, HeadList, Movement, compare, merged

log = structlog.get_logger(__name__)
QUERIES = load_queries(Path(__file__).with_suffix(".sql"))

# Heads that missed a change are not used for this time; then they are tried again.
_WITHOUT_HEADS = timedelta(days=7)


@dataclass(frozen=True)
class PollState:
    """The state of the polls of an account; see `ops.polls`."""

    method: str = "heads"
    reason: str | None = None
    list_until: datetime | None = None
    missed: int = 0
    stamps_move: bool | None = None
    sort_seen_at: datetime | None = None
    polled_at: datetime | None = None
    listed_at: datetime | None = None
    error: str | None = None

    @property
    def uses_heads(self) -> bool:
        """Whether the heads can be relied on, or are tried again."""
        return self.method == "heads" or self.list_until is None or self.list_until <= datetime.now(UTC)


@dataclass(frozen=True)
class StoredHead:
    """The last read head, and the time of the first one, by Hostaway's clock.

    :param ahead: approximately how far Hostaway's clock is ahead of the database's.
    """

    head: Head
    since: datetime
    ahead: timedelta


class HeadStore:
    """The heads of one account in the database."""

    def __init__(self, connection: Connection, account_id: int) -> None:
        self._connection = connection
        self._params = {"account_id": account_id}
        self._account_id = account_id

    def state(self) -> PollState:
        """The state of the account's polls."""
        row = self._connection.execute(QUERIES["poll_of"], self._params).fetchone()
        return PollState(**row) if row else PollState()

    def load(self) -> dict[HeadList, StoredHead]:
        """The last read heads; without those of an order that was never read."""
        rows = self._connection.execute(QUERIES["heads_of"], self._params)
        return {
            HeadList(row["list"]): StoredHead(
                Head.from_json(row["rows"], row["observed_at"]), row["since"], row["observed_at"] - row["read_at"]
            )
            for row in rows
        }

    def has_conversations(self) -> bool:
        """Whether the conversations were read completely once."""
        return Resource.CONVERSATIONS in self._complete_lists()

    def bases(self) -> dict[HeadList, Head | None]:
        """The heads to compare with, by order: the last read ones.

        Of an order that was never read, it depends on the last complete sync. What it has seen is the base of the first
        head by change; messages have no stamps, so their first head has no base (None). Without a complete sync, an
        order has no entry: the next one will read everything.
        """
        lists, bases = self._complete_lists(), dict[HeadList, Head | None]()
        if Resource.RESERVATIONS in lists:
            watermark = lists[Resource.RESERVATIONS]
            bases[HeadList.CHANGED] = Head((), watermark) if watermark else None
        if Resource.CONVERSATIONS in lists:
            bases |= dict.fromkeys(MESSAGE_LISTS)
        return bases | {which: stored.head for which, stored in self.load().items()}

    def take(self, heads: Mapping[HeadList, Head], *, anyway: bool = False) -> dict[HeadList, Movement]:
        """Replace heads by newer ones, and return the changes in between. Needs an open transaction, in which the
        caller also stores the events of these changes: otherwise a change could be lost.

        A head whose changes were not all read is not replaced.

        :param anyway: replace it in this case, too: the lists are read completely after the new head was.
        """
        self._execute("lock_poll")
        stamps_move, bases = self.state().stamps_move, self.bases()
        movements: dict[HeadList, Movement] = {}
        for which, head in heads.items():
            before = bases.get(which)
            if before and before.observed_at > head.observed_at:
                # Another process has read it since, and has handled the changes.
                movements[which] = Movement()
                continue
            if before:
                movement = compare(which, before, head, stamps_move=stamps_move)
            else:
                movement = Movement(is_whole=which not in bases)
            movements[which] = movement
            if movement.is_whole or anyway:
                kept = merged(before if movement.is_whole else None, head)
                self._execute("put_head", list=which.value, rows=Jsonb(kept.as_json()), observed_at=head.observed_at)
            if movement.stamps_move is not None and stamps_move is not False:
                self._execute("stamps_move", stamps_move=movement.stamps_move)
        return movements

    def use_list(self, reason: str, missed: int = 0) -> None:
        """Do not use the heads for a week: the list is read in their place."""
        self._execute("lock_poll")
        self._execute("use_list", reason=reason, pause=_WITHOUT_HEADS, missed=missed)
        log.warning("heads_not_used", account_id=self._account_id, reason=reason)

    def use_heads(self) -> None:
        """Use the heads again, from their next read on. The lists have to be read after it."""
        self._execute("forget_heads")
        self._execute("use_heads")

    def sort_was_seen(self) -> None:
        """Store that the server uses the requested sort order."""
        self._execute("sort_was_seen")

    def _complete_lists(self) -> dict[Resource, datetime | None]:
        """The lists that were read completely once, with the newest change that was seen, if there was one."""
        rows = self._connection.execute(QUERIES["complete_lists"], self._params)
        return {Resource(row["resource"]): row["watermark"] for row in rows}

    def _execute(self, query: str, **params: Any) -> None:
        self._connection.execute(QUERIES[query], {**self._params, **params})
