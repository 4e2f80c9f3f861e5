"""JSON types and null shares of real responses, per resource and field (`recorded_types.json`).

Kinds: int, float, str, "str:intlike" (digits in a string), "str:datetime", "str:date", "str:empty", null, list,
"list:empty", dict. Values are shares of the recorded rows, 0 to 1.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

Shares = dict[str, dict[str, float]]


@cache
def recorded() -> dict[str, Shares]:
    """Shares per resource, field and kind, in the order in which the API sends the fields."""
    text = files(__package__).joinpath("recorded_types.json").read_text(encoding="utf-8")
    shares: dict[str, Shares] = json.loads(text)
    return shares


@cache
def null_share(resource: str, field: str) -> float:
    """Share of rows with null in the field."""
    return recorded()[resource][field].get("null", 0.0)


@cache
def integer_share(resource: str, field: str) -> float:
    """Share of integers among the numbers of the field (PHP drops the fraction of whole floats)."""
    kinds = recorded()[resource][field]
    whole, broken = kinds.get("int", 0.0), kinds.get("float", 0.0)
    return whole / (whole + broken) if whole + broken else 0.0


@cache
def always_null(resource: str) -> frozenset[str]:
    """Fields that were null in every recorded row."""
    return frozenset(field for field, kinds in recorded()[resource].items() if kinds == {"null": 1})


def template(resource: str) -> dict[str, object]:
    """All fields of a resource in recorded order, with null, or [] for fields that were always empty lists."""
    return {field: [] if kinds == {"list:empty": 1} else None for field, kinds in recorded()[resource].items()}
