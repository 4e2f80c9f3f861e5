"""Hostaway's logs of reservations: masked, erased with their guest, and shown among the changes of a reservation."""

from __future__ import annotations

from typing import Any

import pytest

from landing_harness import LandingHarness, listing, reservation

pytestmark = pytest.mark.integration

CHANGES = (
    "select source, field, old_value, new_value, changed_by from marts.reservation_changes"
    " order by source, changed_at, field"
)


def entry(number: int, field: str, old: str, new: str, when: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "reservationId": 10,
        "listingMapId": 1,
        "source": "reservation",
        "updatedField": field,
        "previousValue": old,
        "newValue": new,
        "updatedByUserName": "ann@mail.example",
        "insertedOn": when,
        **fields,
    }


def test_secret_values_of_a_log_are_masked(harness: LandingHarness) -> None:
    secret = '{"doorCode": "4711"}'
    harness.land(
        "reservation_logs",
        entry(1, "doorCode", "", "4711", "2026-02-01 10:00:00"),
        entry(2, "comment", secret, "none", "2026-02-01 10:00:00"),
        # an id is unique only within its source
        entry(2, "cleaningFeeValue", "50", "60.5", "2026-02-01 10:00:00", source="financeStandardField"),
        entry(3, "", "4711", "4712", "2026-02-01 10:00:00"),
    )
    harness.transform()
    columns = "log_source, reservation_log_id, reservation_id, field_name, old_value, new_value"
    assert harness.rows(f"select {columns} from hostaway.reservation_logs order by 1, 2") == [
        ("financeStandardField", 2, 10, "cleaningFeeValue", "50", "60.5"),
        ("reservation", 1, 10, "doorCode", None, "***"),
        ("reservation", 2, 10, "comment", "***", "none"),
        ("reservation", 3, 10, None, "***", "***"),
    ]
    assert harness.value("select count(*) from hostaway.reservation_logs where pms_meta::text like '%471%'") == 0


def test_a_log_adds_what_syncs_did_not_see_and_no_change_twice(harness: LandingHarness) -> None:
    harness.land("listings", listing(1, timeZoneName="Asia/Tokyo"))
    harness.land("reservations", reservation(10, totalPrice=300, insertedOn="2026-01-01 10:00:00"))
    harness.transform()
    harness.land("reservations", reservation(10, totalPrice=350, departureDate="2026-03-05"))
    harness.transform()
    seen = [("sync", "departure_date", "2026-03-04", "2026-03-05", None), ("sync", "total_price", "300", "350", None)]
    assert harness.rows(CHANGES) == seen

    now = harness.value("select to_char(now() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')")
    harness.land(
        "reservation_logs",
        # before the first sync
        entry(1, "numberOfGuests", "", "2", "2026-01-05 20:00:00"),
        # between the two versions that landed: up, down, and up again
        entry(2, "totalPrice", "300", "350.00", "2026-01-06 10:00:00"),
        entry(3, "totalPrice", "350.00", "320.5", "2026-01-07 10:00:00"),
        entry(4, "totalPrice", "320.5", "350.00", now, updatedByUserName=None),
        entry(5, "status", "new", "new", now),
        entry(6, "hostNote", "", "late", "2026-01-08 10:00:00"),
    )
    harness.transform()
    assert harness.rows(CHANGES) == [
        ("log", "number_of_guests", None, "2", "ann@mail.example"),
        ("log", "total_price", "300", "350", "ann@mail.example"),
        ("log", "total_price", "350", "320.5", "ann@mail.example"),
        ("log", "hostNote", None, "late", "ann@mail.example"),
        ("log", "total_price", "320.5", "350", None),
        seen[0],
    ]
    # by the clock of the listing
    dates = "select changed_date::text from marts.reservation_changes where field = 'number_of_guests'"
    assert harness.value(dates) == "2026-01-06"
