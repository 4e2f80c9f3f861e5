"""Calendar days of a listing, made on demand from the seed and the reservations that block them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sync_hostaway.simulator.data.clock import day_text, parse_day
from sync_hostaway.simulator.data.listings import ListingOutline
from sync_hostaway.simulator.data.reservations import units_taken
from sync_hostaway.simulator.data.rows import JsonObject, ReservationRow
from sync_hostaway.simulator.data.seeds import mix

_CALENDAR = 51
_BLOCKED_SHARE = 6  # of 256 days


def occupancy(blocking: Sequence[ReservationRow], first: int, last: int) -> dict[int, list[int]]:
    """Reservation ids per day number; the departure day is free again."""
    nights: dict[int, list[int]] = {}
    for row in blocking:
        arrival, departure = parse_day(row.arrival), parse_day(row.departure)
        if arrival is None or departure is None:
            continue
        for day in range(max(arrival, first), min(departure, last + 1)):
            nights.setdefault(day, []).append(row.id)
    return nights


def days(
    seed: int,
    account_id: int,
    line: ListingOutline,
    blocking: Sequence[ReservationRow],
    span: range,
    changes: Mapping[int, JsonObject],
) -> list[tuple[JsonObject, list[int]]]:
    """The days of `span` (day numbers) with the ids of the reservations on each."""
    nights = occupancy(blocking, span.start, span.stop - 1)
    units = {row.id: units_taken(row, line) for row in blocking}
    result = []
    for number in span:
        booked = nights.get(number, [])
        payload = _day(seed, account_id, line, number, len(booked), sum(units[row] for row in booked))
        payload.update(changes.get(number, {}))
        result.append((payload, booked))
    return result


def _day(seed: int, account_id: int, line: ListingOutline, number: int, booked: int, taken: int) -> JsonObject:
    """A day with so many reservations on it, which take so many units."""
    draw = mix(seed, account_id, _CALENDAR, line.number, number)
    blocked = not booked and draw & 0xFF < _BLOCKED_SHARE
    reserved = min(taken, line.units)
    left = line.units - reserved - int(blocked)
    weekend = (number + 3) % 7 >= 4
    price: float = line.price + (40 if weekend else 0) + ((draw >> 8) & 0x1F)
    if draw >> 16 & 7 == 0:
        price += 0.5
    return {
        "id": (account_id % 200) * 10_000_000 + line.number * 15_000 + (number - 10_000) % 15_000,
        "date": day_text(number),
        "isAvailable": int(left > 0),
        "isProcessed": 1,
        "status": "available" if left else "reserved" if booked else "blocked",
        "price": price,
        "minimumStay": 1 + (draw >> 20 & 3),
        "maximumStay": 365,
        "closedOnArrival": (None, 0, 0, 1)[draw >> 24 & 3] if draw >> 28 & 7 == 0 else 0,
        "closedOnDeparture": 0,
        "note": "Owner's weekend 🛠" if blocked else None,
        # How many units there are, booked or not; how many are left is availableUnitsToSell.
        "countAvailableUnits": line.units,
        "availableUnitsToSell": left,
        "countPendingUnits": 0,
        "countBlockingReservations": booked,
        "countBlockedUnits": int(blocked),
        "desiredUnitsToSell": line.units,
        "countReservedUnits": reserved,
        "reservations": [],
    }
