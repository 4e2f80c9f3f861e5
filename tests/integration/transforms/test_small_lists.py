"""Reviews, tasks, users and coupons in the core tables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from landing_harness import LandingHarness

pytestmark = pytest.mark.integration


def test_each_is_typed_and_comes_without_its_parents(harness: LandingHarness) -> None:
    harness.land(
        "reviews",
        {"id": 40, "type": "Guest-To-Host", "rating": "9", "listingMapId": 1, "departureDate": "2026-03-04 10:00:00"},
    )
    harness.land("tasks", {"id": 50, "categoriesMap": [1, "4", 9], "canStartFrom": "2026-03-04 11:00:00", "cost": 62.5})
    harness.land(
        "users", {"id": 60, "email": "Ann@Mail.example", "listingMapIds": [2, "1", "x"], "isDisabledByAccount": 1}
    )
    harness.land(
        "coupons", {"id": 70, "name": "STAY10", "amount": "12.5", "validityDateEnd": "2026-12-31", "isActive": 1}
    )
    result = harness.transform()
    assert result.rows_deferred == 0
    assert harness.rows("select review_id, listing_id, rating, departure_date, is_deleted from hostaway.reviews") == [
        (40, 1, Decimal(9), date(2026, 3, 4), False)
    ]
    assert harness.value("select review_type from hostaway.reviews") == "guest-to-host"
    assert harness.rows("select task_id, categories, can_start_at, cost from hostaway.tasks") == [
        (50, ["cleaning", "check-out", "9"], datetime(2026, 3, 4, 11, tzinfo=UTC), Decimal("62.5"))
    ]
    assert harness.rows("select user_id, email, listing_ids, is_disabled from hostaway.users") == [
        (60, "ann@mail.example", [2, 1], True)
    ]
    assert harness.rows("select coupon_id, name, amount, valid_until_date, is_active from hostaway.coupons") == [
        (70, "STAY10", Decimal("12.5"), date(2026, 12, 31), True)
    ]


def test_odd_values_stop_nothing(harness: LandingHarness) -> None:
    harness.land("reviews", {"id": 40, "rating": "great", "reviewCategory": {}, "submittedAt": "2026-02-30"})
    harness.land("tasks", {"id": 50, "categoriesMap": {"1": 1}, "cost": "much"})
    harness.land("users", {"id": 60, "listingMapIds": "all", "isAdmin": "maybe"})
    harness.land("coupons", {"id": 70, "amount": [], "checkInDateStart": "soon"})
    harness.transform()
    assert harness.rows("select rating, category_ratings, submitted_at from hostaway.reviews") == [(None, [], None)]
    assert harness.rows("select categories, cost from hostaway.tasks") == [(["cleaning"], None)]
    assert harness.rows("select listing_ids, is_admin from hostaway.users") == [(None, None)]
    assert harness.rows("select amount, check_in_from_date from hostaway.coupons") == [(None, None)]


def test_codes_of_users_and_custom_fields_of_tasks_are_masked(harness: LandingHarness) -> None:
    harness.land("users", {"id": 60, "verificationCode": "123456", "title": "Owner"})
    harness.land("tasks", {"id": 50, "customFieldValue": [{"value": "gate 123456"}]})
    harness.transform()
    assert harness.value("select pms_meta from hostaway.users") == {
        "id": 60,
        "verificationCode": "***",
        "title": "Owner",
    }
    assert harness.value("select count(*) from hostaway.tasks as core where core::text like '%123456%'") == 0


def test_tax_settings_are_columns(harness: LandingHarness) -> None:
    tax = {"id": 1, "taxType": "cityTax", "taxAppliedPer": "person_per_night", "amount": "2.5", "amountType": "flat"}
    harness.land(
        "tax_settings",
        {**tax, "applyTo": '["baseRate","cleaningFee"]'},
        {"id": 2, "taxType": {}, "amount": "much", "applyTo": "baseRate"},
    )
    harness.transform()
    columns = "tax_setting_id, tax_type, applied_per, amount_type, applied_to, amount"
    assert harness.rows(f"select {columns} from hostaway.tax_settings order by 1") == [
        (1, "cityTax", "person_per_night", "flat", ["baseRate", "cleaningFee"], 2.5),
        (2, None, None, None, None, None),
    ]


def test_a_task_has_its_checklist_and_its_custom_fields(harness: LandingHarness) -> None:
    public = {"isPublic": 1, "type": "number"}
    task = {
        "id": 50,
        "checklistItems": {"0": {"id": 1, "title": "Beds"}, "3": {"id": 2, "title": "Key box", "doorCode": "4711"}},
        "customFieldValue": [
            {"id": 1, "customFieldId": 503, "value": "2", "customField": {**public, "name": "Linen sets"}},
            {"id": 2, "customFieldId": 504, "value": "4711", "customField": {**public, "name": "Door code"}},
        ],
    }
    harness.land("tasks", task)
    harness.transform()
    assert harness.value("select checklist_items from hostaway.tasks") == [
        {"id": 1, "title": "Beds"},
        {"id": 2, "title": "Key box", "doorCode": "***"},
    ]
    values = "select custom_field_id, field_name, field_value, is_deleted from hostaway.task_custom_field_values"
    assert harness.rows(f"{values} order by 1") == [
        (503, "Linen sets", "2", False),
        (504, "Door code", "***", False),
    ]
    harness.land("tasks", {**task, "customFieldValue": []})
    harness.transform()
    assert harness.rows(f"{values} order by 1") == [(503, None, None, True), (504, None, None, True)]
