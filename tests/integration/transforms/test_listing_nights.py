"""Each night of each listing, and what became of it."""

from __future__ import annotations

from typing import Any

import psutil
import pytest

from landing_harness import LandingHarness, listing, reservation
from sync_hostaway.local.postgres import EmbeddedPostgres
from waiting import eventually

pytestmark = pytest.mark.integration


def days(listing_id: int, free_from: int = 1, month: str = "2026-03", **fields: Any) -> list[dict[str, Any]]:
    """Ten nights, the first of them not available any more."""
    return [
        {"listingMapId": listing_id, "date": f"{month}-{day:02}", "isAvailable": int(day >= free_from), **fields}
        for day in range(1, 11)
    ]


def stay(number: int, listing_id: int, first: int, last: int, price: Any = None, **fields: Any) -> dict[str, Any]:
    """A booking of March, from one day to another."""
    dates = {"arrivalDate": f"2026-03-{first:02}", "departureDate": f"2026-03-{last:02}", "nights": last - first}
    return reservation(number, listing_id, **{**dates, "totalPrice": price, "currency": "EUR", **fields})


def statuses(harness: LandingHarness, listing_id: int = 1) -> str:
    """The first letters of the nights' statuses, unit by unit."""
    rows = harness.rows(
        "select left(night_status, 1) from marts.listing_nights where listing_id = %s order by date, unit_number",
        listing_id,
    )
    return "".join(row[0] for row in rows)


def test_a_night_is_booked_or_the_owners_or_on_hold_or_available(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", stay(10, 1, 1, 3, 300), stay(11, 1, 3, 4, status="ownerStay"))
    harness.land("reservations", stay(12, 1, 6, 8, 999, status="inquiry"))
    harness.land("calendar_days", *days(1, 6))
    harness.transform()
    assert statuses(harness) == "bbohhaaaaa"


def test_a_part_of_the_price_is_lost_nowhere(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", stay(10, 1, 1, 8, "100.01"), stay(11, 1, 8, 11, 100, currency="JPY"))
    harness.transform()
    shares = "select reservation_id, sum(gross_revenue), count(*) from marts.listing_nights group by 1 order by 1"
    assert [(number, str(total), nights) for number, total, nights in harness.rows(shares)] == [
        (10, "100.01", 7),
        (11, "100.00", 3),
    ]


def test_years_before_the_first_sync_come_from_reservations(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", stay(10, 1, 1, 3, 300, arrivalDate="2025-07-01", departureDate="2025-07-03"))
    harness.land("calendar_days", *days(1))
    harness.transform()
    july = (
        "select night_status, night_source, count(*) from marts.listing_nights where date < '2025-08-01' group by 1, 2"
    )
    assert sorted(harness.rows(july)) == [("available", "reservations", 29), ("booked", "reservations", 2)]
    assert harness.value("select min(night_source) from marts.listing_nights where date >= '2026-03-01'") == "calendar"


def test_units_are_counted_each_and_once_more_as_hostaway_does(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", stay(10, 1, 1, 3, 200), stay(11, 1, 1, 2, 100))
    harness.land("calendar_days", *days(1, countAvailableUnits=3, availableUnitsToSell=3))
    harness.transform()
    assert statuses(harness) == "bba" + "baa" + "aaa" * 8
    month = "select booked_nights, nights, hostaway_booked_days, hostaway_available_days from marts.listing_performance"
    assert harness.rows(month + " where period = 'month'") == [(3, 30, 2, 10)]


def test_a_booking_of_several_units_takes_them_all(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", stay(10, 1, 1, 2, "100.01", reservationUnit=[{"id": 1}, {"id": 2}]))
    harness.land("calendar_days", *days(1, countAvailableUnits=3, availableUnitsToSell=1))
    harness.transform()
    first = "select night_status, gross_revenue::text from marts.listing_nights where date = '2026-03-01'"
    assert harness.rows(first + " order by unit_number") == [
        ("booked", "50.01"),
        ("booked", "50.00"),
        ("available", None),
    ]


def test_free_nights_that_no_stay_can_include(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", stay(10, 1, 1, 3), stay(11, 1, 5, 7))
    harness.land("calendar_days", *days(1, minimumStay=3))
    harness.transform()
    unsellable = "select array_agg(extract(day from date)::int order by date) from marts.listing_nights"
    assert harness.value(unsellable + " where is_unsellable_by_rule") == [3, 4]
    assert statuses(harness) == "bbaabbaaaa"


def test_nights_that_are_over_stay_what_they_were_when_the_listing_changes(harness: LandingHarness) -> None:
    harness.land("listings", listing(1), listing(2))
    harness.land("reservations", stay(10, 1, 1, 4, 300), stay(20, 2, 1, 4, 300))
    harness.land("calendar_days", *days(1, 4), *days(2, 4))
    harness.transform()
    nights = "select * from marts.listing_nights order by listing_id, date"
    figures = (
        "select period, period_date, currency, nights, booked_nights, available_nights, gross_revenue"
        " from marts.listing_performance order by listing_id, period, period_date"
    )
    before, performance = harness.rows(nights), harness.rows(figures)
    assert len(before) == 20
    # one becomes a listing in dollars, the other leaves, comes back, and is archived
    harness.land("listings", listing(1, currencyCode="USD"))
    leave(harness, 2)
    harness.transform()
    harness.land("listings", listing(2))
    harness.transform()
    harness.land("listings", listing(2, specialStatus="archived"))
    harness.transform()
    assert (harness.rows(nights), harness.rows(figures)) == (before, performance)
    harness.transform(full_refresh=True)
    assert (harness.rows(nights), harness.rows(figures)) == (before, performance)


def leave(harness: LandingHarness, listing_id: int) -> None:
    """Hostaway has a listing and all that hangs on it no more, as a sync notes it."""
    for table, key in (("listings", "id"), ("reservations", "listingMapId"), ("calendar_days", "listingMapId")):
        harness.connection.execute(
            f"""
            with load as (insert into ops.loads (account_id, resource) values (1, '{table}') returning load_id)
            update landing.{table} set deleted_at = now(), load_id = (select load_id from load)
            where payload ->> '{key}' = %s
            """,
            (str(listing_id),),
        )


def test_a_booking_that_moves_leaves_no_night_behind(harness: LandingHarness) -> None:
    harness.land("listings", listing(1), listing(2))
    harness.land("reservations", stay(10, 1, 1, 3, 300))
    harness.transform()
    harness.land("reservations", stay(10, 2, 5, 6, 100))
    harness.transform()
    moved = "select listing_id, date::text, gross_revenue::int from marts.listing_nights where night_status = 'booked'"
    assert harness.rows(moved) == [(2, "2026-03-05", 100)]
    assert harness.value("select count(*) from marts.listing_nights where listing_id = 1") == 0
    incremental = harness.rows("select * from marts.listing_nights order by 1, 2, 3, 4")
    harness.transform(full_refresh=True)
    assert harness.rows("select * from marts.listing_nights order by 1, 2, 3, 4") == incremental


def test_urgent_transforms_leave_the_marts_to_the_next(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", stay(10, 1, 1, 3, 300))
    harness.transform()
    harness.land("reservations", stay(10, 1, 1, 4, 450))
    assert "listing_nights" not in harness.transform(marts=False).rows
    assert statuses(harness) == "bb"
    assert harness.transform().rows["listing_nights"] == 2
    assert statuses(harness) == "bbb"
    assert harness.transform().transform_id is None


def test_a_request_that_was_declined_is_no_cancelled_booking(harness: LandingHarness) -> None:
    cancelled = {"cancellationDate": "2026-02-20 10:00:00"}
    harness.land("listings", listing(1))
    harness.land("reservations", stay(10, 1, 1, 3, status="unconfirmed"), stay(11, 1, 4, 6))
    harness.transform()
    harness.land("reservations", stay(10, 1, 1, 3, status="cancelled", **cancelled))
    harness.land("reservations", stay(11, 1, 4, 6, status="cancelled", **cancelled))
    harness.transform()
    mix = "select sum(bookings)::int, sum(cancelled_bookings)::int, sum(cancelled_nights)::int from marts.channel_mix"
    assert harness.rows(mix) == [(0, 1, 2)]
    assert harness.value("select sum(cancelled_nights)::int from marts.listing_nights") == 2


def test_words_of_a_status_are_read_in_any_case(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", stay(10, 1, 1, 3, status="NEW"), stay(11, 1, 3, 4, status="ownerstay"))
    harness.transform()
    assert statuses(harness) == "bbo"


def test_listings_are_left_out_by_tag_group_and_id(harness: LandingHarness) -> None:
    harness.land(
        "listings",
        listing(1, listingTags=[{"id": 1, "name": "test"}]),
        listing(2),
        listing(3),
        listing(4),
    )
    harness.transform()
    included = "select array_agg(listing_id order by listing_id) from marts.reporting_listings where is_included"
    assert harness.value(included) == [1, 2, 3, 4]
    harness.connection.execute(
        """
        insert into ops.listing_groups values (1, 2, 'Lake'), (1, 3, 'Lake');
        insert into ops.listing_filters values (1, 'tag', 'test'), (1, 'listing', '4')
        """
    )
    assert harness.value(included) == [2, 3]
    harness.connection.execute(
        "insert into ops.listing_filters values (1, 'group', 'Lake', true), (1, 'listing', '3', false)"
    )
    assert harness.value(included) == [2]


def test_what_was_known_of_a_reservation_is_kept(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", stay(10, 1, 1, 3, 300))
    harness.transform()
    # both between two transforms
    harness.land("reservations", stay(10, 1, 1, 4, 450))
    harness.land("reservations", stay(10, 1, 1, 4, 450, status="cancelled"))
    harness.transform()
    history = "select version, status, total_price::int, known_until is null from marts.reservation_history order by 1"
    kept = [(1, "new", 300, False), (2, "new", 450, False), (3, "cancelled", 450, True)]
    assert harness.rows(history) == kept
    changes = "select field, old_value, new_value from marts.reservation_changes order by version, field"
    assert harness.rows(changes) == [
        ("departure_date", "2026-03-03", "2026-03-04"),
        ("total_price", "300", "450"),
        ("status", "new", "cancelled"),
    ]
    harness.transform(full_refresh=True)
    assert harness.rows(history) == kept


def test_long_calendars_of_many_listings_take_seconds(
    harness: LandingHarness, embedded_postgres: EmbeddedPostgres
) -> None:
    listings, dates = 20, 700
    harness.land("listings", *(listing(number) for number in range(1, listings + 1)))
    load_id = harness.land("calendar_days")
    harness.connection.execute(
        """
        insert into landing.calendar_days
            (account_id, entity_id, parent_id, payload, payload_hash, observed_at, load_id)
        select
            1, listing_id || ':' || day, listing_id,
            jsonb_build_object('listingMapId', listing_id, 'date', day, 'isAvailable', 1, 'minimumStay', 2),
            '', now(), %s
        from generate_series(1, %s) as listing_id
        cross join (select date '2027-01-01' + place as day from generate_series(1, %s) as place) as days
        """,
        (load_id, listings, dates),
    )
    server = psutil.Process(embedded_postgres.status().pid)
    backends, before = set(server.children()), server.cpu_times()
    harness.transform()
    eventually(lambda: not set(server.children()) - backends)
    after = server.cpu_times()
    assert harness.value("select count(*) from marts.listing_nights") == listings * dates
    # It was 16 when each date was compared with the dates of all listings.
    assert after.children_user + after.children_system - before.children_user - before.children_system < 8
