"""The heads of an account's reservations: changes and new messages, for three calls.

The first rows of the list of reservations are read in three orders: by last change, by last message received, by last
message sent. The comparison of a head with the one before shows which reservations have moved, that is, changed or got
a message.

    by change     rows have `updatedOn`: all above the newest stamp of the last head have moved
    by message    rows have no stamp of their messages: all above the first row that has not moved have moved

The next complete list finds the changes that heads cannot show: a deleted reservation; a message that is scheduled,
edited or removed, or that has an old date; a second message to the first row, if messages do not change the stamps of
their reservation.
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

# Usually nothing has moved: few rows are sufficient to see that.
_FIRST_PAGE, _NEXT_PAGES = 20, 100
_MOST_ROWS = 520
# Rows beyond the first page are kept, so that rows that move up after a deletion are known.
_KEPT_ROWS = 60
# Stamps and the server's clock have whole seconds: a row that changed just before the head was read may change again
# within this second.
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
    """A row of a head: its id, and its stamps in Hostaway's form."""

    id: int
    updated_on: str | None = None
    activity_on: str | None = None

    @classmethod
    def of(cls, row: Any) -> HeadRow | None:
        """The row of a received reservation; None if its id cannot be read."""
        identity = id_of(row)
        if identity is None:
            return None
        stamps = (row.get(name) for name in ("updatedOn", "latestActivityOn"))
        return cls(identity, *(stamp if isinstance(stamp, str) else None for stamp in stamps))

    @property
    def stamps(self) -> tuple[str | None, str | None]:
        """The value that changes with the row."""
        return self.updated_on, self.activity_on


@dataclass(frozen=True)
class Head:
    """The first rows of a list at a moment. Without rows, all changes until this moment are known.

    :param observed_at: Hostaway's clock when its first page was read.
    :param is_all: whether the list has no other rows.
    """

    rows: tuple[HeadRow, ...]
    observed_at: datetime
    is_all: bool = False

    def as_json(self) -> list[list[int | str | None]]:
        """The form in `ops.heads`."""
        return [[row.id, row.updated_on, row.activity_on] for row in self.rows[:_KEPT_ROWS]]

    @classmethod
    def from_json(cls, rows: Iterable[Sequence[Any]], observed_at: datetime) -> Head:
        """The head from the form of `as_json`."""
        return cls(tuple(HeadRow(*row) for row in rows), observed_at)

    def may_change_again(self, stamp: datetime | None) -> bool:
        """Whether a row with this stamp can change again, with the same stamp, after this head was read."""
        return stamp is not None and abs(stamp - self.observed_at) <= _UNSETTLED


@dataclass(frozen=True)
class Movement:
    """The difference between a head and the one before.

    :param moved: reservations, newest first.
    :param is_whole: whether all moved reservations were read; False after very many changes, or if no known row came.
    :param stamps_move: whether the rows with a new message have new stamps, too; None if no row shows it.
    """

    moved: tuple[HeadRow, ...] = ()
    is_whole: bool = True
    stamps_move: bool | None = None


def compare(which: HeadList, before: Head, now: Head, *, stamps_move: bool | None = None) -> Movement:
    """Compare two heads of a list: the reservations that have moved.

    :param stamps_move: whether messages are known to change the stamps of their reservation: then rows that change
        places with equal stamps are ties.
    """
    if which is HeadList.CHANGED:
        return _changed(before, now)
    return _with_messages(before, now, stamps_move=stamps_move)


def merged(before: Head | None, now: Head) -> Head:
    """The head to keep: the read rows, then those that followed them before. So a short response loses no row."""
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
    # Later changes have later stamps.
    bound = min(max(stamps, default=before.observed_at), before.observed_at - _UNSETTLED)
    moved: list[HeadRow] = []
    is_whole = now.is_all or not (before.rows or now.rows)
    for row in now.rows:
        stamp = as_timestamp(row.updated_on)
        if (row.id, row.updated_on) in known:
            has_moved = before.may_change_again(stamp)
        else:
            # A row that is not newer than every known row has moved up after a deletion.
            has_moved = stamp is None or oldest is None or stamp > oldest
        if has_moved:
            moved.append(row)
        is_whole = is_whole or (stamp is not None and stamp <= bound)
    return Movement(tuple(moved), is_whole)


def _with_messages(before: Head, now: Head, *, stamps_move: bool | None) -> Movement:
    """The reservations that moved in a list by message.

    Its fixed points are the rows with unchanged stamps in an unchanged order: a message puts its row above all of them.
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
            # Below the last fixed point, a row has moved up after a deletion.
            has_moved = place < fixed[-1]
            if has_moved:
                activity = as_timestamp(row.activity_on)
                evidence.append(activity is not None and activity >= before.observed_at - _UNSETTLED)
        elif is_same(row):
            # Rows with equal stamps that change places are ties, if messages change the stamps.
            has_moved = not is_fixed[place] and not stamps_move
        else:
            # Its stamps may come from another change: then its place is the same.
            is_in_place = all((other < place) == (places[now.rows[other].id] < places[row.id]) for other in fixed)
            has_moved = place < fixed[0] or not is_in_place
        if has_moved:
            moved.append(row)
    is_whole = now.is_all or bool(fixed) or not (before.rows or now.rows)
    return Movement(tuple(moved), is_whole, all(evidence) if evidence else None)


def _in_every_order(places: Sequence[int | None]) -> list[bool]:
    """The rows that have certainly not moved: those that are in every longest ascending sequence of former places."""
    ending, beginning = _longest(places), _longest([None if p is None else -p for p in reversed(places)])[::-1]
    whole = max(ending, default=0)
    on_one = [end + begin - 1 == whole and end > 0 for end, begin in zip(ending, beginning, strict=True)]
    lengths = [ending[place] for place, is_on in enumerate(on_one) if is_on]
    return [is_on and lengths.count(ending[place]) == 1 for place, is_on in enumerate(on_one)]


def _longest(places: Sequence[int | None]) -> list[int]:
    """For each place, the length of the longest ascending sequence that ends there; 0 for a new row."""
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
    """Reads the heads of one account. `compare` compares them."""

    client: HostawayClient
    pages: dict[HeadList, list[Page]] = field(default_factory=dict)

    def read(self, which: HeadList, before: Head | None) -> Head:
        """Read a head down to a row that has not moved; without an earlier head, its first page.

        :raises HostawayError: when Hostaway does not answer as it should.
        """
        rows: list[HeadRow] = []
        observed_at: datetime | None = None
        for page in self._pages(which):
            observed_at = observed_at or page.served_at
            known = {row.id for row in rows}
            fresh = [row for raw in page.rows if (row := HeadRow.of(raw)) and row.id not in known]
            rows += fresh
            # A count alone does not show the end: it may be too small.
            limit = _FIRST_PAGE if page is self.pages[which][0] else _NEXT_PAGES
            is_last = len(page.rows) < limit if page.count is not None else not page.rows
            head = Head(tuple(rows), observed_at, is_all=is_last and len(rows) >= (page.count or 0))
            if before is None or not fresh or len(rows) >= _MOST_ROWS or compare(which, before, head).is_whole:
                return head
        raise AssertionError("unreachable: the pages end with one without new rows")

    def ignores_sort(self) -> bool:
        """Whether the list has the same order if the opposite order is requested. Costs one call."""
        params: Params = {**_OLDEST_FIRST, "limit": _FIRST_PAGE}
        oldest_first = read_page(self.client, endpoints.RESERVATIONS, params, "reservations")
        newest_first = self.pages[HeadList.RECEIVED][0]
        return [id_of(row) for row in oldest_first.rows] == [id_of(row) for row in newest_first.rows]

    def has_changes_in_disorder(self) -> bool:
        """Whether a page by change is not newest first. From one page to the next, rows may have moved to the front."""
        pages = [[HeadRow.of(raw) for raw in page.rows] for page in self.pages.get(HeadList.CHANGED, ())]
        return any(is_in_disorder(row for row in rows if row) for rows in pages)

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
    """Whether all heads begin with the same rows: then the server may ignore the sort order."""
    fronts = [[row.id for row in head.rows[:_FIRST_PAGE]] for head in heads.values()]
    return len(fronts) == len(HeadList) and len(fronts[0]) > 1 and fronts.count(fronts[0]) == len(fronts)


def is_in_disorder(rows: Iterable[HeadRow]) -> bool:
    """Whether rows by change are not newest first."""
    stamps = [stamp for row in rows if (stamp := as_timestamp(row.updated_on))]
    return any(later > earlier for earlier, later in pairwise(stamps))
