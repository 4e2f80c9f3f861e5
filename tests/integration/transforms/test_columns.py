"""A column of a staging model reaches the core table."""

from __future__ import annotations

import pytest

from landing_harness import LandingHarness
from sync_hostaway.core.resources import Resource

pytestmark = pytest.mark.integration

# What says how a row landed, which is no field of Hostaway's.
HOW_IT_LANDED = {"entity_id", "load_id", "landed_at"}
# What only intermediate models read.
NOT_FOR_CORE = {Resource.RESERVATIONS: {"guest_email_as_sent"}}


def test_every_column_of_staging_is_in_core(harness: LandingHarness) -> None:
    harness.land("users", {"id": 60})
    harness.transform()
    columns = "select column_name from information_schema.columns where table_schema = %s and table_name = %s"
    forgotten = {
        f"models/core/{resource}.sql and .yml: add {column}, which stg_{resource}.sql makes"
        for resource in Resource
        for (column,) in harness.rows(columns, "staging", f"stg_{resource}")
        if column not in HOW_IT_LANDED | NOT_FOR_CORE.get(resource, set())
        and (column,) not in harness.rows(columns, "hostaway", resource.value)
    }
    assert forgotten == set(), "see docs/contributing/add-a-field.md"
