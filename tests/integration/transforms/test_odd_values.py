"""Unexpected values become null, and stop no transform."""

from __future__ import annotations

from typing import Any

import pytest

from landing_harness import LandingHarness, listing, reservation

pytestmark = pytest.mark.integration

BLANKS = ["\u00a0", "\u2003", "\u200b", "\ufeff", "\x0b", "\x0c", "\x1f", "\x85"]
DIGITS = ["\u0661\u0662", "\uff11\uff12", "\u0967", "1\u0662"]
ENDLESS = "1" * 20_000


def odd_numbers() -> list[Any]:
    padded = [text for blank in BLANKS for text in (f"{blank}5", f"5{blank}", f" {blank} 5")]
    return [
        *padded,
        *DIGITS,
        ENDLESS,
        f"0.{ENDLESS}",
        f"5.{'0' * 20_000}",
        int("9" * 4_000),
        "1e999",
        "NaN",
        "Infinity",
        "0x10",
        "1_000",
        "- 1",
        "",
        " \t\n\r",
        [],
        {},
        ["5"],
        {"a": 5},
        True,
    ]


def odd_moments() -> list[Any]:
    return [
        *(f"{blank}2026-01-02" for blank in BLANKS),
        *(f"2026-01-02{blank}" for blank in BLANKS),
        "\u0662\u0660\u0662\u0666-01-02",
        "2026-13-01",
        "0000-00-00 00:00:00",
        "9999-12-31",
        [],
        {},
        20260102,
    ]


ODD_TIMES = (
    "2026-01-02 0\u0663:00:00",
    f"2026-01-02 03:04:05.{ENDLESS}",
    "2026-01-02 03:04:05+99:00",
    "2026-01-02 24:00",
)


def test_what_no_cast_takes_becomes_null(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    numbers = [
        reservation(
            number, nights=value, totalPrice=value, channelId=value, isPaid=value, status=value, guestName=value
        )
        for number, value in enumerate(odd_numbers(), start=100)
    ]
    moments = [
        reservation(number, arrivalDate=value, reservationDate=value, cancellationDate=value, guestEmail=value)
        for number, value in enumerate(odd_moments(), start=1000)
    ]
    moments += [reservation(number, reservationDate=value) for number, value in enumerate(ODD_TIMES, start=2000)]
    harness.land("reservations", *numbers, *moments)
    assert harness.transform().rows_deferred == 0
    assert harness.value("select count(*) from hostaway.reservations") == len(numbers) + len(moments)
    assert (
        harness.rows(
            "select reservation_id, nights, total_price, channel_id from hostaway.reservations"
            " where reservation_id < 1000 and (nights is not null or total_price is not null or channel_id is not null)"
        )
        == []
    )
    assert (
        harness.rows(
            "select reservation_id, arrival_date, booked_at, cancelled_at from hostaway.reservations where"
            " reservation_id >= 1000 and coalesce(booked_at, cancelled_at) is not null"
            " or reservation_id between 1000 and 1999 and arrival_date is not null"
        )
        == []
    )


@pytest.mark.parametrize(
    ("value", "nights", "price"),
    [
        (" 5\t", 5, "5"),
        ("\n+5.00\r", 5, "5.00"),
        (5.0, 5, "5.0"),
        ("5.5", None, "5.5"),
        (5.5, None, "5.5"),
        (".5", None, "0.5"),
        ("-1e2", None, "-100"),
        ("999999999", 999_999_999, "999999999"),
        (1_000_000_000, None, "1000000000"),
        (f"0.{'1' * 30}", None, f"0.{'1' * 30}"),
        (f"0.{'1' * 31}", None, None),
    ],
)
def test_numbers_are_read_however_they_come(
    harness: LandingHarness, value: Any, nights: int | None, price: str | None
) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10, nights=value, totalPrice=value))
    harness.transform()
    assert harness.rows("select nights, total_price::text from hostaway.reservations") == [(nights, price)]


def test_blanks_around_a_moment_do_not_matter(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land(
        "reservations", reservation(10, arrivalDate="\t2026-01-02\n", reservationDate="\r2026-01-02T03:04:05Z ")
    )
    harness.transform()
    assert harness.rows(
        "select arrival_date::text, (booked_at at time zone 'UTC')::text from hostaway.reservations"
    ) == [("2026-01-02", "2026-01-02 03:04:05")]


def test_a_status_of_blanks_is_none(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land(
        "reservations", reservation(10, status=" \t"), reservation(11, status=None), reservation(12, status=[])
    )
    harness.transform()
    assert (
        harness.rows("select status, status_group, is_booking, is_known_status from hostaway.reservations")
        == [(None, "other", False, False)] * 3
    )


def test_empty_lists_and_objects_in_place_of_each_other_break_nothing(harness: LandingHarness) -> None:
    harness.land(
        "listings",
        listing(1, listingImages={}, customFieldValues={}, listingCustomFields=[]),
        listing(2, listingImages=[[], {}, "x", None, 5, {"id": []}], customFieldValues=[[], {}, None, "x"]),
        listing(3, customFieldValues="none", listingImages="none"),
    )
    harness.land("reservations", reservation(10, customFieldValues={"0": {"value": "v"}}, reservationFees={}))
    harness.land("conversations", {"id": 20, "reservationId": 10, "Reservation": [], "conversationMessages": {}})
    harness.land("messages", {"id": 30, "conversationId": 20, "attachments": {}, "Reservation": [], "body": []})
    harness.land(
        "calendar_days", {"listingMapId": 1, "date": "2026-03-01", "reservations": {}, "note": {}, "price": []}
    )
    assert harness.transform().rows_deferred == 0
    assert harness.rows("select body, attachments_count from hostaway.messages") == [(None, 0)]
    assert harness.rows("select note, price from hostaway.calendar_days") == [(None, None)]


def test_a_photo_is_left_out_only_if_its_id_cannot_be_read(harness: LandingHarness) -> None:
    images = [
        {"id": 1, "url": {"large": "https://img/1"}, "caption": ["x"]},
        {"id": "2", "url": "https://img/2"},
        {"id": {}, "url": "https://img/3"},
        {"url": "https://img/4"},
    ]
    harness.land("listings", listing(1, listingImages=images))
    harness.transform()
    assert harness.rows("select photo_id, url, caption from hostaway.listing_photos order by 1") == [
        (1, None, None),
        (2, "https://img/2", None),
    ]


def test_texts_without_end_are_kept_and_are_no_identity(harness: LandingHarness) -> None:
    text = "".join(chr(0x4E00 + (index * 7919) % 20_000) for index in range(9_000))
    email = f"{text[:6_000]}@mail.com"
    harness.land("listings", listing(1, name=text))
    rows = [
        reservation(10, channelId=2018, guestExternalAccountId=text, guestEmail=email, guestName=text[:4_000]),
        reservation(11, channelId=2018, guestExternalAccountId=text, guestEmail=email, guestName=text[:4_000]),
        # as long as identities get
        reservation(
            12, channelId=10**17, guestExternalAccountId=text[:255], guestEmail=email[-254:], guestName=text[:255]
        ),
        reservation(13, guestEmail=email[-254:], guestName=text[:255]),
    ]
    harness.land("reservations", *rows)
    harness.transform()
    assert harness.rows(
        "select reservation_id, guest_id, length(guest_name) from hostaway.reservations order by 1"
    ) == [
        (10, 10, 4_000),
        (11, 11, 4_000),
        (12, 12, 255),
        (13, 12, 255),
    ]


def test_sums_have_room(harness: LandingHarness) -> None:
    most: dict[str, Any] = {
        "nights": 999_999_999,
        "totalPrice": "9" * 30,
        "guestEmail": "ann@mail.com",
        "currency": "EUR",
    }
    harness.land("listings", listing(1))
    harness.land(
        "reservations",
        *(reservation(n, **most, arrivalDate="2026-03-01", departureDate="2028-06-01") for n in range(10, 14)),
        reservation(14, nights=0, totalPrice="1e99", arrivalDate="2026-03-02", departureDate="2026-03-02"),
    )
    harness.land("calendar_days", {"listingMapId": 1, "date": "2026-03-01", "price": "1e-99"})
    harness.transform()
    assert harness.value("select max(booked_nights) from hostaway.guests") == 4 * 999_999_999
    assert harness.value("select count(*) from marts.reservation_revenue where revenue_per_night is not null") == 4
    assert (
        harness.value("select count(*) from marts.listing_performance where period = 'month' and gross_revenue > 0")
        == 27
    )
