"""The figures that vendors publish for worked examples come out of the marts, each as an account of its own.

The number of a test is that of its row in docs/analytics.md.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from landing_harness import LandingHarness, listing, reservation

pytestmark = pytest.mark.integration

TODAY = datetime.now(UTC).date()
START = date(2025, 1, 1)


def nights(start: date, count: int, *, listing_id: int = 1, **fields: Any) -> list[dict[str, Any]]:
    """Calendar days, free unless they say otherwise."""
    return [
        {"listingMapId": listing_id, "date": str(start + timedelta(place)), "isAvailable": 1, **fields}
        for place in range(count)
    ]


def stay(number: int, start: date, count: int, price: Any = 100, **fields: Any) -> dict[str, Any]:
    """A booking of some nights."""
    dates = {"arrivalDate": str(start), "departureDate": str(start + timedelta(count)), "nights": count}
    return reservation(
        number,
        fields.pop("listing_id", 1),
        **{
            **dates,
            "totalPrice": price,
            "taxAmount": 0,
            "currency": "EUR",
            "reservationDate": f"{start - timedelta(20)} 12:00:00",
            **fields,
        },
    )


def owner(number: int, start: date, count: int) -> dict[str, Any]:
    return stay(number, start, count, 0, status="ownerStay")


def rent(amount: float) -> list[dict[str, Any]]:
    return [{"id": 1, "type": "accommodation", "name": "baseRate", "total": amount, "isDeleted": 0}]


def message(number: int, conversation: int, at: str, *, guest: bool, **fields: Any) -> dict[str, Any]:
    sender = {} if guest else {"userId": 5}
    return {
        "id": number,
        "conversationId": conversation,
        "isIncoming": int(guest),
        "date": f"2025-01-{at}:00",
        "body": "…",
        **sender,
        **fields,
    }


def july(year: int) -> date:
    return date(year, 7, 1)


YEAR = TODAY.year - 1
NEXT_MONTH = (TODAY.replace(day=1) + timedelta(32)).replace(day=1)


def landed() -> dict[int, dict[str, list[dict[str, Any]]]]:
    """What each account has: account, resource, payloads."""

    def later(days: int) -> date:
        return START + timedelta(days)

    def ago(days: int) -> str:
        return f"{TODAY - timedelta(days)} 12:00:00"

    five = date(2025, 1, 6)
    return {
        1: {
            "reservations": [stay(1, START, 44)],
            "calendar_days": nights(START, 100),
        },
        2: {
            "reservations": [stay(1, START, 44), owner(2, later(50), 12)],
            "calendar_days": nights(START, 100),
        },
        4: {
            "reservations": [stay(1, START, 85), owner(2, later(85), 10)],
            "calendar_days": [*nights(START, 95), *nights(later(95), 5, isAvailable=0)],
        },
        5: {
            "reservations": [stay(number, START, 10) for number in range(1, 11)],
            "calendar_days": [
                *nights(START, 10, countAvailableUnits=10, countReservedUnits=10, availableUnitsToSell=0),
                *nights(later(10), 20, countAvailableUnits=10, countReservedUnits=0, availableUnitsToSell=10),
            ],
        },
        6: {"reservations": [stay(1, five, 5, 500)], "calendar_days": nights(five, 5)},
        7: {
            "reservations": [stay(1, five, 5, 1450, cleaningFee=200, financeField=rent(1250))],
            "calendar_days": nights(five, 5),
        },
        8: {"reservations": [stay(1, five, 1, 100), stay(2, five + timedelta(1), 1, 300)]},
        9: {"reservations": [stay(1, START, 75)], "calendar_days": nights(START, 150)},
        10: {"reservations": [stay(1, START, 303)], "calendar_days": nights(START, 357)},
        11: {"reservations": [stay(1, date(2025, 1, 29), 6, 600)]},
        12: {"reservations": [stay(1, date(2025, 1, 10), 2)]},
        13: {
            "reservations": [stay(1, START, 30)],
            "calendar_days": [*nights(START, 95), *nights(later(95), 5, isAvailable=0)],
        },
        14: {"reservations": [stay(1, five, 5, 1000)], "calendar_days": nights(five, 10)},
        16: {
            "reservations": [
                stay(1, july(YEAR), 7, 700, reservationDate=f"{YEAR}-03-10 12:00:00"),
                # cancelled in the end, and on the books until then
                stay(
                    2,
                    july(YEAR) + timedelta(10),
                    2,
                    200,
                    reservationDate=f"{YEAR}-03-11 12:00:00",
                    status="cancelled",
                    cancellationDate=f"{YEAR}-04-20 12:00:00",
                ),
                stay(3, july(YEAR) + timedelta(20), 4, 400, reservationDate=f"{YEAR}-04-02 12:00:00"),
                stay(4, july(YEAR - 1), 5, 500, reservationDate=f"{YEAR - 1}-03-10 12:00:00"),
                # booked too late to be known on 1 April
                stay(5, july(YEAR - 1) + timedelta(10), 10, 999, reservationDate=f"{YEAR - 1}-05-10 12:00:00"),
            ],
        },
        17: {
            "reservations": [
                stay(1, NEXT_MONTH, 10, 1000, reservationDate=ago(60)),
                stay(2, NEXT_MONTH + timedelta(12), 5, 500, reservationDate=ago(3)),
                stay(
                    3,
                    NEXT_MONTH + timedelta(20),
                    3,
                    300,
                    reservationDate=ago(60),
                    status="cancelled",
                    cancellationDate=ago(2),
                ),
            ],
        },
        18: {
            "reservations": [
                stay(number, five + timedelta(number), 1, reservationDate=f"{five + timedelta(number - days)} 12:00:00")
                for number, days in ((1, 10), (2, 20), (3, 60))
            ],
        },
        19: {"reservations": [stay(1, five, 2, 500), stay(2, five + timedelta(3), 4, 700)]},
        20: {
            "reservations": [
                *(stay(number, five + timedelta(number * 3), 2) for number in (1, 2, 3)),
                stay(4, five, 2, status="cancelled", cancellationDate=f"{five - timedelta(12)} 12:00:00"),
                stay(5, five, 2, status="inquiry"),
                stay(6, five, 2, status="pending"),
                stay(7, five, 2, status="declined"),
            ],
            "calendar_days": nights(five, 20),
        },
        22: {
            "reservations": [stay(1, five, 2, 500, financeField=rent(400)), owner(2, five + timedelta(2), 3)],
            "calendar_days": nights(five, 10),
        },
        23: {
            "reservations": [
                stay(1, five, 2),
                stay(2, five, 2, status="inquiry"),
                stay(3, five, 2, status="pending"),
                stay(4, five, 2, status="cancelled", cancellationDate="2025-01-02 10:00:00"),
                stay(5, five, 2, status="inquiry"),
            ],
            "conversations": [{"id": number, "reservationId": number, "listingMapId": 1} for number in range(1, 6)],
            "messages": [
                # a template answers at once, a person after 30 minutes
                message(11, 1, "01 10:00", guest=True),
                message(12, 1, "01 10:01", guest=False, communicationId=9),
                message(13, 1, "01 10:05", guest=True),
                message(14, 1, "01 10:30", guest=False),
                message(15, 1, "02 10:00", guest=True),
                message(16, 1, "02 11:00", guest=False),
                message(21, 2, "01 10:00", guest=True),
                message(22, 2, "01 10:10", guest=False),
                message(31, 3, "01 10:00", guest=True),
                message(32, 3, "03 10:00", guest=False),
                message(41, 4, "01 10:00", guest=True),
                message(42, 4, "09 10:00", guest=False),
                message(51, 5, "01 10:00", guest=True),
            ],
        },
        24: {
            "reservations": [stay(1, five, 2), stay(2, five + timedelta(4), 2)],
            "calendar_days": nights(five, 6, minimumStay=3),
        },
        25: {
            "listings": [listing(1), listing(2)],
            "reservations": [stay(1, five, 5)],
            "calendar_days": [*nights(five, 10), *nights(five, 10, listing_id=2)],
        },
        26: {
            "reservations": [stay(1, five, 1), stay(2, five, 1)],
            "calendar_days": nights(five, 1, countAvailableUnits=3, countReservedUnits=2, availableUnitsToSell=1),
        },
        27: {
            "reservations": [
                stay(
                    1,
                    five,
                    2,
                    400,
                    status="cancelled",
                    cancellationDate="2025-01-02 10:00:00",
                    airbnbListingCancellationPayout=122,
                )
            ],
            "calendar_days": nights(five, 10),
        },
        28: {
            "listings": [listing(1), listing(2, currencyCode="USD")],
            "reservations": [
                stay(1, five, 2, 200),
                stay(2, five + timedelta(2), 1, 7, currency="USD"),
                stay(3, five, 2, 500, currency="USD", listing_id=2),
            ],
        },
        29: {"reservations": [stay(1, five, 2, 999, status="inquiry")], "calendar_days": nights(five, 10)},
        30: {
            "reservations": [
                stay(1, five, 2, 400, channelId=2002),
                stay(2, five + timedelta(3), 2, 400, channelId=2018, airbnbExpectedPayoutAmount=350),
                stay(3, five + timedelta(6), 2, 400, channelId=2018, airbnbExpectedPayoutAmount=401),
            ],
        },
    }


@pytest.fixture(scope="module")
def marts(harness_of_module: LandingHarness) -> LandingHarness:
    """All examples, landed and built once."""
    for account, resources in landed().items():
        for resource, payloads in {"listings": [listing(1)], **resources}.items():
            harness_of_module.land(resource, *payloads, account=account)
    harness_of_module.connection.execute(
        "insert into ops.exchange_rates values ('USD', '2025-01-01', 0.5, 'EUR'), ('EUR', '2025-01-01', 1, 'EUR')"
    )
    harness_of_module.transform()
    return harness_of_module


def total(marts: LandingHarness, account: int, expressions: str, period: str = "day") -> tuple[Any, ...]:
    """Figures of an account over all its listings and periods."""
    query = f"select {expressions} from marts.listing_performance where account_id = {account} and period = '{period}'"
    return marts.rows(query)[0]


OCCUPANCIES = """
    round(sum(booked_nights) / sum(nights), 4)::float,
    round((sum(booked_nights) + sum(owner_nights)) / sum(nights), 4)::float,
    round(sum(booked_nights) / sum(bookable_nights), 4)::float
"""


def test_01_paid_occupancy(marts: LandingHarness) -> None:
    """Key Data: 44 guest nights of 100."""
    assert total(marts, 1, OCCUPANCIES)[0] == 0.44


def test_02_and_03_owner_nights_are_sold_or_taken_out(marts: LandingHarness) -> None:
    """Key Data: with 12 owner nights 56 %, and 44 of 88 when they are taken out."""
    assert total(marts, 2, OCCUPANCIES) == (0.44, 0.56, 0.5)


def test_04_highest_possible_paid_occupancy(marts: LandingHarness) -> None:
    """Key Data: 10 % owner and 5 % hold leave 85 %."""
    assert total(marts, 4, OCCUPANCIES) == (0.85, 0.95, 1.0)


def test_05_units_times_days(marts: LandingHarness) -> None:
    """VRMIntel: 10 units x 30 days, 100 nights sold: 33 %."""
    assert total(marts, 5, f"sum(nights)::int, {OCCUPANCIES}")[:2] == (300, 0.3333)


def test_06_price_by_night(marts: LandingHarness) -> None:
    """Key Data: 500 for 5 nights."""
    assert total(marts, 6, "array_agg(distinct adr_gross::int)") == ([100],)


def test_07_rate_with_and_without_cleaning(marts: LandingHarness) -> None:
    """AirDNA: 5 x 250 and cleaning 200."""
    assert total(marts, 7, "adr_ex_tax::int, adr_accommodation::int", "month") == (290, 250)


def test_08_rate_of_two_nights(marts: LandingHarness) -> None:
    """Wheelhouse: 100 and 300."""
    assert total(marts, 8, "adr_gross::int", "month") == (200,)


def test_09_and_10_reserved_days_are_occupancy_times_available_days(marts: LandingHarness) -> None:
    """AirDNA: 150 available days at 50 % are 75; 357 at 85 % are 303.5, so 303 whole ones."""
    figures = (
        "sum(booked_nights)::int, sum(bookable_nights)::int, round(sum(booked_nights) / sum(bookable_nights), 2)::float"
    )
    assert total(marts, 9, figures) == (75, 150, 0.5)
    assert total(marts, 10, figures) == (303, 357, 0.85)


def test_11_a_stay_over_the_end_of_a_month(marts: LandingHarness) -> None:
    """Uplisting: 29 January to 4 February."""
    months = (
        "select period_date::text, booked_nights::int, gross_revenue::int from marts.listing_performance"
        " where account_id = 11 and period = 'month' order by 1"
    )
    assert marts.rows(months) == [("2025-01-01", 3, 300), ("2025-02-01", 3, 300)]


def test_12_length_of_stay(marts: LandingHarness) -> None:
    """PriceLabs: Friday to Sunday."""
    assert total(marts, 12, "length_of_stay_mean::float, length_of_stay_median::float", "month") == (2, 2)


def test_13_out_of_order_stays_in_one_divisor_and_not_in_the_other(marts: LandingHarness) -> None:
    """STR: 30 of 100 are 30 %; with 5 taken off, 31.57 %."""
    paid, _, adjusted = total(marts, 13, OCCUPANCIES)
    assert (paid, adjusted) == (0.3, pytest.approx(0.3157, abs=2e-4))


def test_14_revenue_by_all_nights(marts: LandingHarness) -> None:
    """Key Data: rate 200 at 50 %."""
    figures = "adr_gross::int, paid_occupancy::float, revpar_gross::int"
    assert total(marts, 14, figures, "month") == (200, 0.5, 100)


def test_15_rate_times_occupancy(marts: LandingHarness) -> None:
    """Wheelhouse: adjusted RevPAR is ADR times adjusted occupancy, in every row of every account."""
    apart = """
        select count(*) filter (
            where
            abs(adjusted_revpar_gross - gross_revenue / bookable_nights) > 0.01
            or abs(adjusted_revpar_gross - adr_gross * adjusted_occupancy) > 0.05 + adr_gross * 0.0001
        ), count(*) > 100
        from marts.listing_performance
        where gross_nights = booked_nights and booked_nights > 0
    """
    assert marts.rows(apart) == [(0, True)]


def test_16_pace_compares_with_what_was_known_a_year_before(marts: LandingHarness) -> None:
    """Lodgify, OwnerRez: July as of 1 April beside last July as known on 1 April of last year."""
    pace = """
        select nights_on_the_books::int, nights_last_year::int, gross_revenue_last_year::int
        from marts.booking_pace
        where account_id = 16 and stay_month = %s and as_of_date = %s
    """
    assert marts.rows(pace, july(YEAR), date(YEAR, 4, 1)) == [(9, 5, 500)]
    assert marts.rows(pace, july(YEAR), date(YEAR, 4, 30)) == [(11, 5, 500)]


def test_17_pickup_of_seven_days(marts: LandingHarness) -> None:
    """PriceLabs: what is on the books now, less what was seven days ago."""
    pickup = """
        select net_nights::int, booked_nights::int, cancelled_nights::int
        from marts.pickup
        where account_id = 17 and stay_month = %s and as_of_date = current_date and days = 7
    """
    assert marts.rows(pickup, NEXT_MONTH) == [(2, 5, 3)]
    books = (
        "select nights_on_the_books::int from marts.booking_pace where account_id = 17 and as_of_date = current_date"
    )
    assert marts.value(books + " - 7") + 2 == marts.value(books)


def test_18_booking_window(marts: LandingHarness) -> None:
    """Key Data: the mean; STR Signals: the median."""
    assert total(marts, 18, "booking_window_mean::float, booking_window_median::float", "month") == (30, 20)


def test_19_average_total_stay_value(marts: LandingHarness) -> None:
    """Key Data: total revenue by check-ins."""
    assert total(marts, 19, "average_stay_value::int, check_ins::int", "month") == (600, 2)


def test_20_cancellation_rate(marts: LandingHarness) -> None:
    """Airbnb: cancelled by confirmed bookings; requests and inquiries in neither."""
    mix = "select bookings::int, cancelled_bookings::int, cancellation_rate::float from marts.channel_mix"
    assert marts.rows(mix + " where account_id = 20") == [(3, 1, 0.25)]


def test_21_cancelled_nights_and_cancellation_window(marts: LandingHarness) -> None:
    """Key Data: two figures of their own."""
    mix = "select cancelled_nights::float / (nights + cancelled_nights), cancellation_window_mean::float"
    assert marts.rows(mix + " from marts.channel_mix where account_id = 20") == [(0.25, 12)]
    assert total(marts, 20, "cancelled_nights::int", "month") == (2,)


def test_22_owner_lost_opportunity(marts: LandingHarness) -> None:
    """Key Data: owner nights times the rate of the unit."""
    assert total(marts, 22, "owner_nights::int, owner_lost_opportunity::int", "month") == (3, 600)


def test_23_first_response(marts: LandingHarness) -> None:
    """Host Tools: the median, in six buckets, by kind; cancelled ones left out."""
    first = """
        select kind, percentile_cont(0.5) within group (order by response_minutes)::float, min(response_bucket)
        from marts.message_response
        where account_id = 23 and is_first and not is_cancelled
        group by kind
        order by kind
    """
    assert marts.rows(first) == [
        ("booking", 30, "2: within 1 hour"),
        ("inquiry", 10, "1: within 15 minutes"),
        ("request", 2880, "6: later"),
    ]
    waiting = (
        "select conversation_id from marts.message_response where account_id = 23 and is_waiting order by asked_at"
    )
    assert marts.rows(waiting) == [(5,)]


def test_24_a_night_that_only_the_minimum_stay_blocks_is_available(marts: LandingHarness) -> None:
    """Uplisting."""
    figures = "available_nights::int, unsellable_nights::int, adjusted_occupancy::float"
    assert total(marts, 24, figures, "month") == (2, 2, pytest.approx(0.6667))


def test_25_a_listing_without_a_booking(marts: LandingHarness) -> None:
    """A portfolio keeps it; AirDNA's figure of a market leaves it out."""
    assert total(marts, 25, OCCUPANCIES, "month")[0] == 0.25
    sold = "select sum(booked_nights) / sum(nights) from marts.listing_performance"
    assert marts.value(sold + " where account_id = 25 and period = 'month' and booked_nights > 0") == 0.5


def test_26_units_and_dates(marts: LandingHarness) -> None:
    """Three units, two of them booked: two of three, or one date for Hostaway."""
    figures = "booked_nights::int, nights::int, hostaway_booked_days::int, hostaway_occupancy::int"
    assert total(marts, 26, figures) == (2, 3, 1, 1)


def test_27_a_cancelled_booking_with_a_payout(marts: LandingHarness) -> None:
    """STR Signals, Hostaway: no nights, no revenue, and 122 in a column of its own."""
    figures = "booked_nights::int, gross_revenue::int, cancellation_payout::int"
    assert total(marts, 27, figures, "month") == (0, 0, 122)


def test_28_currencies_are_never_added(marts: LandingHarness) -> None:
    rows = (
        "select listing_id, currency, gross_revenue::int, booked_nights::int, gross_nights::int,"
        " gross_revenue_converted::int, reporting_currency"
        " from marts.listing_performance where account_id = 28 and period = 'month' order by 1"
    )
    assert marts.rows(rows) == [(1, "EUR", 200, 3, 2, 200, "EUR"), (2, "USD", 500, 2, 2, 250, "EUR")]


def test_29_an_inquiry_is_no_revenue(marts: LandingHarness) -> None:
    assert total(marts, 29, "booked_nights::int, gross_revenue::int, adr_gross", "month") == (0, 0, None)
    assert marts.value("select count(*) from marts.reservation_revenue where account_id = 29") == 0


def test_30_an_unknown_payout_is_null(marts: LandingHarness) -> None:
    payouts = "select reservation_id, payout::int from marts.reservation_revenue where account_id = 30 order by 1"
    assert marts.rows(payouts) == [(1, None), (2, 350), (3, None)]
