"""Types of request values. Each value has one spelling, and every accepted value can be stored and read again."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from sync_hostaway.hostaway.values import LARGEST_ID

# Hostaway's ids fit, and so do PostgreSQL's bigints.
MAX_ID = LARGEST_ID + 1
_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
# A plus sign in a query that is not written as %2B arrives as a blank.
_BLANK_OFFSET = re.compile(r"(.+\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d:?\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# Later moments cannot be converted to every time zone.
_LAST_YEAR = 9998


def is_canonical_id(text: str) -> bool:
    """Return whether a text is an id as this API writes it: digits without sign, blanks or leading zeros."""
    return _ID.fullmatch(text) is not None


def _one_spelling(value: Any) -> Any:
    # Pydantic would also accept " 0701", "+701", "7_01" and 701.0, but permissions are checked by the text.
    if isinstance(value, str) and is_canonical_id(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("an id is a number from 1 to 999999999999999999: digits without sign, blanks or leading zeros")


def _with_offset(value: Any) -> Any:
    # Pydantic would take a number, also one in a text such as "2026", as seconds since 1970.
    if not isinstance(value, str) or not _DATE.match(value):
        raise ValueError("a moment is a text such as 2026-03-01T00:00:00Z")
    found = _BLANK_OFFSET.fullmatch(value)
    return f"{found[1]}+{found[2]}" if found else value


def _without_time(value: Any) -> Any:
    # Pydantic would also take a number of seconds since 1970, and a moment at midnight of any time zone.
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("a day is a text such as 2026-03-01")
    return value


def _in_range(value: datetime) -> datetime:
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or moment.year > _LAST_YEAR:
        raise ValueError(f"a moment is in the years 1 to {_LAST_YEAR}, in UTC")
    return moment


Id = Annotated[int, BeforeValidator(_one_spelling), Field(ge=1, lt=MAX_ID)]
"""An id of Hostaway or of a row here."""

Moment = Annotated[AwareDatetime, BeforeValidator(_with_offset), AfterValidator(_in_range)]
"""A date and time with a time zone, in UTC."""

Date = Annotated[date, BeforeValidator(_without_time)]
"""A day: year, month and day."""

_NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f-\x9f]*$"

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_NO_CONTROL_CHARACTERS)
]
"""A line of text for people, such as a name."""

Words = Annotated[str, StringConstraints(max_length=500, pattern=_NO_CONTROL_CHARACTERS)]
"""A line that may be empty."""
