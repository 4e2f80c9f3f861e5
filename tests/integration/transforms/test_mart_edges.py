"""Cases at the edge of the marts' definitions, each an account of its own, with the answer worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from landing_harness import LandingHarness, listing, reservation

pytestmark = pytest.mark.integration

START = date(2026, 3, 1)
# In one of them it is always another day than in UTC.
FAR_ZONES = {1: "Pacific/Kiritimati", 2: "Pacific/Pago_Pago"}
LEAP_DAY = date(2024, 2, 29)


def stay(number: int, first: int, nights: int, listing_id: int = 1, /, **fields: Any) -> dict[str, Any]:
    """A booking from a day of March 2026 on."""
    arrival = START + timedelta(first - 1)
    dates = {"arrivalDate": str(arrival), "departureDate": str(arrival + timedelta(nights)), "nights": nights}
    money = {"totalPrice": 300, "taxAmount": 30, "currency": "EUR", "channelId": 2000, "channelName": "direct"}
    return reservation(number, listing_id, **{**dates, **money, **fields})


def departing(number: int, listing_id: int, days_from_today: int) -> dict[str, Any]:
    """A booking that ends so many days after the day that it is where the listing is."""
    departure = datetime.now(ZoneInfo(FAR_ZONES[listing_id])).date() + timedelta(days_from_today)
    dates = {"arrivalDate": str(departure - timedelta(2)), "departureDate": str(departure), "nights": 2}
    return reservation(number, listing_id, **{**dates, "totalPrice": 10, "guestEmail": f"g{number}@mail.com"})


def message(number: int, minute: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "conversationId": 20, "date": f"2026-03-01 10:{minute:02}:00", "body": "…", **fields}


def line(name: str, total: float, kind: str = "accommodation", **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "total": total, **fields}


def landed() -> Iterator[tuple[int, str, list[dict[str, Any]]]]:
    """Account, resource and payloads, in the order in which they land; a transform where there is no resource."""
    yield 1, "listings", [listing(1)]
    yield 1, "reservations", [stay(1, 1, 2, status="Un-Confirmed"), stay(2, 5, 2, status="NEW"), stay(3, 9, 2)]
    cancelled = {"status": "Cancelled", "cancellationDate": "2026-02-01 10:00:00"}
    yield 1, "reservations", [stay(1, 1, 2, **cancelled), stay(2, 5, 2, **cancelled)]

    yield 2, "listings", [listing(1)]
    yield 2, "reservations", [stay(10, 1, 2)]
    yield 2, "conversations", [{"id": 20, "reservationId": 10}]
    unsent = ["failed", "awaiting", "paused", "cancelled_by_user", "cancelled_by_system"]
    host = [
        message(31 + place, 5 + place, isIncoming=0, userId=7, status=status) for place, status in enumerate(unsent)
    ]
    yield 2, "messages", [message(30, 0, isIncoming=1), *host]

    yield 3, "listings", [listing(1)]
    yield (
        3,
        "reservations",
        [
            stay(1, 1, 4, nights=None),
            stay(2, 6, 2, nights=7),
            stay(3, 10, 0),
            stay(4, 12, -2),
            stay(5, 14, 1, departureDate=None, nights=1),
        ],
    )

    yield 4, "listings", [listing(number, timeZoneName=zone) for number, zone in FAR_ZONES.items()]
    yield 4, "reservations", [departing(10 * number + days, number, days) for number in FAR_ZONES for days in (0, 1)]

    yield 5, "listings", [listing(1, timeZoneName="America/Los_Angeles"), listing(2, timeZoneName="Asia/Tokyo")]
    review = {"type": "guest-to-host", "rating": 9, "submittedAt": "2026-05-01 03:00:00"}
    yield 5, "reviews", [{"id": 40, "listingMapId": 1, **review}, {"id": 41, "listingMapId": 2, **review}]

    yield 6, "listings", [listing(1)]
    july = {"arrivalDate": "2024-07-01", "departureDate": "2024-07-04", "nights": 3}
    yield 6, "reservations", [reservation(1, 1, **july, reservationDate=f"{LEAP_DAY} 12:00:00")]

    yield 7, "listings", [listing(1)]
    lines = [line("baseRate", 200), line("pricePerExtraPerson", 40), line("weeklyDiscount", 20, "discount")]
    removed = line("baseRate", 999, isDeleted=1)
    units = [{"guestName": "Ann"}, {"guestName": "Bob"}]
    yield 7, "reservations", [stay(1, 1, 2, financeField=[*lines, removed], reservationUnit=units)]
    yield 7, "reservations", [stay(2, 5, 2, financeField=[line("vat", 21, "tax"), line("vat", 9, "tax")])]

    yield 8, "listings", [listing(1)]
    yield 8, "reservations", [stay(1, 1, 2, reservationUnit=[{"id": 5}, {"id": 6}, {"id": 7}])]
    yield 8, "", []
    yield 8, "reservations", [stay(1, 1, 2, reservationUnit=[{"id": 5}, {"id": 6}])]

    yield 9, "listings", [listing(1)]
    yield 9, "reservations", [stay(1, 1, 2, reservationDate=None, updatedOn="2026-01-05 10:00:00")]

    yield 10, "listings", [listing(1), listing(2, currencyCode="USD")]
    zoe = {"guestEmail": "zoe@mail.com", "guestName": "Zoe Quill", "arrivalDate": "2024-05-01"}
    euros = {**zoe, "departureDate": "2024-05-03", "currency": "EUR"}
    dollars = {**zoe, "departureDate": "2024-05-09", "currency": "USD"}
    yield 10, "reservations", [stay(1, 1, 2, **euros), stay(2, 1, 2, 2, **dollars)]

    yield 11, "listings", [listing(number, currencyCode="EUR") for number in (1, 2, 3)]
    kept = [
        stay(1, 1, 1, 1, airbnbListingCancellationPayout=100, **cancelled),
        stay(2, 1, 1, 1, airbnbListingCancellationPayout=60, currency="USD", **cancelled),
        stay(3, 5, 1, 1, airbnbListingCancellationPayout=40, **cancelled),
        stay(4, 5, 1, 1, currency="USD", **cancelled),
        stay(5, 1, 1, 2, airbnbListingCancellationPayout=70, **cancelled),
        stay(6, 2, 1, 2, airbnbListingCancellationPayout=80, currency="USD", **cancelled),
        stay(7, 1, 1, 3),
        stay(8, 5, 1, 3, airbnbListingCancellationPayout=90, currency="USD", **cancelled),
    ]
    yield 11, "reservations", kept


@pytest.fixture(scope="module")
def marts(harness_of_module: LandingHarness) -> LandingHarness:
    """All cases, landed and built once."""
    for account, resource, payloads in landed():
        if resource:
            harness_of_module.land(resource, *payloads, account=account)
        else:
            harness_of_module.transform()
    harness_of_module.transform()
    return harness_of_module


def test_a_request_that_was_declined_is_no_cancelled_booking_however_its_status_was_spelled(
    marts: LandingHarness,
) -> None:
    mix = "select bookings::int, cancelled_bookings::int, cancelled_nights::int from marts.channel_mix"
    assert marts.rows(mix + " where account_id = 1") == [(1, 1, 2)]
    first = "select status, status_group from marts.reservation_history where account_id = 1 and reservation_id = 1"
    assert marts.rows(first + " order by version")[0] == ("unconfirmed", "request")


def test_what_did_not_reach_the_guest_is_no_answer(marts: LandingHarness) -> None:
    turns = "select is_waiting, replied_at from marts.message_response where account_id = 2"
    assert marts.rows(turns) == [(True, None)]


def test_nights_are_those_between_the_days_where_these_are_known(marts: LandingHarness) -> None:
    nights = "select reservation_id, nights, revenue_per_night::int from marts.reservation_revenue where account_id = 3"
    assert marts.rows(nights + " order by 1") == [
        (1, 4, 75),
        (2, 2, 150),
        (3, 0, None),
        (4, 0, None),
        (5, 1, 300),
    ]
    assert marts.value("select sum(nights) from marts.channel_mix where account_id = 3") == 6
    booked = "select sum(booked_nights) from marts.listing_performance where account_id = 3 and period = 'day'"
    assert marts.value(booked) == 6


def test_a_stay_is_over_on_its_last_day_where_the_listing_is(marts: LandingHarness) -> None:
    stays = "select sum(completed_stays)::int, sum(coming_stays)::int from marts.guest_value where account_id = 4"
    assert marts.rows(stays) == [(2, 2)]


def test_a_guest_who_paid_in_two_currencies_has_come_again(marts: LandingHarness) -> None:
    guests = "select currency, completed_stays, completed_stays_of_guest, is_repeat_guest from marts.guest_value"
    assert marts.rows(f"{guests} where account_id = 10 order by 1") == [("EUR", 1, 2, True), ("USD", 1, 2, True)]


def test_the_month_of_a_review_is_that_of_the_listing(marts: LandingHarness) -> None:
    months = "select listing_id, month_date::text from marts.review_summary where account_id = 5 order by 1"
    assert marts.rows(months) == [(1, "2026-04-01"), (2, "2026-05-01")]


@pytest.mark.skipif(datetime.now(UTC).date() - date(2025, 2, 28) > timedelta(1100), reason="pace looks back 1,100 days")
def test_a_booking_of_29_february_is_not_known_on_the_28th_of_the_next_year(marts: LandingHarness) -> None:
    pace = (
        "select nights_last_year::int from marts.booking_pace"
        " where account_id = 6 and stay_month = '2025-07-01' and as_of_date = %s"
    )
    assert marts.rows(pace, "2025-02-28") == []
    assert marts.rows(pace, "2025-03-01") == [(3,)]


def test_lines_and_units_without_an_id_count(marts: LandingHarness) -> None:
    money = (
        "select reservation_id, accommodation_revenue::int, units from marts.reservation_revenue where account_id = 7"
    )
    assert marts.rows(money + " order by 1") == [(1, 220, 2), (2, None, 1)]
    taxes = "select tax, amount::int from marts.occupancy_taxes where account_id = 7 order by reservation_id"
    assert marts.rows(taxes) == [("unspecified", 30), ("vat", 30)]
    lines = "select finance_field_id, total::int from hostaway.reservation_finance_fields where account_id = 7"
    assert marts.rows(lines + " and reservation_id = 1 order by 1 desc") == [(-1, 200), (-2, 40), (-3, 20), (-4, 999)]


def test_a_booking_takes_the_units_that_it_has_now(marts: LandingHarness) -> None:
    assert marts.value("select units from marts.reservation_revenue where account_id = 8") == 2
    booked = "select sum(booked_nights) from marts.listing_performance where account_id = 8 and period = 'day'"
    assert marts.value(booked) == 4


def test_a_booking_without_a_date_of_booking_is_known_from_its_last_change_on(marts: LandingHarness) -> None:
    known = "select known_from_date::text from marts.reservation_history where account_id = 9"
    assert marts.rows(known) == [("2026-01-05",)]


def test_payouts_of_several_currencies_are_not_added_and_the_currency_tells_it(marts: LandingHarness) -> None:
    figures = "cancellation_payout::int, cancellation_currency"
    nights = f"select {figures} from marts.listing_nights where account_id = 11 and listing_id = 1"
    assert marts.rows(nights + " and cancelled_nights > 0 order by date") == [(None, "several"), (40, "EUR")]
    months = f"select listing_id, currency, {figures} from marts.listing_performance where account_id = 11"
    assert marts.rows(months + " and period = 'month' order by 1") == [
        (1, "EUR", None, "several"),
        (2, "EUR", None, "several"),
        (3, "EUR", None, "USD"),
    ]
    kept = "select currency, sum(amount)::int from marts.owner_statement_lines where account_id = 11"
    kept += " and listing_id = 1 and line_type = 'cancellation_payout' group by 1 order by 1"
    assert marts.rows(kept) == [("EUR", 140), ("USD", 60)]
