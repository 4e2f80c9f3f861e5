"""What the marts say of money and nights."""

from __future__ import annotations

from typing import Any

import pytest

from landing_harness import LandingHarness, listing, reservation

pytestmark = pytest.mark.integration


def days(listing_id: int, free_from: int, **fields: Any) -> list[dict[str, Any]]:
    """Ten nights of March, the first of them not available any more."""
    return [
        {"listingMapId": listing_id, "date": f"2026-03-{day:02}", "isAvailable": int(day >= free_from), **fields}
        for day in range(1, 11)
    ]


def booking(number: int, listing_id: int, first: int, price: int | None, currency: str = "EUR") -> dict[str, Any]:
    """Three nights from a day of March on."""
    return reservation(
        number,
        listing_id,
        arrivalDate=f"2026-03-{first:02}",
        departureDate=f"2026-03-{first + 3:02}",
        totalPrice=price,
        currency=currency,
    )


def month(harness: LandingHarness, listing_id: int) -> dict[str, float | None]:
    columns = {
        "revenue": "gross_revenue",
        "occupancy": "adjusted_occupancy",
        "adr": "adr_gross",
        "revpar": "adjusted_revpar_gross",
    }
    row = harness.rows(
        f"select {', '.join(f'{column}::float' for column in columns.values())} from marts.listing_performance"
        " where period = 'month' and listing_id = %s",
        listing_id,
    )[0]
    return dict(zip(columns, row, strict=True))


def test_rates_are_per_unit_and_night_whose_price_is_known_in_the_listings_currency(harness: LandingHarness) -> None:
    harness.land("listings", *(listing(number) for number in range(1, 6)))
    harness.land(
        "reservations",
        booking(10, 1, 1, 300),
        booking(11, 1, 4, 300, "USD"),
        *(booking(number, 2, 1, 300) for number in (20, 21, 22)),
        booking(30, 3, 1, 300, "USD"),
        booking(40, 4, 1, 300),
        booking(41, 4, 4, None),
    )
    harness.land("calendar_days", *days(1, 7), *days(3, 4), *days(4, 7), *days(5, 1))
    # of five units, three are booked on the first nights, and one is out of service throughout
    harness.land(
        "calendar_days",
        *(
            {
                **day,
                "countAvailableUnits": 5,
                "countBlockedUnits": 1,
                "countReservedUnits": 3 if place < 3 else 0,
                "availableUnitsToSell": 1 if place < 3 else 4,
            }
            for place, day in enumerate(days(2, 1))
        ),
    )
    harness.transform()

    foreign = month(harness, 1)
    assert foreign == {"revenue": 300, "occupancy": 0.6, "adr": 100, "revpar": pytest.approx(300 / 7, abs=0.01)}
    many_units = month(harness, 2)
    assert many_units == {
        "revenue": 900,
        "occupancy": pytest.approx(9 / 40, abs=1e-4),
        "adr": 100,
        "revpar": pytest.approx(900 / 40, abs=0.01),
    }
    # in the currency of the sale, also if the listing has another one
    assert month(harness, 3) == {"revenue": 300, "occupancy": 0.3, "adr": 100, "revpar": 30}
    assert month(harness, 4)["adr"] == 100
    assert month(harness, 5) == {"revenue": 0, "occupancy": 0, "adr": None, "revpar": 0}


def test_units_that_are_not_on_sale_are_not_available(harness: LandingHarness) -> None:
    harness.land("listings", listing(1), listing(2))
    harness.land("reservations", booking(10, 1, 1, 300))
    of_nine = {"countAvailableUnits": 9, "countReservedUnits": 1}
    harness.land("calendar_days", *days(1, 1, **of_nine, availableUnitsToSell=1))
    # a listing of one unit need not say how many are on sale
    harness.land("calendar_days", *days(2, 1, countAvailableUnits=1, availableUnitsToSell=None))
    harness.transform()
    assert month(harness, 1)["occupancy"] == pytest.approx(3 / 13, abs=1e-4)
    assert month(harness, 1)["revpar"] == pytest.approx(300 / 13, abs=0.01)
    available = "select available_nights from marts.listing_performance where period = 'month' and listing_id = 2"
    assert harness.value(available) == 10


def test_a_night_that_is_booked_is_not_free_because_the_calendar_is_older(harness: LandingHarness) -> None:
    harness.land("listings", listing(1), listing(2))
    harness.land("reservations", booking(10, 1, 1, 300), booking(20, 2, 1, 300))
    harness.land("calendar_days", *days(1, 1), *days(2, 1, countAvailableUnits=2, countReservedUnits=0))
    harness.transform()
    assert month(harness, 1)["occupancy"] == pytest.approx(3 / 10)
    assert month(harness, 2)["occupancy"] == pytest.approx(3 / 20)


def test_days_from_booking_to_arrival_do_not_depend_on_who_asks(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10, reservationDate="2026-02-27 23:30:00"))
    harness.transform()
    for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
        harness.connection.execute(f"set timezone = '{zone}'")
        row = harness.connection.execute("select lead_days from marts.reservation_revenue").fetchone()
        assert row == {"lead_days": 2}, zone


def test_days_from_booking_to_arrival_are_days_of_the_listing(harness: LandingHarness) -> None:
    zones = {1: "America/Los_Angeles", 2: "Asia/Tokyo", 3: "Nowhere/Else", 4: None}
    harness.land("listings", *(listing(number, timeZoneName=zone) for number, zone in zones.items()))
    # 20:00 of the day of arrival in Los Angeles, the next day in UTC
    booked = {"reservationDate": "2026-03-02 04:00:00", "arrivalDate": "2026-03-01"}
    harness.land("reservations", *(reservation(number, number, **booked) for number in zones))
    harness.transform()
    lead_days = dict(harness.rows("select listing_id, lead_days from marts.reservation_revenue"))
    assert lead_days == {1: 0, 2: -1, 3: -1, 4: -1}


def months(harness: LandingHarness) -> list[dict[str, Any]]:
    query = """
        select
            listing_id,
            period_date,
            mirrored_nights,
            booked_nights,
            available_nights,
            gross_revenue::float,
            adjusted_occupancy::float
        from marts.listing_performance
        where period = 'month'
        order by listing_id, period_date
    """
    return [dict(row) for row in harness.connection.execute(query)]


def gone(harness: LandingHarness, table: str, at: str) -> None:
    """Everything of listing 1 is deleted, as a sync would note it."""
    harness.connection.execute(
        f"""
        with load as (insert into ops.loads (account_id, resource) values (1, '{table}') returning load_id)
        update landing.{table} set deleted_at = %s, landed_at = '2026-01-01', load_id = (select load_id from load)
        where payload ->> %s = '1'
        """,
        (at, "id" if table == "listings" else "listingMapId"),
    )


def test_a_listing_that_leaves_leaves_its_nights(harness: LandingHarness) -> None:
    harness.land("listings", listing(1, timeZoneName="America/Los_Angeles"), listing(2))
    harness.land("reservations", booking(10, 1, 1, 300), booking(11, 1, 6, 300), booking(20, 2, 1, 300))
    harness.land("calendar_days", *days(1, 4), *days(2, 4))
    harness.transform()
    before = months(harness)
    # still the 8th where the listing is, the second night of its second booking
    for table in ("listings", "reservations", "calendar_days"):
        gone(harness, table, "2026-03-09 05:00:00+00")
    harness.transform()
    left, stayed = months(harness)
    assert stayed == before[1]
    assert (left["mirrored_nights"], left["booked_nights"], left["gross_revenue"]) == (7, 5, 500)
    harness.transform(full_refresh=True)
    assert months(harness) == [left, stayed]


def test_a_booking_that_is_deleted_alone_is_none(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", booking(10, 1, 1, 300))
    harness.land("calendar_days", *days(1, 4))
    gone(harness, "reservations", "2026-03-20")
    harness.transform()
    assert months(harness)[0]["booked_nights"] == 0
    # nor when its listing leaves later
    gone(harness, "listings", "2026-04-20")
    harness.transform()
    assert months(harness)[0]["booked_nights"] == 0


def test_an_archived_listing_is_not_free(harness: LandingHarness) -> None:
    harness.land("listings", listing(1), listing(2, specialStatus="archived"), listing(3))
    harness.land("reservations", *(booking(number * 10, number, 1, 300) for number in (1, 2, 3)))
    harness.land("calendar_days", *days(1, 4), *days(2, 4), *days(3, 4))
    harness.transform()
    before = months(harness)
    assert [month["available_nights"] for month in before] == [7, 0, 7]
    assert [month["booked_nights"] for month in before] == [3, 3, 3]

    # nights that are over stay what they were; those to come are not on sale
    later = [{**day, "date": day["date"].replace("2026-03", "2100-03")} for day in days(1, 4)]
    harness.land("listings", listing(1, specialStatus="Archived"))
    harness.land("calendar_days", *later)
    harness.transform()
    first, future, *others = months(harness)
    assert [first, *others] == before
    assert (future["mirrored_nights"], future["available_nights"]) == (10, 0)
    harness.transform(full_refresh=True)
    assert months(harness) == [first, future, *others]

    harness.land("listings", listing(1, specialStatus=None))
    harness.transform()
    assert [month["available_nights"] for month in months(harness)][:2] == [7, 7]


def test_a_row_says_how_much_of_its_month_is_in_the_calendar(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("calendar_days", *days(1, 1))
    harness.land("calendar_days", *({"listingMapId": 1, "date": f"2028-02-{day:02}"} for day in range(1, 30)))
    harness.transform()
    shares = (
        "select mirrored_nights, period_days from marts.listing_performance where period = 'month' order by period_date"
    )
    assert harness.rows(shares) == [(10, 31), (29, 29)]


def test_an_expired_request_neither_takes_nights_nor_gives_them_back(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", {**booking(10, 1, 1, 300), "status": "expired"})
    harness.land("calendar_days", *days(1, 4))
    harness.transform()
    assert harness.value("select blocks_calendar from hostaway.reservations") is None
    assert (months(harness)[0]["booked_nights"], months(harness)[0]["available_nights"]) == (0, 7)
