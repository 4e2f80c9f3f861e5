"""Finance fields by reports, and by single reads where reports are not enabled; owner statements."""

from __future__ import annotations

from typing import Any

import pytest

from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.dry_run import dry_run_account
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

FINANCE = Resource.RESERVATION_FINANCE
REPORT = {"resource": "financeReport"}
SINGLE = {"resource": "financeStandardField"}


def sync(warehouse: Connection, account: int, *resources: Resource, mode: Mode = Mode.FULL) -> SyncResult:
    """The result of the resource named last."""
    return sync_account(warehouse, account, mode, resources or (Resource.RESERVATIONS, FINANCE))[-1]


def landed(warehouse: Connection, table: str = "reservation_finance") -> dict[int, dict[str, Any]]:
    rows = warehouse.execute(f"select entity_id, payload from landing.{table} where deleted_at is null").fetchall()
    return {int(row["entity_id"]): row["payload"] for row in rows}


def booked(simulator: RunningSimulator) -> dict[int, dict[str, Any]]:
    statuses = {"new", "modified", "cancelled", "ownerStay"}
    rows = [simulator.control.object("reservations", it) for it in simulator.control.truth(701)["ids"]["reservations"]]
    return {row["id"]: row for row in rows if row["status"] in statuses}


def test_a_report_brings_all_reservations_of_a_month(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    result = sync(warehouse, account)
    expected = booked(simulator)
    assert (result.status, result.expected) == ("complete", len(expected))
    rows = landed(warehouse)
    assert rows.keys() == expected.keys()
    assert {row["financeSource"] for row in rows.values()} == {"report"}
    months = {row["arrivalDate"][:7] for row in expected.values()}
    assert simulator.control.calls("financeReport.report") == len(months)
    assert simulator.control.calls("financeStandardField.get") == 0
    for number, row in expected.items():
        assert rows[number]["reservationUpdatedOn"] == row["updatedOn"]
        single = simulator.control.object("reservations", number)["financeField"]
        [rent] = [line["total"] for line in single if line["name"] == "baseRate"]
        assert rows[number]["baseRate"] == pytest.approx(rent, abs=0.001)


def test_an_incremental_sync_reads_the_months_of_what_changed(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account)
    sync(warehouse, account, mode=Mode.INCREMENTAL)
    before = simulator.control.calls("financeReport.report")
    assert sync(warehouse, account, mode=Mode.INCREMENTAL).status == "complete"
    assert simulator.control.calls("financeReport.report") == before
    number, row = next(iter(booked(simulator).items()))
    changed = simulator.control.patch("reservations", number, {"totalPrice": 4321})
    assert sync(warehouse, account, mode=Mode.INCREMENTAL).status == "complete"
    assert simulator.control.calls("financeReport.report") == before + 1
    assert landed(warehouse)[number]["reservationUpdatedOn"] == changed["updatedOn"] != row["updatedOn"]


def test_finance_fields_of_a_deleted_reservation_are_deleted(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account)
    number = next(iter(booked(simulator)))
    simulator.control.change("delete", resource="reservations", id=number)
    assert sync(warehouse, account).counts.deleted == 1
    assert number not in landed(warehouse)


def test_moved_and_missing_columns_are_mapped_by_name(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account)
    before = landed(warehouse)
    simulator.control.fault("columns", match=REPORT, times=0, drop="ownerPayout", reverse=True)
    assert sync(warehouse, account).status == "complete"
    assert landed(warehouse) == {
        number: {name: value for name, value in row.items() if name != "ownerPayout"} for number, row in before.items()
    }
    [run] = warehouse.execute(
        "select note from ops.sync_runs where resource = 'reservation_finance' order by sync_run_id desc limit 1"
    ).fetchall()
    assert run["note"] == "the report has no column ownerPayout: these values are null"


def test_a_report_without_ids_lands_nothing(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    simulator.control.fault("columns", match=REPORT, times=0, drop="id")
    result = sync(warehouse, account)
    assert (result.status, "no column `id`" in (result.error or "")) == ("failed", True)
    assert landed(warehouse) == {}


def test_what_a_cut_report_leaves_out_is_read_singly(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("half_page", match=REPORT, times=0, keep=0.5)
    result = sync(warehouse, account)
    assert result.status == "complete_after_retry"
    rows = landed(warehouse)
    assert rows.keys() == booked(simulator).keys()
    assert {row["financeSource"] for row in rows.values()} == {"report", "standard_fields"}


def test_reservations_without_finance_fields_are_no_miss(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("half_page", match=REPORT, times=0, keep=0.5)
    simulator.control.fault("not_enabled", match=SINGLE, times=0, status=404)
    assert sync(warehouse, account).status == "complete"
    rows = landed(warehouse)
    assert rows.keys() == booked(simulator).keys()
    assert {row["financeSource"] for row in rows.values()} == {"report", "none"}
    before = simulator.control.calls("financeStandardField.get")
    sync(warehouse, account, mode=Mode.INCREMENTAL)
    assert simulator.control.calls("financeStandardField.get") == before


@pytest.mark.parametrize("status", [403, 404])
def test_without_reports_changed_reservations_are_read_singly(
    warehouse: Connection, account: int, simulator: RunningSimulator, status: int
) -> None:
    simulator.control.fault("not_enabled", match=REPORT, times=0, status=status)
    number = next(iter(booked(simulator)))
    simulator.control.patch("reservations", number, {"totalPrice": 4321})
    assert sync(warehouse, account).status == "complete"
    row = landed(warehouse)[number]
    assert (row["financeSource"], row["id"], row["vat"]) == ("standard_fields", number, None)
    before = simulator.control.calls("financeStandardField.get")
    assert before == len(landed(warehouse)) < len(booked(simulator))
    sync(warehouse, account, mode=Mode.INCREMENTAL)
    assert simulator.control.calls("financeStandardField.get") == before


@pytest.mark.parametrize("status", [403, 404])
def test_an_account_without_finance_is_refused_and_fails_nothing(
    warehouse: Connection, account: int, simulator: RunningSimulator, status: int
) -> None:
    simulator.control.fault(
        "not_enabled", match={"path": "finance|expenses|ownerStatement|guestPayments"}, times=0, status=status
    )
    resources = (Resource.RESERVATIONS, FINANCE, Resource.EXPENSES, Resource.OWNER_STATEMENTS, Resource.GUEST_CHARGES)
    results = sync_account(warehouse, account, Mode.FULL, resources)
    assert [result.status for result in results] == ["complete", "refused", "refused", "refused", "refused"]
    assert not any(result.has_failed for result in results)
    assert "not enabled for your account" in (results[1].error or "")


def test_rows_with_another_number_of_cells_do_not_land(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync_hostaway.extract.finance import _rows_of

    columns = [{"name": "id"}, {"name": "baseRate"}, {"name": "id"}]
    result = {"columns": columns, "rows": [["5", 1, 6], ["7", 1], {"0": "8", "1": 2, "2": 3}, ["Totals", 0, 0]]}
    rows, missing = _rows_of(result, None)  # type: ignore[arg-type] # only for the text of an error
    assert rows == [
        {"id": "5", "baseRate": 1, "reportCurrency": None},
        ["7", 1],
        {"id": "8", "baseRate": 2, "reportCurrency": None},
    ]
    assert "ownerPayout" in missing
    assert "baseRate" not in missing


def test_statements_are_read_one_by_one_and_deleted_only_when_they_are_gone(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    result = sync(warehouse, account, Resource.OWNER_STATEMENTS)
    ids = simulator.control.truth(701)["ids"]["ownerStatements"]
    assert (result.status, result.expected, sorted(landed(warehouse, "owner_statements"))) == ("complete", 3, ids)
    simulator.control.fault("half_page", match={"path": "/v1/ownerStatements"}, times=1, keep=0)
    assert sync(warehouse, account, Resource.OWNER_STATEMENTS).counts.deleted == 0
    simulator.control.change("delete", resource="ownerStatements", id=ids[0])
    simulator.control.patch("ownerStatements", ids[1], {"notes": "Refreshed"})
    assert sync(warehouse, account, Resource.OWNER_STATEMENTS).counts.deleted == 1
    rows = landed(warehouse, "owner_statements")
    assert (sorted(rows), rows[ids[1]]["notes"]) == (ids[1:], "Refreshed")
    simulator.control.fault("not_enabled", match={"path": f"/v1/ownerStatement/{ids[1]}"}, times=0, status=404)
    result = sync(warehouse, account, Resource.OWNER_STATEMENTS)
    assert (result.status, result.counts.deleted, len(landed(warehouse, "owner_statements"))) == ("incomplete", 0, 2)


def test_a_dry_run_says_what_a_sync_of_finance_does(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    resources = (Resource.RESERVATIONS, FINANCE, Resource.OWNER_STATEMENTS)
    dry = dry_run_account(warehouse, account, Mode.FULL, resources)
    assert landed(warehouse) == {}
    real = sync_account(warehouse, account, Mode.FULL, resources)
    assert [(it.status, it.counts) for it in dry] == [(it.status, it.counts) for it in real]
