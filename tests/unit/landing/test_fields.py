"""A field is described once, and every place that must know it is named where it was forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_hostaway.core.resources import Resource
from sync_hostaway.landing.fields import FIELDS, KINDS

DBT = Path(__file__).parents[3] / "dbt_project"
HOW_TO = "see docs/contributing/add-a-field.md"
# The macro of dbt_project/macros/payload.sql that reads a field of each kind.
KIND_OF = {
    "as_bigint": "ids",
    "as_integer": "ints",
    "as_numeric": "numbers",
    "as_boolean": "flags",
    "as_text": "texts",
    "as_date": "dates",
    "as_timestamptz": "timestamps",
    "as_timestamp": "timestamps",
    "as_texts": "lists",
    "as_bigints": "lists",
}
# A reservation cannot land without its listing, whose id is therefore checked elsewhere.
CHECKED_AS_KEY = {(Resource.RESERVATIONS, "listingMapId")}


def staging(resource: Resource) -> Path:
    return DBT / "models" / "staging" / f"stg_{resource}.sql"


def reads(resource: Resource) -> Iterator[tuple[str, str]]:
    """Macro and field of each field that the resource's staging model reads."""
    for macro, name in re.findall(r"\b(as_[a-z]+)\('(\w+)'\)", staging(resource).read_text(encoding="utf-8")):
        if macro in KIND_OF:
            yield macro, name


@pytest.mark.parametrize("resource", Resource)
def test_a_field_that_a_model_reads_is_described_with_its_kind(resource: Resource) -> None:
    described = FIELDS[resource].kinds
    forgotten = {
        f"landing/fields.py: add {name} to {KIND_OF[macro]} of {resource}, which {staging(resource).name} reads"
        for macro, name in reads(resource)
        if described.get(name) != KIND_OF[macro] and (resource, name) not in CHECKED_AS_KEY
    }
    assert forgotten == set(), HOW_TO


@pytest.mark.parametrize("resource", Resource)
def test_a_field_that_is_described_is_read_by_a_model(resource: Resource) -> None:
    # stg_listings and what is made from the lists in it, such as stg_listing_photos
    own = f"stg_{resource.value.removesuffix('s')}*.sql"
    models = "".join(path.read_text(encoding="utf-8") for path in sorted((DBT / "models").rglob(own)))
    macros = "".join(path.read_text(encoding="utf-8") for path in sorted((DBT / "macros").glob("*.sql")))
    forgotten = {
        f"{staging(resource).name}: read {name} with a macro for {kind}, or take it out of landing/fields.py"
        for name, kind in FIELDS[resource].kinds.items()
        if not re.search(rf"(\(|->>? )['\"]{name}['\"]", models + macros)
    }
    assert forgotten == set(), HOW_TO


@pytest.mark.parametrize("resource", Resource)
def test_a_field_has_one_description(resource: Resource) -> None:
    fields = FIELDS[resource]
    assert fields.kept.keys() & fields.erased.keys() == set()
    assert fields.kept_unread & fields.kinds.keys() == set()
    assert set(fields.kinds.values()) <= set(KINDS)
