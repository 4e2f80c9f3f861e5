"""Rows of erased guests are known by their ids, however these are written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.core.resources import Resource
from sync_hostaway.landing.redaction import Erasures

ERASED = Erasures(frozenset({"123"}), frozenset({"456"}))
SPELLINGS = st.sampled_from(["{}", "0{}", "00{}", " {}", "{}\n", "+{}", "{}.0", " +0{}.00 "])


def spelled(number: int, form: str) -> list[Any]:
    return [number, float(number), form.format(number)]


@given(SPELLINGS)
def test_every_row_of_an_erased_guest_is_stripped_however_its_ids_are_written(form: str) -> None:
    for identity in spelled(123, form):
        for resource in (Resource.CONVERSATIONS, Resource.MESSAGES, Resource.REVIEWS, Resource.TASKS):
            row = {"id": 1, "reservationId": identity, "guestName": "Ann"}
            assert "guestName" not in ERASED.redact(resource, row, None), (resource, identity)
        assert "guestName" not in ERASED.redact(Resource.RESERVATIONS, {"id": identity, "guestName": "Ann"}, None)
    for identity in spelled(456, form):
        thread = {"id": identity, "recipientName": "Ann"}
        assert "recipientName" not in ERASED.redact(Resource.CONVERSATIONS, thread, None)
        assert "body" not in ERASED.redact(Resource.MESSAGES, {"id": 1, "conversationId": identity, "body": "Ann"}, 7)


@pytest.mark.parametrize("shape", ["array", "object"])
@given(form=SPELLINGS)
def test_a_calendar_day_holds_no_erased_guest(shape: str, form: str) -> None:
    for identity in spelled(123, form):
        stay = {"id": identity, "guestName": "Ann"}
        stays: Any = [stay] if shape == "array" else {"2": stay}
        [left] = ERASED.redact(Resource.CALENDAR_DAYS, {"date": "2026-01-31", "reservations": stays}, 1)["reservations"]
        assert left == {"id": identity}


@given(SPELLINGS)
def test_the_money_of_an_erased_guest_keeps_amounts_alone(form: str) -> None:
    for identity in spelled(123, form):
        finance = {"id": identity, "baseRate": 5, "guestFormula": "Ann"}
        assert ERASED.redact(Resource.RESERVATION_FINANCE, finance, None) == {"id": identity, "baseRate": 5}
        for resource in (Resource.EXPENSES, Resource.GUEST_CHARGES):
            row = {
                "id": 1,
                "reservationId": identity,
                "amount": 5,
                "guestName": "Ann",
                "concept": "Ann",
                "title": "Ann",
            }
            assert ERASED.redact(resource, row, None) == {"id": 1, "reservationId": identity, "amount": 5}


@pytest.mark.parametrize("shape", ["array", "object"])
@given(form=SPELLINGS)
def test_an_owner_statement_holds_no_erased_guest(shape: str, form: str) -> None:
    for identity in spelled(123, form):
        columns = [{"name": name} for name in ("guestName", "id", "ownerPayout", "status")]
        rows: Any = [["Ann", identity, 5.5, "new"], ["Ben", 124, 6, "new"]]
        expense = {"id": 7, "reservationId": identity, "amount": -5, "concept": "Ann broke a lamp"}
        data = {"columns": columns, "rows": rows if shape == "array" else {"1": rows[0], "4": rows[1]}}
        statement = {"id": 9, "notes": "Thanks", "financeDataJson": data, "expenses": [expense, {"id": 8}]}
        left = ERASED.redact(Resource.OWNER_STATEMENTS, statement, None)
        assert left["financeDataJson"]["rows"] == [[None, identity, 5.5, "new"], ["Ben", 124, 6, "new"]]
        assert left["expenses"] == [{"id": 7, "reservationId": identity, "amount": -5}, {"id": 8}]
        assert left["notes"] == "Thanks"


def test_others_stay_as_they_are() -> None:
    for identity in (124, "1230", True, None, "12 3", "x"):
        row = {"id": identity, "guestName": "Ben"}
        assert ERASED.redact(Resource.RESERVATIONS, row, None) == row
