"""Occupancy, rates and stays of invented portfolios agree with a count from scratch, night by night.

What happened is invented first: which unit of which listing was whose on which night. From it come the payloads that
Hostaway would send, and, on the other way, the figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from statistics import mean, median
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from landing_harness import LandingHarness, listing, reservation

pytestmark = pytest.mark.integration

ACCOUNTS = count(1)
DAYS = 46
# Over the end of a year, over 29 February, over the days on which clocks change
STARTS = [date(2023, 12, 10), date(2024, 2, 10), date(2025, 2, 20), date(2026, 3, 12), date(2025, 10, 10)]
ZONES = ["UTC", "Europe/Madrid", "America/Los_Angeles", "Pacific/Kiritimati"]
# Words that Hostaway sends, and what they mean here. Of the others, prices and nights count nowhere.
STATUSES = {
    "new": "booking",
    "modified": "booking",
    "ownerStay": "owner",
    "cancelled": "cancelled",
    "inquiry": "nothing",
    "inquiryPreapproved": "nothing",
    "pending": "nothing",
    "unconfirmed": "nothing",
    "declined": "nothing",
    "expired": "nothing",
}


@dataclass(frozen=True)
class Stay:
    """A reservation, whether it takes nights or not."""

    place: int
    nights: int
    status: str
    units: int
    price: int | None
    tax: int | None
    currency: str
    payout: int | None
    booked: datetime

    @property
    def kind(self) -> str:
        return STATUSES[self.status]


@dataclass
class House:
    """A listing with what happened in it."""

    number: int
    units: int
    zone: str
    currency: str
    start: date
    has_calendar: bool
    stays: list[Stay] = field(default_factory=list)
    holds: dict[int, int] = field(default_factory=dict)

    def taken(self, place: int, *kinds: str) -> int:
        """Units that stays of these kinds take in a night."""
        return sum(
            stay.units for stay in self.stays if stay.kind in kinds and stay.place <= place < stay.place + stay.nights
        )

    def day(self, place: int) -> date:
        return self.start + timedelta(place)


@st.composite
def stays(draw: st.DrawFn, house: House) -> Stay:
    place = draw(st.integers(0, DAYS - 10))
    status = draw(st.sampled_from([*STATUSES, "new", "modified", "new"]))
    arrival = datetime.combine(house.day(place), datetime.min.time(), UTC)
    currency = (
        house.currency if STATUSES[status] == "cancelled" else draw(st.sampled_from([house.currency] * 3 + ["USD"]))
    )
    return Stay(
        place=place,
        nights=draw(st.integers(0, 9)),
        status=status,
        units=draw(st.integers(1, house.units)),
        price=draw(st.one_of(st.none(), st.integers(0, 300_000))),
        tax=draw(st.one_of(st.none(), st.integers(0, 5_000))),
        currency=currency,
        payout=draw(st.one_of(st.none(), st.integers(0, 20_000))),
        booked=arrival - timedelta(draw(st.integers(0, 60)), hours=draw(st.integers(1, 23))),
    )


@st.composite
def houses(draw: st.DrawFn, number: int, start: date) -> House:
    house = House(
        number=number,
        units=draw(st.sampled_from([1, 1, 1, 2, 3])),
        zone=draw(st.sampled_from(ZONES)),
        currency=draw(st.sampled_from(["EUR", "USD"])),
        start=start,
        has_calendar=draw(st.sampled_from([True, True, True, False])),
    )
    for stay in draw(st.lists(stays(house), max_size=9)):
        nights = range(stay.place, stay.place + stay.nights)
        if stay.kind not in ("booking", "owner") or all(
            house.taken(night, "booking", "owner") + stay.units <= house.units for night in nights
        ):
            house.stays.append(stay)
    for place in draw(st.lists(st.integers(0, DAYS - 1), max_size=8)):
        free = house.units - house.taken(place, "booking", "owner")
        if free:
            house.holds[place] = draw(st.integers(1, free))
    return house


def payloads(house: House, first_id: int) -> dict[str, list[dict[str, Any]]]:
    """What Hostaway says of a house."""
    booked = [
        reservation(
            first_id + place,
            house.number,
            status=stay.status,
            arrivalDate=str(house.day(stay.place)),
            departureDate=str(house.day(stay.place + stay.nights)),
            nights=stay.nights,
            totalPrice=None if stay.price is None else stay.price / 100,
            taxAmount=None if stay.tax is None else stay.tax / 100,
            currency=stay.currency,
            reservationUnit=[{"id": place * 10 + unit} for unit in range(stay.units)] if house.units > 1 else [],
            reservationDate=f"{stay.booked:%Y-%m-%d %H:%M:%S}",
            cancellationDate=f"{stay.booked + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
            if stay.kind == "cancelled"
            else None,
            airbnbListingCancellationPayout=None if stay.payout is None else stay.payout / 100,
        )
        for place, stay in enumerate(house.stays)
    ]
    days = []
    for place in range(DAYS if house.has_calendar else 0):
        reserved, blocked = house.taken(place, "booking", "owner"), house.holds.get(place, 0)
        free = house.units - reserved - blocked
        counts = {"countAvailableUnits": house.units, "countReservedUnits": reserved, "countBlockedUnits": blocked}
        day: dict[str, Any] = {
            "listingMapId": house.number,
            "date": str(house.day(place)),
            "isAvailable": int(free > 0),
        }
        days.append({**day, **counts, "availableUnitsToSell": free, "minimumStay": 1})
    named = listing(house.number, timeZoneName=house.zone, currencyCode=house.currency)
    return {"listings": [named], "reservations": booked, "calendar_days": days}


@dataclass
class Month:
    """Figures of a house in a month."""

    booked: int = 0
    owner: int = 0
    hold: int = 0
    available: int = 0
    cancelled: int = 0
    payouts: list[Fraction] = field(default_factory=list)
    amounts: dict[str, list[Fraction]] = field(default_factory=lambda: defaultdict(list))
    ex_tax: dict[str, list[Fraction]] = field(default_factory=lambda: defaultdict(list))
    nights_by_currency: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    stays: list[int] = field(default_factory=list)
    windows: list[int] = field(default_factory=list)


def months(house: House) -> dict[date, Month]:
    found: dict[date, Month] = defaultdict(Month)
    for place in range(DAYS):
        month = found[house.day(place).replace(day=1)]
        booked, owner = house.taken(place, "booking"), house.taken(place, "owner")
        month.booked += booked
        month.owner += owner
        month.hold += house.holds.get(place, 0)
        month.available += house.units - booked - owner - house.holds.get(place, 0)
        month.cancelled += house.taken(place, "cancelled")
    for stay in house.stays:
        local = stay.booked.astimezone(ZoneInfo(house.zone)).date()
        for place in range(stay.place, stay.place + stay.nights):
            month = found[house.day(place).replace(day=1)]
            if stay.kind == "booking":
                month.nights_by_currency[stay.currency] += stay.units
                if stay.price is not None:
                    month.amounts[stay.currency] += [Fraction(stay.price, 100 * stay.nights)] + [Fraction()] * (
                        stay.units - 1
                    )
                if stay.price is not None and stay.tax is not None:
                    month.ex_tax[stay.currency] += [Fraction(stay.price - stay.tax, 100 * stay.nights)]
                    month.ex_tax[stay.currency] += [Fraction()] * (stay.units - 1)
                if place == stay.place:
                    month.stays.append(stay.nights)
                    month.windows.append((house.day(place) - local).days)
            elif stay.kind == "cancelled" and stay.payout is not None:
                month.payouts.append(Fraction(stay.payout, 100 * stay.nights))
    return found


COLUMNS = """
    period_date, currency, nights, booked_nights, owner_nights, hold_nights, available_nights, cancelled_nights,
    paid_occupancy, paid_and_owner_occupancy, adjusted_occupancy, gross_revenue, gross_nights, revenue_ex_tax,
    ex_tax_nights, adr_gross, revpar_gross, adjusted_revpar_gross, cancellation_payout, check_ins, length_of_stay_mean,
    length_of_stay_median, booking_window_mean, booking_window_median
"""


def about(value: Any, digits: float = 0.011) -> Any:
    return None if value is None else pytest.approx(float(value), abs=digits)


def share(part: Any, whole: Any, digits: float = 0.0001) -> Any:
    return about(Fraction(part) / whole, digits) if whole else None


def check(house: House, rows: list[dict[str, Any]]) -> None:
    seen = {row["period_date"]: row for row in rows}
    for first, month in months(house).items():
        if not house.has_calendar and not (month.booked or month.owner or month.cancelled):
            continue
        row = seen[first]
        assert [row[name] for name in ("booked_nights", "owner_nights", "cancelled_nights")] == [
            month.booked,
            month.owner,
            month.cancelled,
        ]
        if house.has_calendar:
            nights = month.booked + month.owner + month.hold + month.available
            assert (row["nights"], row["hold_nights"], row["available_nights"]) == (nights, month.hold, month.available)
            assert row["paid_occupancy"] == share(month.booked, nights)
            assert row["paid_and_owner_occupancy"] == share(month.booked + month.owner, nights)
            assert row["adjusted_occupancy"] == share(month.booked, month.booked + month.available)
        assert row["check_ins"] == len(month.stays)
        for name, values in (("length_of_stay", month.stays), ("booking_window", month.windows)):
            assert row[f"{name}_mean"] == (about(mean(values)) if values else None)
            assert row[f"{name}_median"] == (about(median(values)) if values else None)
        check_money(house, month, row)


def check_money(house: House, month: Month, row: dict[str, Any]) -> None:
    most = max(month.nights_by_currency.values(), default=0)
    currencies = [name for name, nights in month.nights_by_currency.items() if nights == most]
    if not month.booked:
        assert (row["gross_revenue"] or 0, row["adr_gross"], row["currency"]) == (0, None, house.currency)
    elif len(currencies) == 1:
        assert row["currency"] == currencies[0]
        amounts, ex_tax = month.amounts[currencies[0]], month.ex_tax[currencies[0]]
        assert row["gross_revenue"] == (about(sum(amounts)) if amounts else None)
        assert row["revenue_ex_tax"] == (about(sum(ex_tax)) if ex_tax else None)
        assert (row["gross_nights"], row["ex_tax_nights"]) == (len(amounts), len(ex_tax))
        assert row["adr_gross"] == share(sum(amounts), len(amounts), 0.02)
        if house.has_calendar and amounts:
            nights = month.owner + month.hold + month.available + len(amounts)
            assert row["revpar_gross"] == share(sum(amounts), nights, 0.02)
            assert row["adjusted_revpar_gross"] == share(sum(amounts), month.available + len(amounts), 0.02)
    if row["currency"] == house.currency:
        assert row["cancellation_payout"] == (about(sum(month.payouts)) if month.payouts else None)


@settings(
    max_examples=3, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)
@given(data=st.data())
def test_figures_agree_with_a_count_from_scratch(harness: LandingHarness, data: st.DataObject) -> None:
    portfolios = {
        next(ACCOUNTS): [
            data.draw(houses(number, data.draw(st.sampled_from(STARTS))))
            for number in range(1, data.draw(st.integers(2, 3)))
        ]
        for _ in range(25)
    }
    for account, portfolio in portfolios.items():
        for resource, rows in landed(portfolio):
            harness.land(resource, *rows, account=account)
    harness.transform()
    query = f"select {COLUMNS} from marts.listing_performance where period = 'month'"
    for account, portfolio in portfolios.items():
        for house in portfolio:
            found = harness.connection.execute(
                f"{query} and account_id = %s and listing_id = %s", (account, house.number)
            ).fetchall()
            check(house, [plain(row) for row in found])


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def landed(portfolio: list[House]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for house in portfolio:
        yield from payloads(house, house.number * 100).items()
