"""The dbt project's own tests pass on good data, and each of those that guard an invariant fails on bad."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Resource
from sync_hostaway.transforms import ModelRun, find_project, profile_environment, run_transform
from sync_hostaway.transforms.invocation import run_dbt

pytestmark = pytest.mark.integration

LANDED: dict[str, list[tuple[str, int | None, dict[str, Any]]]] = {
    "listings": [
        (
            "1",
            None,
            {
                "id": 1,
                "name": "Mill",
                "currencyCode": "EUR",
                "wifiPassword": "w",
                "listingImages": [{"id": 5, "url": "u"}],
            },
        )
    ],
    "reservations": [
        (
            str(number),
            None,
            {
                "id": number,
                "listingMapId": 1,
                "status": status,
                "totalPrice": 300,
                "currency": "EUR",
                "arrivalDate": "2026-03-01",
                "departureDate": "2026-03-04",
                "nights": 3,
                "doorCode": "1234",
                "guestEmail": "ann@mail.com",
            },
        )
        for number, status in ((10, "new"), (11, "inquiry"))
    ],
    "conversations": [("20", None, {"id": 20, "reservationId": 10, "Reservation": {"doorCode": "1234"}})],
    "messages": [("30", 20, {"id": 30, "communicationType": "email"}), ("31", 99, {"id": 31})],
    "calendar_days": [
        (f"1:2026-03-{day:02}", 1, {"status": "available", "isAvailable": int(day > 6), "price": 90})
        for day in range(1, 11)
    ],
    "reviews": [("40", None, {"id": 40, "type": "guest-to-host", "rating": 9, "reservationId": 12})],
    "tasks": [("50", None, {"id": 50, "status": "pending", "categoriesMap": [1, "9"], "customFieldValue": ["4711"]})],
    "users": [("60", None, {"id": 60, "email": "A@b.example", "verificationCode": "123456", "listingMapIds": [1, 2]})],
    "coupons": [("70", None, {"id": 70, "amount": "12.5", "checkInDateStart": "2026-03-01"})],
}


@pytest.fixture
def filled(warehouse: Connection) -> Connection:
    for resource, rows in LANDED.items():
        load = warehouse.execute(
            "insert into ops.loads (account_id, resource) values (1, %s) returning load_id", (resource,)
        ).fetchone()
        assert load is not None
        for entity, parent, payload in rows:
            warehouse.execute(
                f"insert into landing.{resource} (account_id, entity_id, parent_id, payload, payload_hash, observed_at,"
                " load_id) values (1, %s, %s, %s, '', now(), %s)",
                (entity, parent, json.dumps(payload), load["load_id"]),
            )
    run_transform(warehouse, requested_by="test")
    return warehouse


def failed_tests(connection: Connection, *arguments: str) -> dict[str, ModelRun]:
    outcome = run_dbt(arguments, project_dir=find_project(), environment=profile_environment(connection))
    assert outcome.runs, outcome.error
    return {run.name: run for run in outcome.runs if run.status not in ("success", "pass", "no-op")}


def test_everything_builds_and_every_test_passes(filled: Connection) -> None:
    assert {name: run.message for name, run in failed_tests(filled, "build").items()} == {}


def test_each_damage_is_found(filled: Connection) -> None:
    filled.execute(
        """
        update hostaway.messages set pms_meta = '{"a": [{"wifiPassword": "x"}]}';
        delete from ops.deferred_rows;
        delete from landing.reservations where entity_id = '11';
        delete from hostaway.conversations;
        -- as old ones are
        delete from ops.loads where resource = 'conversations';
        update hostaway.reservations set guest_id = 999 where reservation_id = 10;
        update hostaway.calendar_days set price = -1;
        update landing.users set payload = payload || '{"brandNew": 1}';
        """
    )
    failed = failed_tests(filled, "test", "--select", "test_type:data")
    assert failed.keys() == {
        "no_secret_in_core",
        "messages_are_all_in_core",
        "reservations_are_all_in_core",
        "conversations_are_all_in_core",
        "messages_belong_to_conversations",
        "relationships_where_reservations_guest_id__guest_id__ref_guests_",
        "accepted_range_calendar_days_price__0",
        "new_fields",
    }
    assert failed["new_fields"].status == "warn"
    assert failed["accepted_range_calendar_days_price__0"].status == "warn"


def test_new_fields_are_named_in_every_resource_and_in_the_objects_inside(filled: Connection) -> None:
    assert failed_tests(filled, "test", "--select", "new_fields") == {}
    filled.execute(
        "".join(
            f"""update landing.{resource} set payload = payload || '{{"brandNew": {{"any": 1}}}}'
            where entity_id = (select min(entity_id) from landing.{resource});"""
            for resource in LANDED
        )
    )
    inside: dict[str, dict[str, Any]] = {
        "listings": {"listingImages": {"2": {"id": 1, "newest": 1}}, "listingUnits": [{"id": 1, "newest": 1}]},
        "reservations": {
            "customFieldValues": [{"customField": {"newest": 1}}],
            "financeField": {},
            "reservationUnit": [5],
        },
        "conversations": {"Reservation": {"newest": 1}},
    }
    for resource, fields in inside.items():
        filled.execute(f"update landing.{resource} set payload = payload || %s::jsonb", (json.dumps(fields),))
    assert failed_tests(filled, "test", "--select", "new_fields")["new_fields"].status == "warn"
    rows = filled.execute("select resource, name, seen_in_rows from staging.new_fields").fetchall()
    nested = {
        ("listings", "listingUnits.newest", 1),
        ("reservations", "customFieldValues.customField.newest", 2),
        ("conversations", "Reservation.newest", 1),
    }
    assert {tuple(row.values()) for row in rows} == {(resource, "brandNew", 1) for resource in LANDED} | nested


# The columns of a report are those that the account has chosen.
@pytest.mark.parametrize("resource", [name for name in Resource if name is not Resource.RESERVATION_FINANCE])
def test_the_known_fields_of_a_resource_are_listed(resource: Resource) -> None:
    macro = (find_project() / "macros" / "known_fields.sql").read_text(encoding="utf-8")
    assert f'"{resource}": (' in macro, "dbt_project/macros/known_fields.sql: add the fields of the resource"


def test_marts_count_bookings_alone(filled: Connection) -> None:
    revenue = filled.execute("select reservation_id, revenue from marts.reservation_revenue").fetchall()
    assert revenue == [{"reservation_id": 10, "revenue": 300}]
    month = filled.execute(
        "select mirrored_nights, booked_nights, available_nights, hold_nights, gross_revenue, adr_gross,"
        " adjusted_revpar_gross::float, adjusted_occupancy::float"
        " from marts.listing_performance where period = 'month'"
    ).fetchone()
    assert month is not None
    assert list(month.values()) == [10, 3, 4, 3, 300, 100, pytest.approx(42.86), pytest.approx(3 / 7, abs=1e-4)]
