"""The database reads ids and lists as Python does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from sync_hostaway.core.db import Connection
from sync_hostaway.hostaway.values import as_id, as_list

pytestmark = pytest.mark.integration

DIGITS = st.text(alphabet="0123456789.+- \t\n\u0661\u00a0e_", max_size=8)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    DIGITS,
    st.lists(st.integers(0, 9), max_size=3),
    st.dictionaries(DIGITS, st.integers(0, 9), max_size=4),
    st.dictionaries(st.integers(0, 10**6).map(str), st.integers(0, 9), max_size=4),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck])
@given(value=VALUES)
def test_ids_and_lists_read_the_same_in_sql(warehouse: Connection, value: Any) -> None:
    row = warehouse.execute(
        "select ops.as_id(%(value)s) as id, ops.as_list(%(value)s) as list", {"value": Jsonb(value)}
    ).fetchone()
    assert row == {"id": as_id(value), "list": as_list(value)}
