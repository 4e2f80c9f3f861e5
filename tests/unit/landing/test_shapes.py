"""Which rows are understood, and what is said of those that are not."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sync_hostaway.hostaway.endpoints import Resource
from sync_hostaway.hostaway.values import as_id, as_moment, entity_id
from sync_hostaway.landing.shapes import SHAPES, understand

ROOT = Path(__file__).resolve().parents[3]


def said(resource: Resource, row: Any) -> str | None:
    """What is said about a row that is understood."""
    shape, reason = understand(resource, row)
    assert shape is not None, reason
    return reason


def rejection(resource: Resource, row: Any) -> str | None:
    """Why a row is not understood."""
    shape, reason = understand(resource, row)
    return None if shape else reason


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
def test_what_hostaway_really_sends_is_understood(fields: dict[str, Any]) -> None:
    assert rejection(Resource.RESERVATIONS, RESERVATION | fields) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": None}, "id: Input should be a valid integer, got None"),
        ({"nights": "three"}, "got 'three'"),
        ({"totalPrice": "a lot"}, "totalPrice"),
        ({"totalPrice": 10**16}, "totalPrice"),
        ({"adults": 10**9}, "adults"),
        ({"arrivalDate": "2026-02-30"}, "arrivalDate"),
        ({"arrivalDate": "0000-00-00"}, "got '0000-00-00'"),
        ({"id": True}, "id: must be a number, got True"),
        ({"id": "12 apes"}, "id: must be a number, got '12 apes'"),
        ({"nights": "1_000"}, "nights: must be a number"),
        ({"nights": "\u00a03"}, "nights: must be a number"),
        ({"totalPrice": "٣"}, "totalPrice: must be a number"),
        ({"totalPrice": "0." + 31 * "1"}, "totalPrice: must be a number"),
        ({"status": "  "}, "status"),
        ({"arrivalDate": 1795305600}, "arrivalDate: must look like 2026-01-31"),
        ({"arrivalDate": "2526-01-31"}, "got '2526-01-31'"),
        ({"updatedOn": "yesterday"}, "updatedOn: must look like 2026-01-31 or 2026-01-31 12:00:00, got 'yesterday'"),
        ({"updatedOn": "2026-01-31 25:00:00"}, "updatedOn"),
        ({"status": ""}, "status"),
        ({"isStarred": "maybe"}, "isStarred"),
        ({"guestName": {"first": "A"}}, "guestName: must be text"),
    ],
)
def test_what_no_model_could_cast_is_rejected_by_field_and_value(fields: dict[str, Any], reason: str) -> None:
    assert reason in (rejection(Resource.RESERVATIONS, RESERVATION | fields) or "")


def test_a_missing_id_is_named() -> None:
    assert rejection(Resource.RESERVATIONS, {"listingMapId": 2, "status": "new"}) == "id: Field required"


def test_a_row_that_is_no_object_is_rejected() -> None:
    assert rejection(Resource.MESSAGES, ["id", 1]) == "row: must be an object, got ['id', 1]"


def test_an_unknown_status_is_reported_but_not_rejected() -> None:
    row = RESERVATION | {"status": "teleported"}
    assert rejection(Resource.RESERVATIONS, row) is None
    assert said(Resource.RESERVATIONS, row) == "status: unknown status, got 'teleported'"
    assert said(Resource.RESERVATIONS, RESERVATION) is None


def test_a_bad_photo_does_not_cost_the_listing() -> None:
    listing = {"id": 1, "listingImages": [{"id": 5, "url": "https://x/1.jpg"}, {"url": "https://x/2.jpg"}]}
    assert rejection(Resource.LISTINGS, listing) is None
    assert "photo is left out, id: Field required" in (said(Resource.LISTINGS, listing) or "")


def test_long_values_are_shortened() -> None:
    assert len(rejection(Resource.RESERVATIONS, RESERVATION | {"nights": "x" * 10_000}) or "") < 300


def test_every_typed_field_the_models_read_is_checked_before_it_lands() -> None:
    # A field that is not declared would become null in the core tables without a word when its value is odd.
    read = re.compile(r"as_(?:bigint|integer|numeric|boolean|date|timestamptz)\('(\w+)'\)")
    for resource in Resource:
        model = ROOT / "dbt_project" / "models" / "staging" / f"stg_{resource}.sql"
        undeclared = set(read.findall(model.read_text(encoding="utf-8"))) - set(SHAPES[resource].model_fields)
        assert not undeclared, f"{model.name} reads {sorted(undeclared)}"


def test_ids_have_one_spelling() -> None:
    assert [entity_id({"id": value}) for value in (7, "7", "007", 7.0, None, True, "x", {})] == ["7"] * 4 + [None] * 4


def test_a_number_that_no_column_can_hold_is_no_id() -> None:
    assert [as_id(value) for value in (0, -1, 10**18 - 1, 10**18, "9" * 20)] == [None, None, 10**18 - 1, None, None]


def test_moments_are_in_utc_whether_they_say_so_or_not() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    spellings = ("2026-01-31 12:00:00", "2026-01-31T12:00:00Z", "2026-01-31 14:00:00+02:00")
    assert [as_moment(text) for text in spellings] == [noon] * 3
    assert [as_moment(value) for value in (None, "", "yesterday", "0000-00-00 00:00:00", 1769860800)] == [None] * 5
