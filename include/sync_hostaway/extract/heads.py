"""The heads of an account's reservations: what changed, and where messages came and went, for three calls.

Three orders of the list of reservations are read from their front: by last change, by last message received, by last
message sent. A head that is compared with the one seen before tells what has moved since.

    by change     rows carry `updatedOn`: all above the newest stamp seen before have moved
    by message    rows carry no stamp of their messages: what stands above the first row that has not moved, has moved

What no head can show is found by the next complete list: a reservation that is deleted, a message that is scheduled,
edited or removed, a message that comes with an old date, and a second message to the front row where a message does not
move the stamps of its reservation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import HostawayClient, Params
from sync_hostaway.hostaway.pagination import Page, id_of, read_page
from sync_hostaway.hostaway.values import as_timestamp

# A page without movement is the rule: few rows are enough to see that.
_FIRST_PAGE, _NEXT_PAGES = 20, 100
_MOST_ROWS = 520
# Kept beyond the first page: what slides up where rows above were deleted is known then.
_KEPT_ROWS = 60
# Stamps have whole seconds, and so has the server's clock: what changed just before a head was read may change again
# within its second.
_UNSETTLED = timedelta(seconds=2)


class HeadList(StrEnum):
    """The orders whose heads are read."""

    CHANGED = "changed"
    RECEIVED = "received"
    SENT = "sent"


MESSAGE_LISTS = (HeadList.RECEIVED, HeadList.SENT)
_SORT: Mapping[HeadList, Params] = {
    # the default order of the list: newest change first
    HeadList.CHANGED: {},
    HeadList.RECEIVED: {"sortOrder": "lastConversationMessageReceivedDesc"},
    HeadList.SENT: {"sortOrder": "lastConversationMessageSentDesc"},
}
_OLDEST_FIRST: Params = {"sortOrder": "lastConversationMessageReceived"}


@dataclass(frozen=True)
class HeadRow:
    """A row of a head: its id, and its stamps as Hostaway writes them."""

    id: int
    updated_on: str | None = None
    activity_on: str | None = None

    @classmethod
    def of(cls, row: Any) -> HeadRow | None:
        """Of a reservation as it was received; None when its id cannot be read."""
        identity = id_of(row)
        if identity is None:
            return None
        stamps = (row.get(name) for name in ("updatedOn", "latestActivityOn"))
        return cls(identity, *(stamp if isinstance(stamp, str) else None for stamp in stamps))

    @property
    def stamps(self) -> tuple[str | None, str | None]:
        """What changes when the row does."""
        return self.updated_on, self.activity_on


@dataclass(frozen=True)
class Head:
    """The front of a list at a moment.

    :param observed_at: Hostaway's clock when its first page was read.
    :param is_all: whether the list holds no other rows.
    """

    rows: tuple[HeadRow, ...]
    observed_at: datetime
    is_all: bool = False

    def as_json(self) -> list[list[int | str | None]]:
        """As `ops.heads` keeps it."""
        return [[row.id, row.updated_on, row.activity_on] for row in self.rows[:_KEPT_ROWS]]

    @classmethod
    def from_json(cls, rows: Iterable[Sequence[Any]], observed_at: datetime) -> Head:
        """As `as_json` wrote it."""
        return cls(tuple(HeadRow(*row) for row in rows), observed_at)

    def may_change_again(self, stamp: datetime | None) -> bool:
        """Whether what was stamped so could change again under the same stamp after this head was read."""
        return stamp is not None and abs(stamp - self.observed_at) <= _UNSETTLED


@dataclass(frozen=True)
class Movement:
    """What a head shows that the one before did not.

    :param moved: reservations, newest first.
    :param is_whole: whether all that moved was read; False after very many changes, or where no known row came.
    :param stamps_move: whether the rows with a new message have new stamps, too; None when no row tells.
    """

    moved: tuple[HeadRow, ...] = ()
    is_whole: bool = True
    stamps_move: bool | None = None


def compare(which: HeadList, before: Head, now: Head, *, stamps_move: bool | None = None) -> Movement:
    """What has moved between two heads of a list.

    :param stamps_move: whether messages are known to move the stamps of their reservation: rows that change places
        with equal stamps are ties then.
    """
    if which is HeadList.CHANGED:
        return _changed(before, now)
    return _with_messages(before, now, stamps_move=stamps_move)


def merged(before: Head | None, now: Head) -> Head:
    """The head to keep: what was read, and behind it what stood behind it before. A short answer loses nothing."""
    if before is None:
        return now
    new, known = {row.id for row in now.rows}, [row.id for row in before.rows]
    last = max((known.index(row.id) for row in now.rows if row.id in known), default=len(known))
    rest = [row for row in before.rows[last + 1 :] if row.id not in new]
    return Head((now.rows + tuple(rest))[:_KEPT_ROWS], now.observed_at)


def _changed(before: Head, now: Head) -> Movement:
    known = {(row.id, row.updated_on) for row in before.rows}
    stamps = [stamp for row in before.rows if (stamp := as_timestamp(row.updated_on))]
    oldest = min(stamps, default=None)
    # Every later change is stamped after it: nothing changes in the past.
    bound = min(max(stamps), before.observed_at - _UNSETTLED) if stamps else None
    moved: list[HeadRow] = []
    is_whole = now.is_all or not before.rows
    for row in now.rows:
        stamp = as_timestamp(row.updated_on)
        if (row.id, row.updated_on) in known:
            has_moved = before.may_change_again(stamp)
        else:
            # What is not younger than all that was known has slid up.
            has_moved = stamp is None or oldest is None or stamp > oldest
        if has_moved:
            moved.append(row)
        is_whole = is_whole or (stamp is not None and bound is not None and stamp <= bound)
    return Movement(tuple(moved), is_whole)


def _with_messages(before: Head, now: Head, *, stamps_move: bool | None) -> Movement:
    """What moved in a list by message.

    Its fixed points are the rows with the stamps of before that kept their order among each other: a message puts its
    row above all of them.
    """
    known = {row.id: row for row in before.rows}
    places = {row.id: place for place, row in enumerate(before.rows)}

    def is_same(row: HeadRow) -> bool:
        may_change_again = before.may_change_again(as_timestamp(row.activity_on))
        return row.id in known and row.stamps == known[row.id].stamps and not may_change_again

    is_fixed = _in_every_order([places[row.id] if is_same(row) else None for row in now.rows])
    fixed = [place for place, row_is_fixed in enumerate(is_fixed) if row_is_fixed]
    moved: list[HeadRow] = []
    evidence: list[bool] = []
    for place, row in enumerate(now.rows):
        if not fixed:
            has_moved = True
        elif row.id not in known:
            # Below the last fixed point, it has slid up.
            has_moved = place < fixed[-1]
            if has_moved:
                activity = as_timestamp(row.activity_on)
                evidence.append(activity is not None and activity >= before.observed_at - _UNSETTLED)
        elif is_same(row):
            # Rows that change places, though a message would have moved their stamps, are ties.
            has_moved = not is_fixed[place] and not stamps_move
        else:
            # Its stamps may tell of another change: then it stands where it stood.
            is_in_place = all((other < place) == (places[now.rows[other].id] < places[row.id]) for other in fixed)
            has_moved = place < fixed[0] or not is_in_place
        if has_moved:
            moved.append(row)
    is_whole = now.is_all or not before.rows or bool(fixed)
    return Movement(tuple(moved), is_whole, all(evidence) if evidence else None)


def _in_every_order(places: Sequence[int | None]) -> list[bool]:
    """Which rows have not moved for sure: those that belong to each longest row of places in their former order."""
    ending, beginning = _longest(places), _longest([None if p is None else -p for p in reversed(places)])[::-1]
    whole = max(ending, default=0)
    on_one = [end + begin - 1 == whole and end > 0 for end, begin in zip(ending, beginning, strict=True)]
    advisory_lock = [ending[place] for place, is_on in enumerate(on_one) if is_on]
    return [is_on and advisory_lock.count(ending[place]) == 1 for place, is_on in enumerate(on_one)]


def _longest(places: Sequence[int | None]) -> list[int]:
    """For each place, how long the longest ascending row is that ends there; 0 for a row that was not known."""
    lengths: list[int] = []
    for number, place in enumerate(places):
        if place is None:
            lengths.append(0)
            continue
        before = (lengths[k] for k in range(number) if (other := places[k]) is not None and other < place)
        lengths.append(1 + max(before, default=0))
    return lengths


@dataclass
class HeadReader:
    """Reads heads of one account. Compares nothing: see `compare`."""

    client: HostawayClient
    pages: dict[HeadList, list[Page]] = field(default_factory=dict)

    def read(self, which: HeadList, before: Head | None) -> Head:
        """Read a head down to a row that has not moved; without a head before it, its first page.

        :raises HostawayError: when Hostaway does not answer as it should.
        """
        rows: list[HeadRow] = []
        observed_at: datetime | None = None
        for page in self._pages(which):
            observed_at = observed_at or page.served_at
            known = {row.id for row in rows}
            fresh = [row for raw in page.rows if (row := HeadRow.of(raw)) and row.id not in known]
            rows += fresh
            head = Head(tuple(rows), observed_at, is_all=page.count is not None and len(rows) >= page.count)
            if before is None or not fresh or len(rows) >= _MOST_ROWS or compare(which, before, head).is_whole:
                return head
        raise AssertionError("unreachable: pages end with one that brings nothing")

    def ignores_sort(self) -> bool:
        """Whether the list comes in the same order though the opposite one is asked for: one call."""
        params: Params = {**_OLDEST_FIRST, "limit": _FIRST_PAGE}
        oldest_first = read_page(self.client, endpoints.RESERVATIONS, params, "reservations")
        newest_first = self.pages[HeadList.RECEIVED][0]
        return [id_of(row) for row in oldest_first.rows] == [id_of(row) for row in newest_first.rows]

    def _pages(self, which: HeadList) -> Iterator[Page]:
        cursor: Params = {"limit": _FIRST_PAGE}
        read = 0
        while True:
            page = read_page(self.client, endpoints.RESERVATIONS, {**_SORT[which], **cursor}, "reservations")
            self.pages.setdefault(which, []).append(page)
            yield page
            read += len(page.rows)
            last = next((identity for row in reversed(page.rows) if (identity := id_of(row)) is not None), None)
            if which is HeadList.CHANGED and last is not None:
                cursor = {"limit": _NEXT_PAGES, "afterId": last}
            else:
                cursor = {"limit": _NEXT_PAGES, "offset": read}


def look_alike(heads: Mapping[HeadList, Head]) -> bool:
    """Whether all heads begin with the same rows, as those of a server do that ignores the sort order."""
    fronts = [[row.id for row in head.rows[:_FIRST_PAGE]] for head in heads.values()]
    return len(fronts) == len(HeadList) and len(fronts[0]) > 1 and fronts.count(fronts[0]) == len(fronts)


def is_in_disorder(head: Head) -> bool:
    """Whether the rows of the head by change are not newest first."""
    stamps = [stamp for row in head.rows if (stamp := as_timestamp(row.updated_on))]
    return any(later > earlier for earlier, later in pairwise(stamps))
