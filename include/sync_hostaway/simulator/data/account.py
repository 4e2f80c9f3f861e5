"""The data of one account: tables of rows, and the full objects behind them."""

from __future__ import annotations

from typing import Any

from sync_hostaway.simulator.config import Sizes
from sync_hostaway.simulator.data import calendar_days, extras, listings, reservation_payloads, reservations
from sync_hostaway.simulator.data import conversations as threads
from sync_hostaway.simulator.data.clock import DAY, parse_day
from sync_hostaway.simulator.data.listings import ListingOutline
from sync_hostaway.simulator.data.rows import JsonObject, ListingRow, ReservationRow, Row, Table, ThreadRow

_EXTRAS = frozenset({"reviews", "tasks", "users", "coupons"})


class AccountData:
    """Everything one account holds. Rows come from the seed at once, objects and messages when they are read."""

    def __init__(self, account_id: int, seed: int, sizes: Sizes, anchor_seconds: int) -> None:
        self.account_id = account_id
        self.seed = seed
        self.sizes = sizes
        self.anchor = anchor_seconds
        self.outlines: dict[int, ListingOutline] = {}
        self.day_changes: dict[int, dict[int, JsonObject]] = {}
        self.calendar_version = 0
        self._extras: dict[str, Table[Row]] = {}
        self._blocking: tuple[int, dict[int, list[ReservationRow]]] | None = None
        self._next_message = 1_900_000_000
        self.listings = self._make_listings()
        hidden = {row.id for row in self.listings if row.hidden}
        made = reservations.rows(
            seed,
            account_id,
            sizes.reservations,
            list(self.outlines.values()),
            hidden,
            anchor_seconds,
            sizes.orphan_share,
        )
        self._next_reservation = len(made)
        made_threads = threads.rows(seed, account_id, sizes.thread_count, sizes.messages_per_thread, made)
        self._next_thread = len(made_threads)
        self.reservations: Table[ReservationRow] = Table(made)
        self.threads: Table[ThreadRow] = Table(made_threads)

    def _make_listings(self) -> Table[ListingRow]:
        orphaned = max(1, self.sizes.listings // 20) if self.sizes.orphan_share else 0
        rows = []
        for index in range(self.sizes.listings + orphaned):
            line = listings.outline(self.seed, self.account_id, index)
            self.outlines[line.id] = line
            rows.append(ListingRow(line.id, index, hidden=index >= self.sizes.listings))
        return Table(rows)

    def table(self, resource: str) -> Table[Any]:
        """The table of a resource; raises KeyError for a resource without one."""
        if resource in _EXTRAS:
            return self._extra(resource)
        tables: dict[str, Table[Any]] = {
            "listings": self.listings,
            "reservations": self.reservations,
            "conversations": self.threads,
        }
        return tables[resource]

    def _extra(self, resource: str) -> Table[Row]:
        if resource not in self._extras:
            self._extras[resource] = Table(Row(item["id"], item) for item in self._make_extra(resource))
        return self._extras[resource]

    def _make_extra(self, resource: str) -> list[JsonObject]:
        if resource == "users":
            return extras.users(self.seed, self.account_id, list(self.outlines))
        if resource == "coupons":
            return extras.coupons(self.seed, self.account_id, self.anchor)
        if resource == "tasks":
            return extras.tasks(self.seed, self.account_id, self.reservations, self.anchor)
        return extras.reviews(self.seed, self.account_id, self.reservations, self.outlines, self.anchor)

    def line(self, listing_id: int) -> ListingOutline:
        """Outline of a listing; reservations may name one that was deleted or never existed."""
        found = self.outlines.get(listing_id)
        return found if found is not None else next(iter(self.outlines.values()))

    def object(self, resource: str, row: Row) -> JsonObject:
        """The full object behind a row, everything attached. Callers must not change it."""
        if row.payload is not None:
            return row.payload
        if isinstance(row, ReservationRow):
            return reservation_payloads.reservation(self.seed, self.account_id, row, self.line(row.listing_id))
        if isinstance(row, ListingRow):
            # Kept: filters read the whole object, and there are few listings.
            row.payload = listings.listing(self.seed, self.account_id, self.outlines[row.id], self.anchor)
            return row.payload
        if isinstance(row, ThreadRow):
            return self._conversation(row)
        raise LookupError(f"{resource} {row.id} has no object")

    def _conversation(self, thread: ThreadRow) -> JsonObject:
        reservation = self.reservations.get(thread.reservation_id)
        if reservation is None:
            raise LookupError(f"conversation {thread.id} has lost its reservation")
        payload = self.object("reservations", reservation)
        return threads.conversation(self.account_id, thread, payload, self.messages(thread))

    def messages(self, thread: ThreadRow) -> list[JsonObject]:
        """All messages of a thread, unsent ones too, oldest first."""
        if thread.messages is not None:
            return thread.messages
        row = self.reservations.get(thread.reservation_id)
        if row is None:
            return []
        return threads.messages(self.seed, self.account_id, thread, row, self.line(row.listing_id), self.anchor)

    def thread_times(self, thread: ThreadRow) -> tuple[str, str]:
        """Dates of the last sent and last received message, "" for none."""
        if thread.sent_on is None or thread.received_on is None:
            if thread.messages is None:
                steps = threads.outline(self.seed, self.account_id, thread, self.anchor)
                thread.sent_on, thread.received_on = threads.last_steps(steps)
            else:
                thread.sent_on = threads.last_moment(thread.messages, incoming=False) or ""
                thread.received_on = threads.last_moment(thread.messages, incoming=True) or ""
        return thread.sent_on, thread.received_on

    def message_counts(self) -> tuple[int, int]:
        """All messages of the account, and the sent ones."""
        total = sent = 0
        for thread in self.threads:
            if thread.messages is None:
                steps = threads.outline(self.seed, self.account_id, thread, self.anchor)
                total += len(steps)
                sent += sum(step.status == threads.SENT for step in steps)
            else:
                total += len(thread.messages)
                sent += sum(item.get("status") == threads.SENT for item in thread.messages)
        return total, sent

    def find_message(self, message_id: int) -> tuple[ThreadRow, JsonObject] | None:
        """A message by id, with its thread."""
        for thread in self.threads:
            if thread.messages is None and not threads.may_hold(self.account_id, thread, message_id):
                continue
            for item in self.messages(thread):
                if item.get("id") == message_id:
                    return thread, item
        return None

    def calendar(self, listing_id: int, span: range) -> list[tuple[JsonObject, list[int]]]:
        """Calendar days of a listing with the reservation ids on each."""
        changes = self.day_changes.get(listing_id, {})
        blocking = self._blocking_of(listing_id)
        return calendar_days.days(self.seed, self.account_id, self.line(listing_id), blocking, span, changes)

    def _blocking_of(self, listing_id: int) -> list[ReservationRow]:
        version = self.reservations.version
        if self._blocking is None or self._blocking[0] != version:
            self._blocking = (version, reservations.by_listing(self.reservations))
        return self._blocking[1].get(listing_id, [])

    def visible_listings(self) -> list[ListingRow]:
        return [row for row in self.listings if not row.hidden]

    def photo_count(self) -> int:
        """Images over all visible listings."""
        total = 0
        for row in self.visible_listings():
            changed = None if row.payload is None else row.payload.get("listingImages")
            total += len(changed) if isinstance(changed, list) else self.outlines[row.id].images
        return total

    def day_span(self, first: str | None, last: str | None) -> range:
        """Day numbers of a range of dates, both inclusive; a missing end gives a year from the anchor."""
        start = parse_day(first) if first else self.anchor // DAY
        end = parse_day(last) if last else (start or 0) + 364
        if start is None or end is None:
            raise ValueError(f"not a date: {first!r} or {last!r}")
        return range(start, end + 1)

    def next_listing_index(self) -> int:
        return 1 + max(line.number for line in self.outlines.values())

    def next_reservation_index(self) -> int:
        self._next_reservation += 1
        return self._next_reservation - 1

    def next_thread_index(self) -> int:
        self._next_thread += 1
        return self._next_thread - 1

    def next_message_id(self) -> int:
        self._next_message += 1
        return self._next_message
