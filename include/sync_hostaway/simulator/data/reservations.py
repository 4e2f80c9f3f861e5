"""Reservations from the seed: columns for sorting and filtering at the start, the full object at the first read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from random import Random

from sync_hostaway.simulator.data.clock import DAY, day_text, parse_day, stamp
from sync_hostaway.simulator.data.listings import ListingOutline
from sync_hostaway.simulator.data.rows import ReservationRow
from sync_hostaway.simulator.data.seeds import mix, stream

_RESERVATIONS = 31

AIRBNB, VRBO, BOOKING, DIRECT, ENGINE = 2018, 2002, 2005, 2000, 2013
CHANNEL_NAMES = {
    AIRBNB: "airbnbOfficial",
    VRBO: "homeaway",
    BOOKING: "bookingcom",
    DIRECT: "direct",
    ENGINE: "bookingengine",
}
# Recorded shares (592 Airbnb, 76 Vrbo, 35 direct, 4 engine of 707) reduced for Booking.com.
_CHANNELS = {AIRBNB: 815, VRBO: 104, BOOKING: 27, DIRECT: 48, ENGINE: 6}
# Recorded shares; the states that were not in the recording get a trace so that clients meet them.
_STATUSES = {
    "new": 2180,
    "modified": 2050,
    "cancelled": 840,
    "declined": 200,
    "expired": 40,
    "inquiry": 1490,
    "inquiryPreapproved": 50,
    "inquiryNotPossible": 160,
    "inquiryDenied": 6,
    "inquiryTimedout": 6,
    "ownerStay": 12,
    "pending": 8,
    "awaitingPayment": 8,
    "awaitingGuestVerification": 4,
    "unconfirmed": 4,
    "unknown": 2,
}
BLOCKING = frozenset({"new", "modified", "ownerStay", "awaitingPayment", "awaitingGuestVerification"})
BOOKED = frozenset({"new", "modified"})
_AIRBNB_ONLY = frozenset({"pending", "awaitingPayment", "awaitingGuestVerification", "unknown"})
_HISTORY_DAYS = 730
_BULK_SIZE = 18


class _Weighted:
    """Draws from a fixed distribution in a few hundred nanoseconds."""

    def __init__(self, weights: dict[str, int] | dict[int, int]) -> None:
        self._values: list[int | str] = list(weights)
        self._bounds = list(accumulate(weights.values()))

    def draw(self, rng: Random) -> int | str:
        return self._values[bisect_left(self._bounds, rng.random() * self._bounds[-1])]


def rows(
    seed: int,
    account_id: int,
    count: int,
    listings: Sequence[ListingOutline],
    hidden: set[int],
    anchor: int,
    share: float,
) -> list[ReservationRow]:
    """All reservations in the order in which they were inserted; `share` of them lie on hidden listings."""
    rng = stream(seed, account_id, _RESERVATIONS)
    visible = [line for line in listings if line.id not in hidden]
    orphaned = [line for line in listings if line.id in hidden]
    inserted = sorted(anchor - 120 - int(rng.random() * (_HISTORY_DAYS * DAY)) for _ in range(count))
    bulk = sorted(anchor - 60 - int(rng.random() * 400 * DAY) for _ in range(max(1, count // (_BULK_SIZE * 6))))
    channels, statuses = _Weighted(_CHANNELS), _Weighted(_STATUSES)
    taken: dict[int, set[int]] = {}
    result = []
    for index, moment in enumerate(inserted):
        row = ReservationRow((account_id % 1000) * 1_000_000 + 100_000 + index * 5 + int(rng.random() * 5))
        lines = orphaned if orphaned and rng.random() < share else visible
        row.index = index
        row.listing_id = lines[int(rng.random() * len(lines))].id
        row.channel_id, row.status = _channel_and_status(rng, channels, statuses)
        # Squaring favours low numbers: some guests return often, most come once or twice.
        row.guest = int(rng.random() * rng.random() * count * 1.6)
        row.unspecified = row.status == "inquiry" and rng.random() < 0.06
        _stay(rng, row, moment, anchor, taken.setdefault(row.listing_id, set()))
        _times(rng, row, moment, anchor, bulk)
        row.conversations = ()
        result.append(row)
    return result


def _channel_and_status(rng: Random, channels: _Weighted, statuses: _Weighted) -> tuple[int, str]:
    channel, status = int(channels.draw(rng)), str(statuses.draw(rng))
    if status in _AIRBNB_ONLY or (status.startswith("inquiry") and channel != VRBO):
        channel = AIRBNB
    elif status == "unconfirmed":
        channel = VRBO
    elif status == "ownerStay":
        channel = DIRECT
    return channel, status


def _stay(rng: Random, row: ReservationRow, moment: int, anchor: int, taken: set[int]) -> None:
    """Dates of the stay; bookings that block the calendar avoid each other where a few tries suffice."""
    booked = moment // DAY
    if row.unspecified:
        row.arrival = row.departure = day_text(anchor // DAY - 1)
        return
    for _ in range(4):
        arrival = booked + int(rng.random() * rng.random() * 220)
        nights = 1 + int(rng.random() * rng.random() * 12)
        stay = range(arrival, arrival + nights)
        if row.status not in BLOCKING or taken.isdisjoint(stay):
            break
    if row.status in BLOCKING:
        taken.update(stay)
    row.arrival, row.departure = day_text(arrival), day_text(arrival + nights)


def _times(rng: Random, row: ReservationRow, moment: int, anchor: int, bulk: list[int]) -> None:
    """insertedOn <= latestActivityOn <= updatedOn < anchor, with the recorded lag and shared bulk updates."""
    span = anchor - 60 - moment
    updated = moment + int(rng.random() * min(span, 240 * DAY))
    if rng.random() < 0.17:
        later = bisect_left(bulk, moment)
        if later < len(bulk):
            updated = bulk[later + int(rng.random() * (len(bulk) - later))]
    lag = _lag(rng)
    row.inserted_on = stamp(moment)
    row.updated_on = stamp(updated)
    row.activity_on = stamp(max(moment, updated - lag))


def _lag(rng: Random) -> int:
    """Seconds by which latestActivityOn lags: none in 52 % of rows, over an hour in 23 %, over a day in 13 %."""
    draw = rng.random()
    if draw < 0.51:
        return 0
    if draw < 0.76:
        return 1 + int(rng.random() * 3600)
    if draw < 0.86:
        return 3600 + int(rng.random() * 82_800)
    return DAY + int(rng.random() * rng.random() * 394 * DAY)


def nights_of(row: ReservationRow) -> int:
    """Nights between the dates of the row, 0 for dates that cannot be read."""
    arrival, departure = parse_day(row.arrival), parse_day(row.departure)
    return 0 if arrival is None or departure is None else max(0, departure - arrival)


def units_taken(row: ReservationRow, line: ListingOutline) -> int:
    """Units of its listing that a reservation takes."""
    return 1 + mix(row.id, line.number) % line.units


def by_listing(reservations: Iterable[ReservationRow]) -> dict[int, list[ReservationRow]]:
    """Reservations that block calendar days, per listing."""
    result: dict[int, list[ReservationRow]] = {}
    for row in reservations:
        if row.status in BLOCKING and not row.unspecified:
            result.setdefault(row.listing_id, []).append(row)
    return result
