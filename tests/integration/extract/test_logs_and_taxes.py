"""Syncs of reservation logs, which are read on request, and of tax settings, whose list has no count."""

from __future__ import annotations

import pytest

from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

LOGS = Resource.RESERVATION_LOGS


def sync(warehouse: Connection, account: int, *resources: Resource, mode: Mode = Mode.INCREMENTAL) -> SyncResult:
    """The result of the resource named last."""
    results = {result.resource: result for result in sync_account(warehouse, account, mode, resources)}
    return results[resources[-1]]


def calls(simulator: RunningSimulator) -> int:
    return simulator.control.calls("reservationLogs.list")


def test_logs_are_read_on_request_and_again_after_a_change(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    assert LOGS not in get_settings().resources
    numbers = simulator.control.truth(701)["ids"]["reservations"]
    result = sync(warehouse, account, Resource.RESERVATIONS, LOGS)
    assert (result.status, calls(simulator)) == ("complete", len(numbers))
    landed = warehouse.execute(
        "select count(*) as entries, count(distinct parent_id) as logs,"
        " count(*) filter (where entity_id like 'financeStandardField:%') as fees,"
        " bool_and((payload ->> 'reservationId')::bigint = parent_id) as has_parent from landing.reservation_logs"
    ).fetchone()
    assert landed is not None
    assert landed["entries"] == result.counts.seen == result.counts.new
    assert (landed["logs"], landed["fees"], landed["has_parent"]) == (len(numbers), len(numbers), True)

    assert sync(warehouse, account, Resource.RESERVATIONS, LOGS).counts.seen == 0
    assert calls(simulator) == len(numbers)
    simulator.control.patch("reservations", numbers[0], {"totalPrice": 4321})
    assert sync(warehouse, account, Resource.RESERVATIONS, LOGS).status == "complete"
    assert calls(simulator) == len(numbers) + 1

    assert sync(warehouse, account, Resource.RESERVATIONS, LOGS, mode=Mode.FULL).status == "complete"
    assert calls(simulator) == 2 * len(numbers) + 1


def test_the_log_of_a_deleted_reservation_is_deleted(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, Resource.RESERVATIONS, LOGS)
    number = simulator.control.truth(701)["ids"]["reservations"][0]
    simulator.control.change("delete", resource="reservations", id=number)
    result = sync(warehouse, account, Resource.RESERVATIONS, LOGS, mode=Mode.FULL)
    assert result.counts.deleted >= 2
    left = warehouse.execute(
        "select from landing.reservation_logs where parent_id = %s and deleted_at is null", [number]
    ).fetchall()
    assert left == []


def test_logs_that_hostaway_refuses_are_no_failure(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("not_enabled", match={"resource": "reservationLogs"}, times=0, status=403)
    assert sync(warehouse, account, Resource.RESERVATIONS, LOGS, mode=Mode.FULL).status == "refused"


def test_a_tax_that_the_settings_no_longer_have_is_deleted(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    assert sync(warehouse, account, Resource.TAX_SETTINGS, mode=Mode.FULL).counts.new == 1
    before = simulator.control.calls("accountTaxSettings.list")
    assert sync(warehouse, account, Resource.TAX_SETTINGS).status == "complete"
    assert simulator.control.calls("accountTaxSettings.list") == before, "once a day"
    warehouse.execute("update landing.tax_settings set entity_id = '77', observed_at = observed_at - interval '1 hour'")
    result = sync(warehouse, account, Resource.TAX_SETTINGS, mode=Mode.FULL)
    assert (result.status, result.counts.new, result.counts.deleted) == ("complete", 1, 1)
