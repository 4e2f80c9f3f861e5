"""Which rows land, and what is said of odd values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_hostaway.core.resources import Resource
from sync_hostaway.landing.payload_schemas import validation_error, validation_warnings

ROOT = Path(__file__).resolve().parents[3]


RESERVATION: dict[str, Any] = {"id": 1, "listingMapId": 2, "status": "new"}


@pytest.mark.parametrize(
    "fields",
    [
        {"totalPrice": "123.45", "nights": "3", "adults": None, "children": ""},
        {"totalPrice": 100, "cleaningFee": 12.5},
        {"isStarred": 1, "isPinned": True, "isArchived": "0"},
        {"arrivalDate": "2026-01-31", "updatedOn": "2026-01-31 12:00:00", "cancellationDate": ""},
        {"updatedOn": " ", "arrivalDate": "\t", "insertedOn": "2026-01-31T12:00:00.5Z"},
        {"guestFirstName": 42, "hostNote": None, "someNewField": {"anything": [1]}},
    ],
)
def test_what_hostaway_really_sends_lands_without_a_word(fields: dict[str, Any]) -> None:
    assert validation_error(Resource.RESERVATIONS, RESERVATION | fields) is None
    assert validation_warnings(Resource.RESERVATIONS, RESERVATION | fields) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"nights": "three"}, "nights: must be a whole number, got 'three'"),
        ({"totalPrice": "a lot"}, "totalPrice: must be a number, got 'a lot'"),
        ({"totalPrice": 10**30}, "totalPrice"),
        ({"totalPrice": "1e400"}, "totalPrice"),
        ({"totalPrice": "NaN"}, "got 'NaN'"),
        ({"adults": 10**9}, "adults"),
        ({"arrivalDate": "2026-02-30"}, "arrivalDate"),
        ({"arrivalDate": "0000-00-00"}, "got '0000-00-00'"),
        ({"cancellationDate": "0000-00-00 00:00:00"}, "cancellationDate: must be a moment like 2026-01-31 12:00:00"),
        ({"nights": "1_000"}, "nights: must be a whole number"),
        ({"nights": "\u00a03"}, "nights: must be a whole number"),
        ({"totalPrice": "٣"}, "totalPrice: must be a number"),
        ({"totalPrice": "0." + 31 * "1"}, "totalPrice: must be a number"),
        ({"arrivalDate": 1795305600}, "arrivalDate: must be a date like 2026-01-31"),
        ({"arrivalDate": "2526-01-31"}, "got '2526-01-31'"),
        ({"updatedOn": "yesterday"}, "updatedOn: must be a moment like 2026-01-31 12:00:00, got 'yesterday'"),
        ({"updatedOn": "2026-01-31 25:00:00"}, "updatedOn"),
        ({"status": "  "}, "status: unknown status, got '  '"),
        ({"status": None}, "status: unknown status, got None"),
        ({"status": ["new"]}, "status: must be text"),
        ({"status": "no show"}, "status: unknown status, got 'no show'"),
        ({"status": "teleported"}, "status: unknown status, got 'teleported'"),
        ({"isStarred": "maybe"}, "isStarred"),
        ({"guestName": {"first": "A"}}, "guestName: must be text"),
        ({"channelId": True}, "channelId: must be an id, got True"),
    ],
)
def test_an_odd_value_is_named_and_the_row_lands(fields: dict[str, Any], reason: str) -> None:
    assert validation_error(Resource.RESERVATIONS, RESERVATION | fields) is None
    [said] = validation_warnings(Resource.RESERVATIONS, RESERVATION | fields)
    assert reason in said


@pytest.mark.parametrize("status", ["CANCELLED", "owner stay", " Awaiting_Payment\n"])
def test_a_status_that_is_read_in_another_spelling_is_not_odd(status: str) -> None:
    assert validation_warnings(Resource.RESERVATIONS, RESERVATION | {"status": status}) == []


def test_each_odd_value_is_named() -> None:
    row = RESERVATION | {"nights": "x", "cleaningFee": "y", "pets": "z"}
    named = {text.partition(":")[0] for text in validation_warnings(Resource.RESERVATIONS, row)}
    assert named == {"nights", "pets", "cleaningFee"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": None}, "id: must be an id, got None"),
        ({"id": True}, "id: must be an id, got True"),
        ({"id": "12 apes"}, "id: must be an id, got '12 apes'"),
        ({"listingMapId": None}, "listingMapId: must be an id, got None"),
        ({"listingMapId": "none", "id": 0}, "id: must be an id, got 0; listingMapId: must be an id, got 'none'"),
    ],
)
def test_a_row_is_refused_for_its_own_id_or_that_of_its_parent(fields: dict[str, Any], reason: str) -> None:
    assert validation_error(Resource.RESERVATIONS, RESERVATION | fields) == reason


def test_the_id_of_a_calendar_day_is_its_date() -> None:
    assert validation_error(Resource.CALENDAR_DAYS, {"id": None, "date": "2026-01-31 00:00:00"}) is None
    assert (
        validation_error(Resource.CALENDAR_DAYS, {"id": 1, "date": "0000-00-00"})
        == "date: must be a date, got '0000-00-00'"
    )


def test_a_row_that_is_no_object_is_refused() -> None:
    assert validation_error(Resource.MESSAGES, ["id", 1]) == "row: must be an object, got ['id', 1]"


@pytest.mark.parametrize("images", [[{"id": 5}, {"url": "https://x/2.jpg"}], {"1": {"id": 5}, "2": {"url": "u"}}])
def test_a_bad_photo_does_not_cost_the_listing(images: Any) -> None:
    listing = {"id": 1, "listingImages": images}
    assert validation_error(Resource.LISTINGS, listing) is None
    assert validation_warnings(Resource.LISTINGS, listing) == [
        "listingImages: an element is left out, id: must be an id, got None"
    ]


def test_long_values_are_shortened() -> None:
    [said] = validation_warnings(Resource.RESERVATIONS, RESERVATION | {"nights": "x" * 10_000})
    assert len(said) < 300
