"""Finance and settings over HTTP: reports, fields of one reservation, expenses, statements, charges, logs."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

FORM = {"format": "json", "dateType": "arrivalDate", "fromDate": "2026-05-01", "toDate": "2026-05-31"}


def report(client: Any, kind: str = "consolidated", **fields: str) -> Any:
    return client.call("POST", f"finance/report/{kind}", files={k: (None, v) for k, v in fields.items()})


def as_rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    names = [column["name"] for column in result["columns"]]
    return [dict(zip(names, row, strict=True)) for row in result["rows"]]


def test_a_report_has_the_bookings_of_its_period_and_agrees_with_single_reads(client: Any) -> None:
    rows = as_rows(report(client, **FORM).json()["result"])
    booked = {"new", "modified", "cancelled", "ownerStay"}
    expected = {
        str(row["id"])
        for row in client.rows("reservations", limit=500, arrivalStartDate="2026-05-01", arrivalEndDate="2026-05-31")
        if row["status"] in booked
    }
    assert expected
    assert {row["id"] for row in rows} == expected
    fields = client.get(f"financeStandardField/reservation/{rows[0]['id']}").json()["result"]
    assert fields["reservationId"] == int(rows[0]["id"])
    assert rows[0]["baseRate"] == pytest.approx(fields["baseRate"], abs=0.001)
    formulas = client.rows(f"financeCalculatedField/reservation/{rows[0]['id']}")
    assert {it["formulaName"]: it["formulaResult"] for it in formulas}["totalTax"] == rows[0]["totalTax"]


@pytest.mark.parametrize("as_form", ["multipart", "urlencoded"])
def test_a_report_is_filtered_by_its_form(client: Any, as_form: str) -> None:
    fields = {"format": "json", "statuses[0]": "cancelled"}
    if as_form == "multipart":
        answer = report(client, **fields)
    else:
        answer = client.call("POST", "finance/report/consolidated", data=fields)
    rows = as_rows(answer.json()["result"])
    assert {row["status"] for row in rows} == {"cancelled"}


def test_reports_come_as_csv_too(client: Any) -> None:
    for kind in ("consolidated", "standard", "calculated", "listingFinancials"):
        answer = report(client, kind, **{**FORM, "format": "csv"})
        lines = list(csv.reader(io.StringIO(answer.text)))
        assert len(lines) > 1, kind
        assert len({len(line) for line in lines}) == 1
    assert report(client, "standard", format="json").status_code == 400


def test_columns_of_a_report_move_and_vanish_on_demand(client: Any, simulator: RunningSimulator) -> None:
    before = as_rows(report(client, **FORM).json()["result"])
    simulator.control.fault("columns", match={"path": "finance/report"}, drop="ownerPayout", reverse=True)
    result = report(client, **FORM).json()["result"]
    assert result["columns"][-1]["name"] == "id"
    assert as_rows(result) == [{k: v for k, v in row.items() if k != "ownerPayout"} for row in before]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("expenses", "expenseDate"),
        ("guestPayments/charges", "chargeDate"),
        ("customFields", "varName"),
        ("reservations/customFields", "varName"),
        ("financeCustomFormula", "formulaName"),
        ("accountTaxSettings", "taxType"),
        ("userGroups", "readListing"),
    ],
)
def test_lists_of_finance_and_settings_answer(client: Any, path: str, key: str) -> None:
    rows = client.rows(path)
    assert rows
    assert all(key in row for row in rows)


def test_what_belongs_to_one_object_is_read_by_its_id(client: Any) -> None:
    listing = client.rows("listings", limit=1)[0]["id"]
    for path in ("listingUnits", "listingFeeSettings", "listingTaxSettings", "listing/pricingSettings"):
        assert isinstance(client.rows(f"{path}/{listing}"), list), path
        assert client.get(f"{path}/1").status_code == 404
    statement = client.rows("ownerStatements")[0]
    whole = client.get(f"ownerStatement/{statement['id']}").json()["result"]
    assert whole["statementName"] == statement["statementName"]
    assert "guestName" in [column["name"] for column in whole["financeDataJson"]["columns"]]
    expense = client.rows("expenses")[0]
    assert client.get(f"expenses/{expense['id']}").json()["result"] == expense
    assert (expense["amount"] > 0) is (expense["type"] == "extra")


def test_logs_of_a_reservation_are_counted_only_where_a_limit_is_asked_for(client: Any) -> None:
    row = next(row for row in client.rows("reservations", limit=100) if row["status"] == "cancelled")
    assert set(client.get(f"reservations/{row['id']}/logs").json()) == {"status", "result"}
    body = client.get(f"reservations/{row['id']}/logs", limit=1).json()
    assert (body["count"], len(body["result"]), body["result"][0]["newValue"]) == (3, 1, "cancelled")
