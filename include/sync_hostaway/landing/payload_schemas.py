"""Checks whether a row can land, and which of its values are odd.

A row lands if its id, and the id of its required parent, can be read. Every other value may be wrong: the staging
models read an invalid value as null (dbt_project/macros/payload.sql), and a warning names the field and the value.
`fields` has the fields that those models read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sync_hostaway.core.resources import Resource
from sync_hostaway.hostaway.endpoints import reservation_status
from sync_hostaway.hostaway.values import as_date, as_flag, as_id, as_list, as_timestamp, as_whole_number
from sync_hostaway.landing.fields import ELEMENTS, FIELDS, OBJECTS, Elements

Check = Callable[[Any], bool]
"""Whether a value that is not empty can be read."""

_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?")
AMOUNT_COLUMNS = ("money", "number")
"""The `valueType` of the columns of an owner statement that have numbers, as in stg_owner_statement_items."""
# The forms in which PHP writes a missing value.
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value.strip(" \t\n\r")) is not None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 10**30 and int(Decimal(str(value)).as_tuple().exponent) >= -30


_CHECKS: dict[str, tuple[str, Check]] = {
    "ids": ("an id", lambda value: as_whole_number(value) is not None),
    "ints": ("a whole number", lambda value: as_whole_number(value, digits=9) is not None),
    "numbers": ("a number", _is_number),
    "flags": ("0, 1, true or false", lambda value: as_flag(value) is not None),
    "texts": ("text", lambda value: not isinstance(value, dict | list)),
    "dates": ("a date like 2026-01-31", lambda value: as_date(value) is not None),
    "timestamps": ("a moment like 2026-01-31 12:00:00", lambda value: as_timestamp(value) is not None),
    "lists": ("a list", lambda value: as_list(value) is not None),
}


def validation_error(resource: Resource, row: Any) -> str | None:
    """Why a row cannot land, with field and value; None if it can.

    >>> validation_error(Resource.RESERVATIONS, {"id": 1, "listingMapId": "none"})
    "listingMapId: must be an id, got 'none'"
    """
    if not isinstance(row, dict):
        return f"row: must be an object, got {_shown(row)}"
    if resource is Resource.CALENDAR_DAYS:
        return None if as_date(row.get("date")) else f"date: must be a date, got {_shown(row.get('date'))}"
    # The listing of a reservation is its parent; those of other rows are known from the request, or may be missing.
    keys = ("id", "listingMapId") if resource is Resource.RESERVATIONS else ("id",)
    reasons = [f"{key}: must be an id, got {_shown(row.get(key))}" for key in keys if as_id(row.get(key)) is None]
    return "; ".join(reasons) or None


def validation_warnings(resource: Resource, row: dict[str, Any]) -> list[str]:
    """The odd values of a row that lands, with field and value.

    >>> validation_warnings(Resource.RESERVATIONS, {"status": "new", "nights": "three"})
    ["nights: must be a whole number, got 'three'"]
    """
    found = _odd_fields(FIELDS[resource].kinds, row)
    status = row.get("status")
    if resource is Resource.RESERVATIONS and not isinstance(status, dict | list) and not reservation_status(status):
        found.append(f"status: unknown status, got {_shown(status)}")
    for name, elements in ELEMENTS.get(resource, {}).items():
        found += _odd_elements(name, elements, as_list(row.get(name)) or [])
    for name, kinds in OBJECTS.get(resource, {}).items():
        found += _odd_object(name, kinds, row.get(name))
    if resource is Resource.OWNER_STATEMENTS:
        found += _odd_cells(row.get("financeDataJson"))
    return found


def _odd_fields(fields: Mapping[str, str], row: dict[str, Any]) -> list[str]:
    found = []
    for name, kind in fields.items():
        value = row.get(name)
        if value in _NOTHING or (isinstance(value, str) and not value.strip()):
            continue
        expected, is_readable = _CHECKS[kind]
        if not is_readable(value):
            found.append(f"{name}: must be {expected}, got {_shown(value)}")
    return found


def _odd_elements(name: str, elements: Elements, items: list[Any]) -> list[str]:
    found = []
    key_kind = elements.kinds.get(elements.key or "", "ids")
    expected, is_readable = _CHECKS[key_kind]
    for item in items:
        if not isinstance(item, dict):
            found.append(f"{name}: an element is left out, must be an object, got {_shown(item)}")
            continue
        key = item.get(elements.key) if elements.key else None
        if elements.key and (key in _NOTHING or not is_readable(key)):
            found.append(f"{name}: an element is left out, {elements.key}: must be {expected}, got {_shown(key)}")
        else:
            found += [f"{name}: {reason}" for reason in _odd_fields(elements.kinds, item)]
    return found


def _odd_object(name: str, kinds: Mapping[str, str], value: Any) -> list[str]:
    if value in _NOTHING or (isinstance(value, str) and not value.strip()):
        return []
    if not isinstance(value, dict):
        return [f"{name}: must be an object, got {_shown(value)}"]
    return [f"{name}: {reason}" for reason in _odd_fields(kinds, value)]


def _odd_cells(table: Any) -> list[str]:
    """The amounts of stays in an owner statement that cannot be read. The kind of a cell is that of its column."""
    if not isinstance(table, dict):
        return []
    columns = as_list(table.get("columns")) or []
    amounts = [
        (place, str(column.get("name")))
        for place, column in enumerate(columns)
        if isinstance(column, dict) and column.get("valueType") in AMOUNT_COLUMNS and column.get("name") != "id"
    ]
    found = []
    for stay in as_list(table.get("rows")) or []:
        cells = as_list(stay)
        if cells is None:
            found.append(f"financeDataJson: rows: a stay is left out, must be a list, got {_shown(stay)}")
            continue
        shown = {name: cells[place] for place, name in amounts if place < len(cells)}
        found += [f"financeDataJson: {reason}" for reason in _odd_fields(dict.fromkeys(shown, "numbers"), shown)]
    return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
