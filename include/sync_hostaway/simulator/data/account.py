"""The data of one account: tables of rows, and the full objects behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sync_hostaway.simulator.config import Sizes
from sync_hostaway.simulator.data import (
    account_settings,
    calendar_days,
    extras,
    finance,
    listings,
    reservation_payloads,
    reservations,
)
from sync_hostaway.simulator.data import conversations as conversation_data
from sync_hostaway.simulator.data.clock import DAY, parse_day
from sync_hostaway.simulator.data.listings import ListingOutline
from sync_hostaway.simulator.data.rows import ConversationRow, JsonObject, ListingRow, ReservationRow, Row, Table


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
        made_conversations = conversation_data.rows(
            seed, account_id, sizes.conversation_count, sizes.messages_per_conversation, made
        )
        self._next_conversation = len(made_conversations)
        self.reservations: Table[ReservationRow] = Table(made)
        self.conversations: Table[ConversationRow] = Table(made_conversations)

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
        tables: dict[str, Table[Any]] = {
            "listings": self.listings,
            "reservations": self.reservations,
            "conversations": self.conversations,
        }
        return tables[resource] if resource in tables else self._extra(resource)

    def _extra(self, resource: str) -> Table[Row]:
        if resource not in self._extras:
            self._extras[resource] = Table(Row(item["id"], item) for item in self._makers[resource]())
        return self._extras[resource]

    @property
    def _makers(self) -> dict[str, Callable[[], list[JsonObject]]]:
        seed, account_id, anchor = self.seed, self.account_id, self.anchor
        return {
            "reviews": lambda: extras.reviews(seed, account_id, self.reservations, self.outlines, anchor),
            "tasks": lambda: extras.tasks(seed, account_id, self.reservations, anchor),
            "users": lambda: extras.users(seed, account_id, list(self.outlines)),
            "coupons": lambda: extras.coupons(seed, account_id, anchor),
            "expenses": lambda: finance.expenses(seed, account_id, self.reservations, anchor),
            "ownerStatements": lambda: finance.owner_statements(
                account_id, self._reservation_objects(), self.outlines, anchor
            ),
            "guestCharges": lambda: finance.guest_charges(seed, account_id, self._reservation_objects()),
            "financeCustomFormulas": lambda: account_settings.custom_formulas(account_id),
            "accountTaxSettings": lambda: account_settings.tax_settings(account_id),
            "customFields": lambda: account_settings.custom_fields(account_id),
            "userGroups": lambda: account_settings.user_groups(account_id),
        }

    def _reservation_objects(self) -> Iterator[JsonObject]:
        return (self.object("reservations", row) for row in self.reservations)

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
        if isinstance(row, ConversationRow):
            return self._conversation(row)
        raise LookupError(f"{resource} {row.id} has no object")

    def _conversation(self, conversation: ConversationRow) -> JsonObject:
        reservation = self.reservations.get(conversation.reservation_id)
        if reservation is None:
            raise LookupError(f"conversation {conversation.id} has lost its reservation")
        payload = self.object("reservations", reservation)
        return conversation_data.conversation(self.account_id, conversation, payload, self.messages(conversation))

    def messages(self, conversation: ConversationRow) -> list[JsonObject]:
        """All messages of a conversation, unsent ones too, oldest first."""
        if conversation.messages is not None:
            return conversation.messages
        row = self.reservations.get(conversation.reservation_id)
        if row is None:
            return []
        return conversation_data.messages(
            self.seed, self.account_id, conversation, row, self.line(row.listing_id), self.anchor
        )

    def conversation_times(self, conversation: ConversationRow) -> tuple[str, str]:
        """Dates of the last sent and last received message, "" for none."""
        if conversation.sent_on is None or conversation.received_on is None:
            if conversation.messages is None:
                steps = conversation_data.outline(self.seed, self.account_id, conversation, self.anchor)
                conversation.sent_on, conversation.received_on = conversation_data.last_steps(steps)
            else:
                conversation.sent_on = conversation_data.last_moment(conversation.messages, incoming=False) or ""
                conversation.received_on = conversation_data.last_moment(conversation.messages, incoming=True) or ""
        return conversation.sent_on, conversation.received_on

    def message_counts(self) -> tuple[int, int]:
        """All messages of the account, and the sent ones."""
        total = sent = 0
        for conversation in self.conversations:
            if conversation.messages is None:
                steps = conversation_data.outline(self.seed, self.account_id, conversation, self.anchor)
                total += len(steps)
                sent += sum(step.status == conversation_data.SENT for step in steps)
            else:
                total += len(conversation.messages)
                sent += sum(item.get("status") == conversation_data.SENT for item in conversation.messages)
        return total, sent

    def find_message(self, message_id: int) -> tuple[ConversationRow, JsonObject] | None:
        """A message by id, with its conversation."""
        for conversation in self.conversations:
            if conversation.messages is None and not conversation_data.may_hold(
                self.account_id, conversation, message_id
            ):
                continue
            for item in self.messages(conversation):
                if item.get("id") == message_id:
                    return conversation, item
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

    def next_conversation_index(self) -> int:
        self._next_conversation += 1
        return self._next_conversation - 1

    def next_message_id(self) -> int:
        self._next_message += 1
        return self._next_message
