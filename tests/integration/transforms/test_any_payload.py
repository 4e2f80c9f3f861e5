"""A payload with usable ids lands and reaches core, with values of any kind, and every lost value is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from landing_harness import LandingHarness
from sync_hostaway.core.resources import Resource
from sync_hostaway.hostaway.responses import decode
from sync_hostaway.landing.fields import FIELDS
from sync_hostaway.landing.payload_schemas import validation_warnings
from sync_hostaway.landing.writer import Fetched, LandingWriter

pytestmark = pytest.mark.integration

ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**18, 10**60),
    st.floats(),
    st.text(max_size=8),
    st.text(alphabet=st.characters(categories=["Cs"]), min_size=1, max_size=2),
    st.sampled_from(
        [
            "0000-00-00",
            "0000-00-00 00:00:00",
            "2026-02-30",
            "",
            " ",
            "\x00",
            "yes",
            "on",
            "no",
            "3",
            "03.0",
            "1e3",
            "\u0663",
        ]
    ),
    st.sampled_from(["2026-01-31", "2026-01-31 12:00:00", "2026-01-31T12:00:00.123456789Z", "NaN", "1e3", "1e400"]),
    st.sampled_from([[], {}, [None], {"1": {"id": 7}, "3": {"id": 8}}, {"0": "a"}, {"name": 1}, [[[]]], [{"id": {}}]]),
    st.recursive(
        st.integers(), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner)
    ),
)
NUMBERS = count(1000)


def fields_of(resource: Resource) -> st.SearchStrategy[dict[str, Any]]:
    names = sorted({*FIELDS[resource].kinds, "somethingNew", "customFieldValues"})
    return st.dictionaries(st.sampled_from(names), ODD_VALUES, min_size=1, max_size=len(names))


def spelled(number: int) -> st.SearchStrategy[Any]:
    return st.sampled_from([number, str(number), f"0{number}", float(number), f" {number}.0 ", f"+{number}"])


def land(harness: LandingHarness, resource: Resource, rows: list[dict[str, Any]], parent: int | None = None) -> None:
    # as they come: what json writes that is no JSON included
    received = decode(json.dumps(rows).encode())
    fetched = [Fetched([row], datetime.now(UTC), parent) for row in received]
    with harness.connection.transaction():
        counts = LandingWriter(harness.connection, 1, resource, None).land(fetched)
    assert (counts.seen, counts.quarantined) == (len(rows), 0)
    assert counts.with_warnings == sum(bool(validation_warnings(resource, row)) for row in received)


@settings(
    max_examples=6, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)
@given(data=st.data())
def test_a_row_with_usable_ids_reaches_core_with_any_other_values(harness: LandingHarness, data: st.DataObject) -> None:
    def rows(resource: Resource, many: int = 12, **keys: int) -> list[dict[str, Any]]:
        found = []
        for _ in range(many):
            ids = {"id": next(NUMBERS), **keys}
            row = data.draw(fields_of(resource))
            found.append({**row, **{name: data.draw(spelled(number)) for name, number in ids.items()}})
        return found

    listing, booking, thread = next(NUMBERS), next(NUMBERS), next(NUMBERS)
    land(harness, Resource.LISTINGS, [{"id": listing}, *rows(Resource.LISTINGS)])
    land(harness, Resource.RESERVATIONS, [{"id": booking, "listingMapId": listing}])
    land(harness, Resource.RESERVATIONS, rows(Resource.RESERVATIONS, 40, listingMapId=listing))
    land(harness, Resource.CONVERSATIONS, [{"id": thread, "reservationId": booking}])
    land(harness, Resource.CONVERSATIONS, rows(Resource.CONVERSATIONS, reservationId=booking))
    land(harness, Resource.MESSAGES, rows(Resource.MESSAGES), thread)
    days = [{**row, "date": f"2026-01-{day:02}"} for day, row in enumerate(rows(Resource.CALENDAR_DAYS), start=1)]
    land(harness, Resource.CALENDAR_DAYS, days, listing)
    for resource in (Resource.REVIEWS, Resource.TASKS, Resource.USERS, Resource.COUPONS):
        land(harness, resource, rows(resource))
    assert harness.transform().rows_deferred == 0
    for resource in Resource:
        landed = harness.value(f"select count(*) from landing.{resource}")
        assert harness.value(f"select count(*) from hostaway.{resource}") == landed, resource


_COLUMNS = {
    "nights": "nights",
    "totalPrice": "total_price",
    "isPaid": "is_paid",
    "arrivalDate": "arrival_date",
    "cancellationDate": "cancelled_at",
    "channelId": "channel_id",
    "guestCity": "guest_city",
}


@settings(
    max_examples=5, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)
@given(data=st.data())
def test_a_value_is_lost_exactly_when_a_warning_names_it(harness: LandingHarness, data: st.DataObject) -> None:
    drawn = [
        {"id": next(NUMBERS), "listingMapId": 1, **dict.fromkeys(_COLUMNS, data.draw(ODD_VALUES))} for _ in range(80)
    ]
    rows = decode(json.dumps(drawn).encode())
    land(harness, Resource.LISTINGS, [{"id": 1}])
    land(harness, Resource.RESERVATIONS, rows)
    harness.transform()
    for row in rows:
        named = {reason.partition(":")[0] for reason in validation_warnings(Resource.RESERVATIONS, row)}
        found = harness.rows(
            f"select {', '.join(_COLUMNS.values())} from hostaway.reservations where reservation_id = %s", row["id"]
        )[0]
        for (name, column), value in zip(_COLUMNS.items(), found, strict=True):
            nothing = row[name] in (None, "", [], {}) or (isinstance(row[name], str) and not row[name].strip())
            assert nothing or (value is None) == (name in named), (column, row[name], value)
