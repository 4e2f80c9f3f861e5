"""How values are read, in every form in which Hostaway writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.hostaway.values import as_date, as_flag, as_id, as_list, as_timestamp, entity_id

SPELLINGS = st.sampled_from(["{}", "0{}", "000{}", " {}", "{} ", "+{}", "{}.0", "\t{}.00\n"])


@given(st.integers(1, 10**12), SPELLINGS)
def test_an_id_is_the_same_in_each_of_its_spellings(number: int, spelling: str) -> None:
    assert as_id(number) == as_id(float(number)) == as_id(spelling.format(number)) == number


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            "",
            0,
            -1,
            True,
            False,
            [],
            {},
            [7],
            "x",
            "12 apes",
            "1.5",
            1.5,
            "1_0",
            "1e3",
            "0x10",
            "- 1",
            "-5",
            "NaN",
        ),
        *("\u0661\u0662\u0663", "\uff11", "\u00a07", 10**18, "9" * 19, "1" * 5000, float("nan"), float("inf"), 1e18),
    ],
)
def test_what_could_be_no_id_is_none(value: Any) -> None:
    assert as_id(value) is None
    assert entity_id({"id": value}) is None


def test_a_number_with_an_exponent_is_an_id_as_it_is_for_postgresql() -> None:
    assert (as_id(1e3), as_id(1e17), as_id(10**18 - 1)) == (1000, 10**17, 10**18 - 1)


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        ([True, 1, "1", " true ", "TRUE", "Yes", "on"], True),
        ([False, 0, "0", "false", "No", "off"], False),
        ([None, "", 2, -1, "maybe", [], {}, 1.5], None),
    ],
)
def test_flags_come_as_booleans_numbers_and_words(values: list[Any], flag: bool | None) -> None:
    assert [as_flag(value) for value in values] == [flag] * len(values)


def test_days_that_do_not_exist_are_none() -> None:
    assert [as_date(value) for value in ("2026-02-30", "0000-00-00", "", None, 20260131, "9999-12-31")] == [None] * 6
    assert as_date(" 2026-01-31 12:00:00") == as_date("2026-01-31") == date(2026, 1, 31)


def test_moments_are_in_utc_whether_they_say_so_or_not() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    spellings = ("2026-01-31 12:00:00", "2026-01-31T12:00:00Z", "2026-01-31 14:00:00+02:00", "2026-01-31 12:00:00.0")
    assert [as_timestamp(text) for text in spellings] == [noon] * 4
    assert [as_timestamp(value) for value in (None, "", "yesterday", "0000-00-00 00:00:00", 1769860800)] == [None] * 5


@given(st.lists(st.integers(), max_size=12), st.integers(0, 3))
def test_a_list_may_come_as_an_object_of_its_places(values: list[int], gap: int) -> None:
    assert as_list({str(place * (gap + 1)): value for place, value in enumerate(values)}) == values


def test_an_object_with_names_is_no_list() -> None:
    assert [as_list(value) for value in ({"a": 1}, {"1": 1, "a": 2}, "x", None, 5, {"\u0661": 1})] == [None] * 6
