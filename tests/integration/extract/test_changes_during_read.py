"""After changes during a read, nothing is missing, or the sync is incomplete."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

DRIFT = st.fixed_dictionaries(
    {
        "after": st.integers(0, 9),
        "update": st.integers(0, 4),
        "insert": st.integers(0, 2),
        "delete": st.integers(0, 2),
    }
)


@pytest.mark.parametrize("mode", list(Mode))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drifts=st.lists(DRIFT, min_size=1, max_size=4), page_size=st.integers(3, 25))
def test_no_row_is_missing_after_a_read_that_calls_itself_complete(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    mode: Mode,
    drifts: list[dict[str, int]],
    page_size: int,
) -> None:
    # A page size per example; the setting is read when a sync begins.
    object.__setattr__(get_settings(), "page_size", page_size)
    simulator.control.clear_faults()
    simulator.control.add_faults(
        [{"kind": "drift", "match": {"resource": "reservations"}, "times": 1, **drift} for drift in drifts]
    )
    (result,) = sync_account(warehouse, account, mode, [Resource.RESERVATIONS])
    simulator.control.clear_faults()
    if mode is Mode.INCREMENTAL and result.is_complete:
        # What changed behind an incremental read is newer than its watermark: the next one finds it.
        (result,) = sync_account(warehouse, account, mode, [Resource.RESERVATIONS])
    rows = warehouse.execute("select entity_id, payload from landing.reservations where account_id = %s", [account])
    payloads = {int(row["entity_id"]): row["payload"] for row in rows}
    if result.is_complete:
        current = simulator.control.objects("reservations", account)
        assert {found["id"] for found in current} <= set(payloads)
        stale = [found["id"] for found in current if payloads[found["id"]]["updatedOn"] != found["updatedOn"]]
        assert not stale
    else:
        assert result.error


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(in_one_second=st.integers(0, 20), page_size=st.integers(2, 9), data=st.data())
def test_a_full_read_finds_a_change_within_the_newest_second_of_the_list(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    in_one_second: int,
    page_size: int,
    data: st.DataObject,
) -> None:
    """Rows of one second are ordered by id: a row that changes within it need not arrive on the first page."""
    object.__setattr__(get_settings(), "page_size", page_size)
    simulator.control.start_clock()
    simulator.control.advance_clock(5)
    simulator.control.stop_clock()
    ids = sorted((found["id"] for found in simulator.control.objects("reservations", account)), reverse=True)
    for id in ids[:in_one_second]:
        simulator.control.patch("reservations", id, {"hostNote": "in one second"})
    after = data.draw(st.integers(0, len(ids) // page_size), label="calls before the change")
    simulator.control.clear_faults()
    simulator.control.add_faults(
        [{"kind": "drift", "match": {"resource": "reservations"}, "times": 1, "after": after, "update": 1}]
    )
    (result,) = sync_account(warehouse, account, Mode.FULL, [Resource.RESERVATIONS])
    assert result.is_complete
    rows = warehouse.execute("select entity_id, payload from landing.reservations where account_id = %s", [account])
    landed = {int(row["entity_id"]): row["payload"]["updatedOn"] for row in rows}
    current = {found["id"]: found["updatedOn"] for found in simulator.control.objects("reservations", account)}
    assert landed == current
