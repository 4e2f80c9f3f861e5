"""How Hostaway writes values.

It gives numbers as numbers or digit strings, flags as 0/1 or true/false, and missing values as null, "" or not at all;
each of these is fine.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

_MOMENT = re.compile(
    r"(19|20|21)\d\d-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-4]):?[0-5]\d)?)?", re.ASCII
)
_NUMBER = re.compile(r"[ \t\r\n]*[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?[ \t\r\n]*", re.ASCII)
_FLAGS = frozenset({"0", "1", "true", "false"})


def _blank_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _number(value: Any) -> Any:
    value = _blank_is_none(value)
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        raise ValueError("must be a number")
    return value


def _flag(value: Any) -> Any:
    value = _blank_is_none(value)
    if value is not None and str(value).strip().lower() not in _FLAGS:
        raise ValueError("must be 0, 1, true or false")
    return value if value is None else str(value).strip().lower()


def _text(value: Any) -> Any:
    if isinstance(value, dict | list):
        raise ValueError("must be text")  # noqa: TRY004 - pydantic collects ValueError
    return value if value is None or isinstance(value, str) else str(value)


def _moment(value: Any) -> Any:
    # A number would otherwise be read as seconds since 1970.
    value = _blank_is_none(value)
    if value is not None and not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        raise ValueError("must look like 2026-01-31 or 2026-01-31 12:00:00")
    return value


def _day(value: Any) -> Any:
    value = _moment(value)
    return value if value is None else value[:10]


def as_utc(moment: datetime) -> datetime:
    """A moment in UTC, which is what one without a zone is in already: Hostaway writes them so."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


# The bounds are those of the models: what passes here is never dropped there (dbt_project/macros/payload.sql).
Id = Annotated[int, Field(gt=0, lt=10**18), BeforeValidator(_number)]
MaybeId = Annotated[Annotated[int, Field(ge=0, lt=10**18)] | None, BeforeValidator(_number)]
Int = Annotated[Annotated[int, Field(gt=-(10**9), lt=10**9)] | None, BeforeValidator(_number)]
Number = Annotated[Annotated[Decimal, Field(gt=-(10**15), lt=10**15)] | None, BeforeValidator(_number)]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
Text = Annotated[str | None, BeforeValidator(_text)]
Day = Annotated[date, BeforeValidator(_day)]
Date = Annotated[date | None, BeforeValidator(_day)]
Timestamp = Annotated[Annotated[datetime, AfterValidator(as_utc)] | None, BeforeValidator(_moment)]
# PHP writes an empty object as [] now and then, and the other way round.
Rows = Annotated[list[Any] | None, BeforeValidator(lambda value: value or None)]

_ID: TypeAdapter[int] = TypeAdapter(Id)
_FLAG: TypeAdapter[bool | None] = TypeAdapter(Flag)
_TIMESTAMP: TypeAdapter[datetime | None] = TypeAdapter(Timestamp)


def as_id(value: Any) -> int | None:
    """An id as Hostaway writes them; None when the value could be none."""
    try:
        return _ID.validate_python(value)
    except ValidationError:
        return None


def as_flag(value: Any) -> bool | None:
    """A flag as Hostaway writes them; None when the value could be none."""
    try:
        return _FLAG.validate_python(value)
    except ValidationError:
        return None


def as_moment(value: Any) -> datetime | None:
    """A moment as Hostaway writes them, in UTC; None when the value could be none."""
    try:
        return _TIMESTAMP.validate_python(value)
    except ValidationError:
        return None


def entity_id(row: dict[str, Any]) -> str | None:
    """The id of a row in its one spelling; None when it has none that could be one."""
    identity = as_id(row.get("id"))
    return None if identity is None else str(identity)
