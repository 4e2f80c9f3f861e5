"""The nights of a reservation. They are read again with it, because a calendar has no change stamp and no event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sync_hostaway.core.resources import Resource
from sync_hostaway.events.refetch import FetchRequest
from sync_hostaway.extract.context import Window
from sync_hostaway.hostaway.values import as_date, as_flag, as_id

DateRange = tuple[int, date, date]
"""Days of a listing's calendar, both ends included."""


@dataclass(frozen=True)
class ReservationNights:
    """Listing and dates of a reservation, arrival and departure included, and its status."""

    listing_id: int
    arrival: date
    departure: date
    status: str

    @classmethod
    def of(cls, reservation: dict[str, Any] | None) -> ReservationNights | None:
        """The nights of a raw reservation; None if it has no dates, or only unreadable ones."""
        if reservation is None or as_flag(reservation.get("isDatesUnspecified")):
            return None
        listing_id = as_id(reservation.get("listingMapId"))
        arrival, departure = as_date(reservation.get("arrivalDate")), as_date(reservation.get("departureDate"))
        if listing_id is None or arrival is None or departure is None:
            return None
        return cls(listing_id, arrival, departure, str(reservation.get("status")))

    @property
    def date_range(self) -> DateRange:
        """Its days, arrival and departure included."""
        return self.listing_id, self.arrival, self.departure


def calendar_requests(date_ranges: Iterable[DateRange], window: Window) -> list[FetchRequest]:
    """Days within the mirrored window. Adjacent or overlapping ranges of a listing are merged."""
    requests: list[FetchRequest] = []
    for listing_id, first, last_day in sorted(date_ranges):
        start, end = max(first, window.start), min(last_day, window.end)
        if start > end:
            continue
        last = requests[-1] if requests else None
        if last and last.end and last.id == listing_id and start <= last.end + timedelta(days=1):
            requests[-1] = FetchRequest(Resource.CALENDAR_DAYS, listing_id, last.start, max(last.end, end))
        else:
            requests.append(FetchRequest(Resource.CALENDAR_DAYS, listing_id, start, end))
    return requests
