"""Parses values in Hostaway's forms. All Python code uses these functions.

Hostaway writes numbers as numbers or digit strings, flags as 0/1 or true/false, lists as arrays or as objects whose
keys are numbers, and missing values as null or "", or omits them. The staging models read the same payloads with the
macros of dbt_project/macros/payload.sql: None here is null there.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sync_hostaway.core.exceptions import InvalidValue

LARGEST_ID = 10**18 - 1
"""Hostaway's ids are far smaller; PostgreSQL's bigint can store every id with so many digits."""

_BLANKS = " \t\n\r"
_WHOLE_NUMBER = re.compile(r"[+-]?([0-9]{1,18})(\.0{0,30})?")
_MOMENT = re.compile(
    r"((?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2})"
    r"(?:[ T](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?(Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?)?"
)
_DAY = re.compile(r"((?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2})(?:[ T\t\n\r].*)?", re.DOTALL)
_WORD = re.compile(r"[A-Za-z0-9_-]{1,60}")
_FLAGS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def as_whole_number(value: Any, digits: int = 18) -> int | None:
    """A whole number in a form of Hostaway; None for any other value.

    :param digits: how many it may have.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip(_BLANKS)
        found = _WHOLE_NUMBER.fullmatch(text)
        if not found or len(found[1]) > digits:
            return None
        value = int(text.partition(".")[0])
    elif isinstance(value, float):
        if not value.is_integer():
            return None
        # The written digits, as in PostgreSQL: a large float represents many whole numbers.
        value = int(Decimal(repr(value)))
    return value if isinstance(value, int) and abs(value) < 10**digits else None


def as_id(value: Any) -> int | None:
    """An id in a form of Hostaway; None for any other value. Ids are compared in this normalized form.

    `ops.as_id` is the same for SQL.

    >>> [as_id(value) for value in (123, "0123", 123.0, " +123.0 ", True, "١٢٣", "1e3", 0)]
    [123, 123, 123, 123, None, None, None, None]
    """
    number = as_whole_number(value)
    return number if number and number > 0 else None


def as_flag(value: Any) -> bool | None:
    """A flag in a form of Hostaway: a boolean, 0 or 1, or a word; None for any other value."""
    return _FLAGS.get(str(value).strip(_BLANKS).lower()) if isinstance(value, bool | int | str) else None


def as_date(value: Any) -> date | None:
    """A date, or the date of a moment, in a form of Hostaway; None for any other value."""
    found = _DAY.fullmatch(value.strip(_BLANKS)) if isinstance(value, str) else None
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def as_timestamp(value: Any) -> datetime | None:
    """A moment in a form of Hostaway, in UTC; None for any other value."""
    found = _MOMENT.fullmatch(value.strip(_BLANKS)) if isinstance(value, str) else None
    try:
        return as_utc(datetime.fromisoformat(found[0])) if found else None
    except ValueError:
        return None


def as_list(value: Any) -> list[Any] | None:
    """The elements of a list in the forms that PHP writes; None for any other value.

    An array with gaps comes as an object whose keys are the positions, and an empty list as an empty object.

    >>> as_list({"10": "b", "2": "a"}), as_list({}), as_list({"name": "a"})
    (['a', 'b'], [], None)
    """
    if isinstance(value, dict) and all(key.isascii() and key.isdigit() for key in value):
        return [value[key] for key in sorted(value, key=lambda key: (len(key.lstrip("0")), key.lstrip("0")))]
    return value if isinstance(value, list) else None


def as_utc(moment: datetime) -> datetime:
    """A moment in UTC. Without a time zone, it is in UTC already, as in Hostaway.

    :raises InvalidValue: when it is outside of the years 1 to 9999 in UTC.
    """
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise InvalidValue(f"{moment.isoformat()} is outside of the years 1 to 9999 in UTC") from None


def log_source(entry: dict[str, Any]) -> str:
    """Which part of Hostaway wrote an entry of a reservation's log; `unknown` if that cannot be read.

    >>> [log_source({"source": value}) for value in ("financeStandardField", "a:b", None, ["x"])]
    ['financeStandardField', 'unknown', 'unknown', 'unknown']
    """
    source = entry.get("source")
    return source if isinstance(source, str) and _WORD.fullmatch(source) else "unknown"


def entity_id(row: dict[str, Any]) -> str | None:
    """The id of a row in its normalized form; None if it has no valid id."""
    identity = as_id(row.get("id"))
    return None if identity is None else str(identity)
