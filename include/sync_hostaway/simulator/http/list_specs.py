"""What each list of an account can be filtered and sorted by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sync_hostaway.simulator.data.account import AccountData
from sync_hostaway.simulator.data.clock import parse_day
from sync_hostaway.simulator.data.rows import ConversationRow, ListingRow, R, ReservationRow, Row
from sync_hostaway.simulator.http.queries import (
    ArrayFilterMaker,
    Combined,
    FilterMaker,
    ListSpec,
    Order,
    Params,
    Predicate,
)

Read = Callable[[R], Any]
_SEARCHED = ("guestName", "guestEmail", "reservationId", "confirmationCode", "listingName")


def equals(read: Read[R]) -> FilterMaker[R]:
    """Text equality, as every parameter arrives as text."""

    def make(value: str) -> Predicate[R]:
        return lambda row: str(read(row)) == value

    return make


def day_from(read: Read[R]) -> FilterMaker[R]:
    """On or after a date; values that are no date are ignored."""

    def make(value: str) -> Predicate[R] | None:
        day = value[:10]
        return None if parse_day(day) is None else lambda row: str(read(row) or "")[:10] >= day

    return make


def day_until(read: Read[R]) -> FilterMaker[R]:
    """On or before a date, the day included; rows without a date never match."""

    def make(value: str) -> Predicate[R] | None:
        day = value[:10]
        return None if parse_day(day) is None else lambda row: "" < str(read(row) or "")[:10] <= day

    return make


def contains(read: Read[R]) -> FilterMaker[R]:
    """Case-insensitive search."""

    def make(value: str) -> Predicate[R]:
        needle = value.casefold()
        return lambda row: needle in str(read(row) or "").casefold()

    return make


def one_of(read: Read[R]) -> ArrayFilterMaker[R]:
    """Any of the values, compared as text."""

    def make(values: tuple[str, ...]) -> Predicate[R]:
        wanted = frozenset(values)
        return lambda row: str(read(row)) in wanted

    return make


def any_of(read: Callable[[R], list[Any]]) -> ArrayFilterMaker[R]:
    """Any of the values among those of the row, compared as text."""

    def make(values: tuple[str, ...]) -> Predicate[R]:
        wanted = frozenset(values)
        return lambda row: not wanted.isdisjoint(map(str, read(row)))

    return make


def _within(lower: float | None, read: Read[R], *, upper: bool) -> Predicate[R] | None:
    if lower is None:
        return None
    if upper:
        return lambda row: isinstance(read(row), int | float) and read(row) <= lower
    return lambda row: isinstance(read(row), int | float) and read(row) >= lower


def _bound(read: Read[R], *, upper: bool) -> FilterMaker[R]:
    def make(value: str) -> Predicate[R] | None:
        try:
            return _within(float(value), read, upper=upper)
        except ValueError:
            return None

    return make


def both_ways(name: str, reverse_name: str, key: Callable[[R], Any]) -> dict[str, Order[R]]:
    return {name: Order(name, key), reverse_name: Order(reverse_name, key, reverse=True)}


def reservations(data: AccountData) -> ListSpec[ReservationRow]:
    """Default order updatedOn DESC, id DESC; the date filters see latestActivityOn, which lags behind updatedOn."""

    def field(name: str) -> Read[ReservationRow]:
        return lambda row: data.object("reservations", row).get(name)

    def conversation_moment(part: int) -> Read[ReservationRow]:
        def read(row: ReservationRow) -> tuple[str, int]:
            rows = [
                conversation
                for conversation in map(data.conversations.get, row.conversations)
                if conversation is not None
            ]
            return max((data.conversation_times(conversation)[part] for conversation in rows), default=""), row.id

        return read

    def unread(row: ReservationRow) -> int:
        rows = [
            conversation for conversation in map(data.conversations.get, row.conversations) if conversation is not None
        ]
        return int(any(data.object("conversations", conversation)["hasUnreadMessages"] for conversation in rows))

    def searched(row: ReservationRow) -> str:
        payload = data.object("reservations", row)
        return "\n".join(str(payload.get(name) or "") for name in _SEARCHED)

    filters: dict[str, FilterMaker[ReservationRow]] = {
        "channelId": equals(lambda row: row.channel_id),
        "listingId": equals(lambda row: row.listing_id),
        "match": contains(searched),
        "arrivalStartDate": day_from(lambda row: row.arrival),
        "arrivalEndDate": day_until(lambda row: row.arrival),
        "departureStartDate": day_from(lambda row: row.departure),
        "departureEndDate": day_until(lambda row: row.departure),
        "latestActivityStart": day_from(lambda row: row.activity_on),
        "latestActivityEnd": day_until(lambda row: row.activity_on),
        "hasUnreadConversationMessages": equals(unread),
    }
    plain = "assigneeUserId isStarred isArchived isPinned customerUserId reservationAgreement guestEmail"
    filters.update({name: equals(field(name)) for name in plain.split()})
    orders = {
        "updatedOn": Order[ReservationRow]("updatedOn", lambda row: (row.updated_on, row.id)),
        "arrivalDate": Order[ReservationRow]("arrivalDate", lambda row: (row.arrival, row.id)),
        "arrivalDateDesc": Order[ReservationRow]("arrivalDateDesc", lambda row: (row.arrival, row.id), reverse=True),
        **both_ways("latestActivity", "latestActivityDesc", lambda row: (row.activity_on, row.id)),
        **both_ways("lastConversationMessageSent", "lastConversationMessageSentDesc", conversation_moment(0)),
        **both_ways("lastConversationMessageReceived", "lastConversationMessageReceivedDesc", conversation_moment(1)),
    }
    default = Order[ReservationRow]("default", lambda row: (row.updated_on, row.id), reverse=True)
    return ListSpec(default, orders, filters, {})


def _special_status(data: AccountData) -> Read[ListingRow]:
    return lambda row: data.object("listings", row).get("specialStatus") or "active"


def listings(data: AccountData, params: Params) -> ListSpec[ListingRow]:
    """`params` for the filters that take several parameters together."""

    def field(name: str) -> Read[ListingRow]:
        return lambda row: data.object("listings", row).get(name)

    def key(name: str) -> Callable[[ListingRow], Any]:
        read = field(name)
        return lambda row: (str(read(row) or ""), row.id)

    filters: dict[str, FilterMaker[ListingRow]] = {
        "latestActivityStart": day_from(field("latestActivityOn")),
        "latestActivityEnd": day_until(field("latestActivityOn")),
        "match": contains(lambda row: f"{field('name')(row)}\n{field('internalListingName')(row)}"),
        "userId": _visible_to(data),
        "isBookingEngineActive": _flag(lambda row: bool(field("bookingEngineUrls")(row))),
    }
    filters.update({name: equals(field(name)) for name in ("city", "country", "contactName", "propertyTypeId")})
    orders: dict[str, Order[ListingRow]] = {
        **both_ways("name", "nameReversed", key("name")),
        **both_ways("contactName", "contactNameReversed", key("contactName")),
        **both_ways("latestActivity", "latestActivityDesc", key("latestActivityOn")),
        "order": Order("order", lambda row: row.index),
        "orderReversed": Order("orderReversed", lambda row: row.index, reverse=True),
    }
    special: dict[str, ArrayFilterMaker[ListingRow]] = {"specialStatus": one_of(_special_status(data))}
    default = Order[ListingRow]("default", lambda row: row.id)
    combined = _available(data, params)
    return ListSpec(default, orders, filters, special, hidden=lambda row: not row.hidden, combined=combined)


def _visible_to(data: AccountData) -> FilterMaker[ListingRow]:
    """Listings that a user may see; a user without a list sees all, and an unknown user sees none."""

    def make(value: str) -> Predicate[ListingRow] | None:
        if not value.isdecimal():
            return None
        user = data.table("users").get(int(value))
        if user is None:
            return lambda row: False
        ids = (user.payload or {}).get("listingMapIds")
        return lambda row: ids is None or row.id in ids

    return make


def _flag(read: Callable[[R], bool]) -> FilterMaker[R]:
    def make(value: str) -> Predicate[R] | None:
        wanted = {"1": True, "true": True, "0": False, "false": False}.get(value)
        return None if wanted is None else lambda row: read(row) is wanted

    return make


def _available(data: AccountData, params: Params) -> Combined[ListingRow] | None:
    """Listings that are free on every night from a date to another, for so many guests; one date alone does nothing."""
    first, last = (parse_day(params.get(f"availabilityDate{end}") or "") for end in ("Start", "End"))
    if first is None or last is None or last <= first:
        return None
    guests = params.number("availabilityGuestNumber") or 0

    def is_free(row: ListingRow) -> bool:
        if data.outlines[row.id].capacity < guests:
            return False
        return all(day["isAvailable"] for day, _ in data.calendar(row.id, range(first, last)))

    # The answer depends on reservations and calendars, too.
    return Combined(("available", first, last, guests, data.reservations.version, data.calendar_version), is_free)


def conversations(data: AccountData) -> ListSpec[ConversationRow]:
    """No change filter exists; the order is that of a recorded answer."""
    default = Order[ConversationRow]("sent", lambda row: (data.conversation_times(row)[0], row.id), reverse=True)
    filters: dict[str, FilterMaker[ConversationRow]] = {"reservationId": equals(lambda row: row.reservation_id)}
    return ListSpec(default, {}, filters, {})


def _field(name: str) -> Read[Row]:
    return lambda row: (row.payload or {}).get(name)


def reviews(data: AccountData) -> ListSpec[Row]:
    def listing(name: str) -> Read[Row]:
        def read(row: Row) -> Any:
            found = data.listings.get(_field("listingMapId")(row) or 0)
            return None if found is None else data.object("listings", found).get(name)

        return read

    def channel_reservation_id(row: Row) -> Any:
        found = data.reservations.get(_field("reservationId")(row) or 0)
        return None if found is None else data.object("reservations", found).get("channelReservationId")

    filters: dict[str, FilterMaker[Row]] = {
        # A stay counts when it touches the range.
        "stayDateStart": day_from(_field("departureDate")),
        "stayDateEnd": day_until(_field("arrivalDate")),
        "hasHostReply": equals(lambda row: int(bool(_field("revieweeResponse")(row)))),
        "submittedAtStart": day_from(_field("submittedAt")),
        "submittedAtEnd": day_until(_field("submittedAt")),
        "departureDateStart": day_from(_field("departureDate")),
        "departureDateEnd": day_until(_field("departureDate")),
        "reservationId": equals(_field("reservationId")),
        "type": equals(_field("type")),
        "guestName": contains(_field("guestName")),
        "ratingMin": _bound(_field("rating"), upper=False),
        "ratingMax": _bound(_field("rating"), upper=True),
    }
    arrays: dict[str, ArrayFilterMaker[Row]] = {
        "listingMapIds": one_of(_field("listingMapId")),
        "channelIds": one_of(_field("channelId")),
        "statuses": one_of(_field("status")),
        "listingInternalNames": one_of(listing("internalListingName")),
        "listingExternalNames": one_of(listing("externalListingName")),
        "channelReservationIds": one_of(channel_reservation_id),
        "tags": any_of(lambda row: [tag.get("name") for tag in listing("listingTags")(row) or []]),
    }
    orders: dict[str, Order[Row]] = {}
    for name in ("id", "submittedAt", "rating", "status", "arrivalDate", "departureDate"):
        orders[f"{name} asc"] = Order(f"{name} asc", _review_key(name))
        orders[f"{name} desc"] = Order(f"{name} desc", _review_key(name), reverse=True)
    return ListSpec(Order("default", lambda row: row.id, reverse=True), orders, filters, arrays)


def _review_key(name: str) -> Callable[[Row], Any]:
    read = _field(name)
    # None sorts before everything, and numbers never meet text.
    return lambda row: (read(row) is not None, read(row) if isinstance(read(row), int) else str(read(row)), row.id)


def simple(*names: str) -> ListSpec[Row]:
    """A list by id that only has equality filters."""
    filters: dict[str, FilterMaker[Row]] = {name: equals(_field(name)) for name in names}
    return ListSpec(Order("default", lambda row: row.id), {}, filters, {})


def tasks() -> ListSpec[Row]:
    spec = simple("channelId", "reservationId", "status", "canStartFromEvent", "shouldEndByEvent", "listingMapId")
    filters: dict[str, FilterMaker[Row]] = {
        **spec.filters,
        "match": contains(_field("title")),
        "canStartFromStart": day_from(_field("canStartFrom")),
        "canStartFromEnd": day_until(_field("canStartFrom")),
        "shouldEndByStart": day_from(_field("shouldEndBy")),
        "shouldEndByEnd": day_until(_field("shouldEndBy")),
    }
    return ListSpec(spec.default, {}, filters, {})
