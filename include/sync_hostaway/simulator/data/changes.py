"""Changes of the data: by control, by drift faults and by sent messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from sync_hostaway.simulator.data import conversations as conversation_data
from sync_hostaway.simulator.data import listings
from sync_hostaway.simulator.data.account import AccountData
from sync_hostaway.simulator.data.clock import DAY, Clock, day_text, parse_day, parse_stamp
from sync_hostaway.simulator.data.conversations import SENT, Step
from sync_hostaway.simulator.data.listings import outline
from sync_hostaway.simulator.data.reservations import DIRECT
from sync_hostaway.simulator.data.rows import ConversationRow, JsonObject, ListingRow, ReservationRow, Row
from sync_hostaway.simulator.data.seeds import stream

_CREATED = 71
_COLUMNS = {
    "listingMapId": "listing_id",
    "channelId": "channel_id",
    "status": "status",
    "insertedOn": "inserted_on",
    "updatedOn": "updated_on",
    "latestActivityOn": "activity_on",
    "arrivalDate": "arrival",
    "departureDate": "departure",
}


class NotThere(LookupError):
    """The object to change does not exist."""


class Changes:
    """Changes one account's data; timestamps come from the simulated clock."""

    def __init__(self, data: AccountData, clock: Clock) -> None:
        self._data = data
        self._clock = clock

    def _row(self, resource: str, id: int) -> Any:
        row = self._data.table(resource).get(id)
        if row is None:
            raise NotThere(f"{resource} {id} does not exist")
        return row

    # -- patch ---------------------------------------------------------------------------------------------------

    def patch(
        self, resource: str, id: int, fields: JsonObject, *, bump: bool = True, activity: bool = True
    ) -> JsonObject:
        """Set fields. `bump` moves updatedOn to now, `activity` latestActivityOn too; given values win."""
        if "id" in fields:
            raise ValueError("an id cannot be changed; delete and create instead")
        if resource == "messages":
            return self._patch_message(id, fields, bump=bump)
        row: Row = self._row(resource, id)
        payload = dict(self._data.object(resource, row))
        payload.update(fields)
        now = self._clock.timestamp()
        if bump and "updatedOn" in payload and "updatedOn" not in fields:
            payload["updatedOn"] = now
        if bump and activity and "latestActivityOn" in payload and "latestActivityOn" not in fields:
            payload["latestActivityOn"] = now
        self._store(resource, row, payload)
        return payload

    def _store(self, resource: str, row: Row, payload: JsonObject) -> None:
        row.payload = payload
        row.changed()
        if isinstance(row, ReservationRow):
            _sync_columns(row, payload)
            self._touch_conversations(row)
        self._data.table(resource).changed()

    def _touch_conversations(self, row: ReservationRow) -> None:
        """Conversations embed their reservation."""
        for conversation in filter(None, map(self._data.conversations.get, row.conversations)):
            conversation.changed()

    def _patch_message(self, id: int, fields: JsonObject, *, bump: bool) -> JsonObject:
        found = self._data.find_message(id)
        if found is None:
            raise NotThere(f"messages {id} does not exist")
        conversation = found[0]
        items = self._materialised(conversation)
        position = next(n for n, item in enumerate(items) if item.get("id") == id)
        items[position] = {**items[position], **fields}
        if bump and "updatedOn" not in fields:
            items[position]["updatedOn"] = self._clock.timestamp()
        self._conversation_changed(conversation)
        return items[position]

    def _materialised(self, conversation: ConversationRow) -> list[JsonObject]:
        if conversation.messages is None:
            conversation.messages = self._data.messages(conversation)
        return conversation.messages

    def _conversation_changed(self, conversation: ConversationRow) -> None:
        conversation.changed()
        conversation.sent_on = conversation.received_on = None
        self._data.conversations.changed()
        # Reservations are filtered and sorted by their messages too.
        self._data.reservations.changed()

    def patch_day(self, listing_id: int, date: str, fields: JsonObject) -> JsonObject:
        """Set fields of one calendar day."""
        self._row("listings", listing_id)
        number = parse_day(date)
        if number is None:
            raise ValueError(f"not a date: {date!r}")
        self._data.day_changes.setdefault(listing_id, {}).setdefault(number, {}).update(fields)
        self._data.calendar_version += 1
        return self._data.calendar(listing_id, range(number, number + 1))[0][0]

    def touch(self, resource: str, percent: float, seed: int, *, activity: bool = False) -> list[int]:
        """Bump a random share of the rows, all to the same moment, as background jobs do. Returns their ids."""
        ids = sorted(row.id for row in self._data.table(resource))
        rng = stream(seed, self._data.account_id, len(ids))
        chosen = rng.sample(ids, min(len(ids), max(1, round(len(ids) * percent / 100)))) if ids else []
        for id in chosen:
            self.patch(resource, id, self._touch_fields(resource, rng), activity=activity or resource == "listings")
        return chosen

    def _touch_fields(self, resource: str, rng: Random) -> JsonObject:
        if resource == "listings":
            return {"price": rng.randrange(60, 420)}
        return {"totalPrice": rng.randrange(100, 3_000)} if resource == "reservations" else {}

    # -- create --------------------------------------------------------------------------------------------------

    def create(self, resource: str, fields: JsonObject, *, bump: bool = True) -> JsonObject:
        """A new object of a resource with generated values where `fields` gives none.

        :param bump: whether a sent message moves the stamps of its reservation, as the real API is believed to do.
        """
        makers: dict[str, Callable[[JsonObject], JsonObject]] = {
            "listings": self._create_listing,
            "reservations": self._create_reservation,
            "conversations": self._create_conversation,
            "messages": partial(self._create_message, bump=bump),
        }
        if resource not in makers:
            raise ValueError(f"cannot create {resource}, only {sorted(makers)}")
        return makers[resource](dict(fields))

    def _create_listing(self, fields: JsonObject) -> JsonObject:
        data = self._data
        line = outline(data.seed, data.account_id, data.next_listing_index())
        line = line._replace(id=fields.get("id", line.id))
        row = ListingRow(line.id, line.number, hidden=False)
        data.listings.add(row)
        data.outlines[line.id] = line
        now = self._clock.timestamp()
        payload = {**listings.listing(data.seed, data.account_id, line, data.anchor)}
        payload.update({"insertedOn": now, "latestActivityOn": now, **fields})
        self._store("listings", row, payload)
        return payload

    def _create_reservation(self, fields: JsonObject) -> JsonObject:
        data, now, today = self._data, self._clock.timestamp(), self._clock.now() // DAY
        index = data.next_reservation_index()
        rng = stream(data.seed, data.account_id, _CREATED, index)
        row = ReservationRow(fields.get("id", (data.account_id % 1000) * 1_000_000 + 100_000 + index * 5))
        visible = data.visible_listings()
        row.index, row.guest, row.conversations = index, int(rng.random() * (index + 1)), ()
        row.listing_id = fields.get("listingMapId", visible[int(rng.random() * len(visible))].id if visible else 0)
        row.channel_id, row.status, row.unspecified = DIRECT, "new", False
        row.inserted_on = row.updated_on = row.activity_on = now
        arrival = today + 1 + int(rng.random() * 90)
        row.arrival, row.departure = day_text(arrival), day_text(arrival + 1 + int(rng.random() * 6))
        _sync_columns(row, fields)
        payload = {**data.object("reservations", row), **fields}
        data.reservations.add(row)
        self._store("reservations", row, payload)
        return payload

    def _create_conversation(self, fields: JsonObject) -> JsonObject:
        data = self._data
        reservation: ReservationRow = self._row("reservations", int(fields.pop("reservationId")))
        index = data.next_conversation_index()
        default_id = 10_000_000 + (data.account_id % 200) * 10_000_000 + index * 3
        now = self._clock.now()
        conversation = ConversationRow(fields.pop("id", default_id), index, reservation.id, 0, (now, now))
        data.conversations.add(conversation)
        reservation.conversations = (*reservation.conversations, conversation.id)
        if fields:
            return self.patch("conversations", conversation.id, fields)
        return data.object("conversations", conversation)

    def _create_message(self, fields: JsonObject, *, bump: bool) -> JsonObject:
        conversation: ConversationRow = self._row("conversations", int(fields.pop("conversationId")))
        data, now = self._data, self._clock.now()
        row: ReservationRow = self._row("reservations", conversation.reservation_id)
        incoming = bool(fields.get("isIncoming", 1))
        status = str(fields.get("status", SENT))
        moment = parse_stamp(fields["date"]) if "date" in fields else now
        message_id = fields.get("id", data.next_message_id())
        rng = stream(data.seed, data.account_id, _CREATED, message_id)
        step = Step(moment, incoming, None, status)
        line = data.line(row.listing_id)
        payload = conversation_data.message(rng, data.account_id, message_id, conversation, row, line, step, now)
        payload.update(isSeen=int(not incoming), isSeenAt=None, isSeenBy=None)
        payload.update(fields)
        self._materialised(conversation).append(payload)
        self._conversation_changed(conversation)
        if status == SENT and bump:
            self.patch("reservations", row.id, {})
        return payload

    # -- delete and reveal ---------------------------------------------------------------------------------------

    def delete(self, resource: str, id: int) -> None:
        """Remove an object without a trace; conversations go with their reservation."""
        if resource == "messages":
            self._delete_message(id)
            return
        row = self._row(resource, id)
        self._data.table(resource).remove(id)
        if isinstance(row, ReservationRow):
            for conversation_id in row.conversations:
                if self._data.conversations.get(conversation_id) is not None:
                    self._data.conversations.remove(conversation_id)
        if isinstance(row, ConversationRow):
            reservation = self._data.reservations.get(row.reservation_id)
            if reservation is not None:
                reservation.conversations = tuple(number for number in reservation.conversations if number != id)

    def _delete_message(self, id: int) -> None:
        found = self._data.find_message(id)
        if found is None:
            raise NotThere(f"messages {id} does not exist")
        conversation = found[0]
        conversation.messages = [item for item in self._materialised(conversation) if item.get("id") != id]
        self._conversation_changed(conversation)

    def reveal(self) -> list[int]:
        """Put the listings of orphaned reservations into the list; returns their ids."""
        hidden = [row for row in self._data.listings if row.hidden]
        for row in hidden:
            row.hidden = False
        self._data.listings.changed()
        return [row.id for row in hidden]

    def drift(self, *, update: int, insert: int, delete: int, seed: int) -> None:
        """Change reservations while a client reads the list."""
        ids = sorted(row.id for row in self._data.reservations)
        chosen = stream(seed, self._data.account_id, len(ids)).sample(ids, min(len(ids), update + delete))
        for id in chosen[:update]:
            self.patch("reservations", id, {})
        for id in chosen[update:]:
            self.delete("reservations", id)
        for _ in range(insert):
            self.create("reservations", {})


def _sync_columns(row: ReservationRow, payload: JsonObject) -> None:
    """Keep the columns for sorting and filtering equal to the object; values of a wrong type stay out."""
    for field, column in _COLUMNS.items():
        value = payload.get(field)
        if value is not None and type(value) is type(getattr(row, column)):
            setattr(row, column, value)
