"""Rows and tables: what is held per object in memory, and lists in any sort order that survive changes cheaply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, Generic, TypeVar

JsonObject = dict[str, Any]
# One sequence for all rows: an object deleted and created again under its id never meets its old encoded copy.
_VERSIONS = count()


class Row:
    """An object by id. `payload` is None while the object still is what the seed says and can be rebuilt."""

    __slots__ = ("id", "payload", "version")

    def __init__(self, id: int, payload: JsonObject | None = None) -> None:
        self.id = id
        self.payload = payload
        self.version = next(_VERSIONS)

    def changed(self) -> None:
        """Make encoded copies of the object stale."""
        self.version = next(_VERSIONS)


class ListingRow(Row):
    """A listing; a hidden one exists for its reservations but is in no list."""

    __slots__ = ("hidden", "index")

    def __init__(self, id: int, index: int, *, hidden: bool) -> None:
        super().__init__(id)
        self.index = index
        self.hidden = hidden


class ReservationRow(Row):
    """The columns of a reservation that are sorted and filtered by; dates and timestamps as the API's text."""

    __slots__ = (
        "activity_on",
        "arrival",
        "channel_id",
        "conversations",
        "departure",
        "guest",
        "index",
        "inserted_on",
        "listing_id",
        "status",
        "unspecified",
        "updated_on",
    )
    index: int
    listing_id: int
    channel_id: int
    status: str
    inserted_on: str
    updated_on: str
    activity_on: str
    arrival: str
    departure: str
    guest: int
    unspecified: bool
    conversations: tuple[int, ...]


class ConversationRow(Row):
    """A conversation. `messages` is None until one of them changes.

    `span` is the time in Unix seconds in which its messages were sent. `sent_on` and
    `received_on` are computed with the first use; "" stands for none.
    """

    __slots__ = ("index", "messages", "planned", "received_on", "reservation_id", "sent_on", "span")

    def __init__(self, id: int, index: int, reservation_id: int, planned: int, span: tuple[int, int]) -> None:
        super().__init__(id)
        self.index = index
        self.reservation_id = reservation_id
        self.planned = planned
        self.span = span
        self.messages: list[JsonObject] | None = None
        self.sent_on: str | None = None
        self.received_on: str | None = None


R = TypeVar("R", bound=Row)
SortKey = Callable[[R], Any]


class Selection(Generic[R]):
    """Rows that match a query, in its order."""

    __slots__ = ("_positions", "rows")

    def __init__(self, rows: list[R]) -> None:
        self.rows = rows
        self._positions: dict[int, int] | None = None

    def position(self, id: int) -> int | None:
        """Where the row stands now, None when it is not among the rows."""
        if self._positions is None:
            self._positions = {row.id: position for position, row in enumerate(self.rows)}
        return self._positions.get(id)


class Table(Generic[R]):
    """All rows of one resource of one account."""

    _KEPT_SELECTIONS = 16

    def __init__(self, rows: Iterable[R] = ()) -> None:
        self._rows: dict[int, R] = {row.id: row for row in rows}
        self._orders: dict[str, tuple[int, list[R]]] = {}
        self._selections: dict[Any, Selection[R]] = {}
        self.version = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def get(self, id: int) -> R | None:
        return self._rows.get(id)

    def add(self, row: R) -> None:
        if row.id in self._rows:
            raise ValueError(f"id {row.id} exists already")
        self._rows[row.id] = row
        self.changed()

    def remove(self, id: int) -> R:
        row = self._rows.pop(id)
        self.changed()
        return row

    def changed(self) -> None:
        """To be called after every change of a row: lists are sorted and filtered again when next asked for."""
        self.version += 1
        self._selections.clear()

    def ordered(self, name: str, key: SortKey[R], *, reverse: bool) -> list[R]:
        """All rows sorted; `name` identifies the order and must differ per key and direction."""
        version, rows = self._orders.get(name, (-1, []))
        if version == self.version:
            return rows
        # Starting from the former order makes the sort nearly linear, so frequent changes stay cheap.
        kept = [row for row in rows if self._rows.get(row.id) is row]
        if len(kept) < len(self._rows):
            known = {row.id for row in kept}
            kept += [row for row in self._rows.values() if row.id not in known]
        kept.sort(key=key, reverse=reverse)
        self._orders[name] = (self.version, kept)
        return kept

    def select(self, query: Any, make: Callable[[], list[R]]) -> Selection[R]:
        """The selection for a hashable query, made once per state of the table."""
        selection = self._selections.get(query)
        if selection is None:
            while len(self._selections) >= self._KEPT_SELECTIONS:
                del self._selections[next(iter(self._selections))]
            selection = self._selections[query] = Selection(make())
        return selection
