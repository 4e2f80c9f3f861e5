"""What a run's parameters may be: refused when the run is asked for, or at once by its first task."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from sync_hostaway.airflow.dags import NO_USE_RETRYING, SINCE_PATTERN, since_of
from sync_hostaway.core import exceptions
from sync_hostaway.core.exceptions import InvalidValue

GOOD = {
    "2026-03-01": datetime(2026, 3, 1, tzinfo=UTC),
    "2024-02-29": datetime(2024, 2, 29, tzinfo=UTC),
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


@pytest.mark.parametrize("value", ["2025-02-29", "2026-03-01\n"])
def test_what_a_pattern_does_not_see_is_refused_by_the_task(value: str) -> None:
    with pytest.raises(InvalidValue, match="since"):
        since_of(value)


def test_a_task_with_a_wrong_parameter_is_not_tried_again() -> None:
    [rule] = NO_USE_RETRYING.rules
    assert exceptions.InvalidValue in rule.exception
