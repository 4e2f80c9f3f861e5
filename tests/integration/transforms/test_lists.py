"""Lists inside payloads are tables of their own: typed, keyed, and emptied when the payload no longer has them."""

from __future__ import annotations

from typing import Any

import pytest

from landing_harness import LandingHarness, listing, reservation

pytestmark = pytest.mark.integration

MILL = listing(
    1,
    listingAmenities=[{"id": 7, "amenityId": 3, "amenityName": "Hot tub"}, {"id": 8, "amenityId": "4"}],
    # PHP writes a list with gaps as an object
    listingBedTypes={"0": {"id": 5, "bedTypeId": 2, "quantity": "2", "bedroomNumber": 1}},
    listingUnits=[{"id": 21, "name": "Unit A", "unitNumber": 1, "listingMapIdUnit": None}],
    listingTags=[{"id": 1, "name": "beach"}, "long stays", {"id": 2}],
    listingFeeSetting=[
        {"id": 9, "feeType": "petFee", "feeAppliedPer": "stay", "amount": "50.5", "appearsIn": ["price", "invoice"]},
        {"id": 9, "feeType": "petFee", "feeAppliedPer": "reservation", "amount": 51},
        {"id": "none", "amount": 1},
    ],
    customFieldValues=[
        {"id": 1, "customFieldId": 501, "value": "car", "customField": {"name": "Arrival by", "isPublic": 1}},
        {"id": 2, "customFieldId": 502, "value": "55", "customField": {"name": "Pinball fee", "isPublic": 1}},
        {"id": 3, "customFieldId": 503, "value": "4711", "customField": {"name": "Door code", "isPublic": 1}},
        {"id": 4, "customFieldId": 504, "value": "blue", "customField": {"name": "Colour", "isPublic": 0}},
        {"id": 5, "customFieldId": 505, "value": "x"},
    ],
)
STAY = reservation(
    10,
    channelId=2002,
    reservationFees=[{"id": 1, "name": "Rent", "amount": 300, "currency": "EUR", "isIncluded": 1, "feeType": ""}],
    financeField=[
        {"id": 2, "type": "fee", "name": "cleaningFee", "total": "80.00", "isDeleted": 0, "isOverriddenByUser": 1},
        {"id": 3, "type": "tax", "name": "vat", "total": None, "isDeleted": 1},
    ],
    reservationUnit=[{"id": 4, "listingUnitId": 21, "guestName": "Ann Lee", "totalPrice": 150}],
    customFieldValues=[
        {"id": 6, "customFieldId": 601, "value": "train", "customField": {"name": "Arrival by", "isPublic": 1}}
    ],
)


def table(harness: LandingHarness, name: str, columns: str) -> list[tuple[Any, ...]]:
    return harness.rows(f"select {columns} from hostaway.{name} order by 1, 2, 3")


@pytest.fixture
def harness(harness: LandingHarness) -> LandingHarness:
    harness.connection.execute("insert into ops.accounts (account_id) values (1)")
    return harness


def test_each_list_is_a_table(harness: LandingHarness) -> None:
    harness.land("listings", MILL)
    harness.land("reservations", STAY)
    harness.land("conversations", {"id": 20, "reservationId": 10})
    harness.land(
        "messages",
        {
            "id": 30,
            "conversationId": 20,
            "attachments": [{"id": 5, "name": "a.pdf", "isImage": 0}],
            "imagesUrls": ["https://x.example/1.jpg"],
        },
    )
    harness.land("reviews", {"id": 40, "reviewCategory": [{"category": "cleanliness", "rating": "8"}, {"rating": 9}]})
    harness.transform()

    assert table(harness, "listing_amenities", "listing_id, amenity_id, amenity_name") == [
        (1, 3, "Hot tub"),
        (1, 4, None),
    ]
    assert table(harness, "listing_bed_types", "listing_id, bed_type_id, quantity, bedroom_number") == [(1, 2, 2, 1)]
    assert table(harness, "listing_units", "listing_id, listing_unit_id, unit_name, unit_number") == [
        (1, 21, "Unit A", "1")
    ]
    assert table(harness, "listing_tags", "listing_id, tag_name, tag_id") == [(1, "beach", 1), (1, "long stays", None)]
    # of two with the same id the later one counts
    assert table(harness, "listing_fee_settings", "listing_id, fee_setting_id, applied_per, amount, appears_in") == [
        (1, 9, "reservation", 51, None)
    ]
    assert table(harness, "reservation_fees", "reservation_id, fee_name, amount, is_included") == [
        (10, "Rent", 300, True)
    ]
    assert table(harness, "reservation_finance_fields", "component_name, total, is_removed, is_overridden") == [
        ("cleaningFee", 80, False, True),
        ("vat", None, True, None),
    ]
    assert table(harness, "reservation_units", "listing_unit_id, guest_name, total_price") == [(21, "Ann Lee", 150)]
    assert table(harness, "message_attachments", "attachment_number, file_name, url, is_image") == [
        (1, "a.pdf", None, False),
        (2, None, "https://x.example/1.jpg", None),
    ]
    assert table(harness, "review_category_ratings", "review_id, category, rating") == [(40, "cleanliness", 8)]


def test_a_custom_field_is_readable_where_the_account_allows_it_and_a_secret_nowhere(harness: LandingHarness) -> None:
    def values() -> dict[int, str]:
        return dict(harness.rows("select custom_field_id, field_value from hostaway.listing_custom_field_values"))

    harness.land("listings", MILL)
    harness.transform()
    assert values() == {501: "car", 502: "55", 503: "***", 504: "***", 505: "***"}
    harness.connection.execute("""update ops.accounts set options = '{"private_custom_fields": true}'""")
    harness.land("listings", MILL)
    harness.transform()
    assert values() == {501: "car", 502: "55", 503: "***", 504: "blue", 505: "***"}


def test_what_a_payload_no_longer_lists_keeps_its_key_alone(harness: LandingHarness) -> None:
    harness.land("listings", MILL)
    harness.land("reservations", STAY)
    harness.transform()
    harness.land(
        "listings", {**MILL, "listingAmenities": [{"amenityId": 4, "amenityName": "Sauna"}], "listingTags": {}}
    )
    harness.land("reservations", {**STAY, "reservationUnit": None, "customFieldValues": []})
    harness.transform()
    assert table(harness, "listing_amenities", "amenity_id, amenity_name, is_deleted") == [
        (3, None, True),
        (4, "Sauna", False),
    ]
    assert table(harness, "listing_tags", "tag_name, tag_id, is_deleted") == [
        ("beach", None, True),
        ("long stays", None, True),
    ]
    assert table(harness, "reservation_units", "listing_unit_id, guest_name, is_deleted") == [(None, None, True)]
    assert table(harness, "reservation_custom_field_values", "custom_field_id, field_value, is_deleted") == [
        (601, None, True)
    ]
    # what did not change was not written again
    assert harness.value("select count(distinct synced_at) from hostaway.reservation_fees") == 1


def test_the_rows_of_a_reservation_that_waits_for_its_listing_come_with_it(harness: LandingHarness) -> None:
    harness.land("reservations", STAY)
    harness.transform()
    assert table(harness, "reservation_fees", "1, 2, 3") == []
    harness.land("listings", MILL)
    harness.transform()
    assert table(harness, "reservation_fees", "fee_name, 2, 3") == [("Rent", 2, 3)]


def test_a_message_has_its_text_without_html(harness: LandingHarness) -> None:
    bodies = {
        "<p>Hello&nbsp;Ann,<br/>it&#39;s <b>open</b>.</p><ul><li>one</li><li>two &amp; three</li></ul>": (
            "Hello Ann,\nit's open.\n\n- one\n- two & three"
        ),
        "<style>p {color: red}</style><div>Hi</div>\n\n<!-- x --><div>there &lt;3</div>": "Hi\n\nthere <3",
        "I <3 it, and a < b": "I <3 it, and a < b",
        "two\nlines  😀": "two\nlines  😀",
        "&#x1F600; &#55555; &#0;ok": "😀 ok",
        "<br>": None,
        "": None,
    }
    harness.land("conversations", {"id": 20})
    harness.land(
        "messages", *({"id": 30 + place, "conversationId": 20, "body": body} for place, body in enumerate(bodies))
    )
    harness.transform()
    rows = harness.rows("select body, body_text from hostaway.messages order by message_id")
    assert [text for _, text in rows] == list(bodies.values())
    assert [body or "" for body, _ in rows] == list(bodies)


def test_fields_that_analysts_use_are_columns(harness: LandingHarness) -> None:
    harness.land("listings", {**MILL, "airbnbOfficialListingMarkup": 1.15, "propertyLicenseIssueDate": "2026-01-31"})
    special = {
        "bookingcomSpecialRequests": {"remarks": "late"},
        "bookingcomIsGeniusMember": 1,
        "reservationCouponId": 7,
    }
    harness.land("reservations", {**STAY, **special, "externalRatePlanId": 55})
    harness.land(
        "tasks", {"id": 50, "canStartFromListingTime": "2026-03-01 10:30:00", "shouldEndByListingTime": "soon"}
    )
    harness.land("calendar_days", {"listingMapId": 1, "date": "2026-03-01", "countAvailableUnits": 3})
    harness.transform()
    assert harness.rows("select airbnb_markup::float, license_issued_date::text from hostaway.listings") == [
        (1.15, "2026-01-31")
    ]
    assert harness.rows(
        "select booking_special_requests, is_genius_member, coupon_id, external_rate_plan_id from hostaway.reservations"
    ) == [("late", True, 7, "55")]
    assert harness.rows("select can_start_local::text, due_local from hostaway.tasks") == [
        ("2026-03-01 10:30:00", None)
    ]
    assert harness.value("select unit_count from hostaway.calendar_days") == 3
