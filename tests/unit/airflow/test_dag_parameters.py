"""What a run's parameters may be: refused when the run is asked for, or at once by its first task."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from airflow.sdk import Param, RetryAction
from airflow.sdk.exceptions import ParamValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from sync_hostaway.airflow.dags import FAIL_FAST_ERRORS, SINCE_PATTERN, since_of
from sync_hostaway.core.exceptions import InvalidValue

GOOD = {
    "2026-03-01": datetime(2026, 3, 1, tzinfo=UTC),
    "2024-02-29": datetime(2024, 2, 29, tzinfo=UTC),
    "2000-02-29": datetime(2000, 2, 29, tzinfo=UTC),
    "2026-03-01T00:00": datetime(2026, 3, 1, tzinfo=UTC),
    "2026-03-01 10:20:30": datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC),
    "2026-03-01T10:20:30.000Z": datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC),
    "2026-03-01T10:20:30+02:00": datetime(2026, 3, 1, 8, 20, 30, tzinfo=UTC),
}
REFUSED_BY_AIRFLOW: list[Any] = [
    "nonsense",
    "",
    " ",
    "yesterday",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "2026-13-01",
    "2026-02-30",
    "2026-04-31",
    "2025-02-29",
    "1900-02-29",
    "2100-02-29T00:00:00Z",
    "2026-03-01\n",
    "2026-03-01T10:20:30Z\n",
    "2026-03-01T25:00:00Z",
    "2026-03-01T00:00:00+99:00",
    "2026-03-01; drop table",
    "infinity",
    "2026-03-01\x00",
    "٢٠٢٦-٠٣-٠١",
    20260301,
    True,
    ["2026-03-01"],
]


def param() -> Param:
    return Param(None, type=["null", "string"], format="date-time", pattern=SINCE_PATTERN)


def test_moments_to_go_back_to_are_taken_in_their_usual_forms() -> None:
    assert since_of(None) is None
    for text, moment in GOOD.items():
        assert param().resolve(text) == text
        assert since_of(text) == moment


@pytest.mark.parametrize("value", REFUSED_BY_AIRFLOW, ids=repr)
def test_nonsense_is_refused_at_the_trigger_and_by_the_task(value: Any) -> None:
    with pytest.raises(ParamValidationError):
        param().resolve(value)
    with pytest.raises(InvalidValue, match="since"):
        since_of(value)


@given(st.integers(1850, 2250), st.integers(0, 13), st.integers(0, 32))
@example(1900, 2, 29)
@example(2000, 2, 29)
@example(2025, 2, 29)
@example(2100, 2, 29)
@example(2199, 12, 31)
def test_every_day_of_three_centuries_is_taken_and_no_other(year: int, month: int, day: int) -> None:
    text = f"{year}-{month:02}-{day:02}"
    try:
        exists = 1900 <= date(year, month, day).year <= 2199
    except ValueError:
        exists = False
    assert bool(re.search(SINCE_PATTERN, text)) == exists
    if exists:
        assert since_of(text) == datetime(year, month, day, tzinfo=UTC)


@given(st.from_regex(re.compile(SINCE_PATTERN, re.ASCII)))
def test_every_text_that_airflow_accepts_is_a_moment(text: str) -> None:
    moment = since_of(text)
    assert moment is not None
    assert moment.tzinfo is not None


def test_a_task_with_a_wrong_parameter_fails_at_once_with_one_line_and_is_not_tried_again() -> None:
    """A retry would keep the account's later runs waiting: it has one run at a time."""
    with pytest.raises(InvalidValue) as caught:
        since_of("2025-02-29")
    assert "\n" not in str(caught.value)
    assert "since" in str(caught.value)
    assert FAIL_FAST_ERRORS.evaluate(caught.value, try_number=1, max_tries=4).action is RetryAction.FAIL
