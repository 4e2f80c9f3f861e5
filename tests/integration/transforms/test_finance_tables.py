"""Finance fields, expenses, owner statements and guest charges in the core tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from landing_harness import LandingHarness, listing

pytestmark = pytest.mark.integration

REPORTED = {
    "financeSource": "report",
    "reportCurrency": "USD",
    "baseRate": "500.50",
    "pmCommission": 100,
    "ownerPayout": 400.5,
    "vat": None,
    "cityTax": 0,
    "pmCommissionAbc": 43,
    "doorCode": 4711,
}


def booking(number: int, **fields: Any) -> dict[str, Any]:
    dates = {"arrivalDate": "2026-03-01", "departureDate": "2026-03-04", "status": "new"}
    return {"id": number, "listingMapId": 1, "currency": "EUR", "totalPrice": 700, **dates, **fields}


def statement(**fields: Any) -> dict[str, Any]:
    columns = [{"name": name} for name in ("guestName", "ownerPayout", "id", "baseRate")]
    return {
        "id": 9,
        "statementName": "October",
        "filterParametersJson": {"listingMapIds": [1], "fromDate": "2026-10-01", "toDate": "2026-10-31"},
        "financeDataJson": {"columns": columns, "rows": [["Ann", 400.5, "10", 500]], "currency": None},
        "summaryDataJson": [{"formulaName": "ownerPayout", "totalValue": 400.5}],
        "grandTotalJson": {"expensesTotal": -60, "grandTotalAmount": "340.5"},
        "expenses": [{"id": 7, "listingMapId": 1, "expenseDate": "2026-10-09", "concept": "Gardener", "amount": -60}],
        "propertyOwnerEmail": "owner@mail.example",
        "accessByUsers": [5, "6"],
        "updatedOn": "2026-11-02 08:00:00",
        **fields,
    }


def test_finance_fields_are_typed_and_unknown_ones_stay_null(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", booking(10), booking(11), booking(12))
    harness.land(
        "reservation_finance",
        {"id": 10, **REPORTED},
        {"id": 11, "financeSource": "standard_fields", "petFee": 20, "manuallySetFields": '["baseRate", "petFee"]'},
        # numbers as texts: amounts, formulas, and what is neither
        {
            "id": 12,
            "vat": "7.5",
            "ourFormula": " 12.50",
            "guestPhone": "491701234567",
            "listingName": "12",
            "doorCode": "1",
        },
    )
    harness.transform()
    columns = "base_rate, owner_payout, vat, city_tax, pet_fee, currency, report_currency, listing_id"
    [first, second, third] = harness.rows(f"select {columns} from hostaway.reservation_finance order by reservation_id")
    assert first == (Decimal("500.50"), Decimal("400.5"), None, 0, None, "EUR", "USD", 1)
    assert second == (None, None, None, None, 20, "EUR", None, 1)
    assert third == (None, None, Decimal("7.5"), None, None, "EUR", None, 1)
    edited = "select manually_set_fields, is_manually_edited, formulas from hostaway.reservation_finance"
    assert harness.rows(f"{edited} order by reservation_id") == [
        (None, False, {"pmCommissionAbc": 43}),
        (["baseRate", "petFee"], True, None),
        (None, False, {"ourFormula": 12.5}),
    ]
    assert harness.value("select pms_meta ->> 'doorCode' from hostaway.reservation_finance order by 1 limit 1") == "***"


def test_a_finance_row_gets_the_currency_of_a_reservation_that_comes_later(harness: LandingHarness) -> None:
    harness.land("reservation_finance", {"id": 10, **REPORTED})
    harness.transform()
    assert harness.value("select currency from hostaway.reservation_finance") is None
    harness.land("listings", listing(1))
    harness.land("reservations", booking(10))
    harness.transform()
    harness.land("reservation_finance", {"id": 99, "financeSource": "none"})
    harness.transform()
    assert harness.rows("select currency, listing_id from hostaway.reservation_finance order by reservation_id") == [
        ("EUR", 1),
        (None, None),
    ]


def test_a_field_that_a_user_edited_in_the_reservation_flags_its_finance_row(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    line = {"id": 1, "name": "baseRate", "total": 500, "isOverriddenByUser": 1}
    harness.land("reservations", booking(10, financeField=[line]))
    harness.land("reservation_finance", {"id": 10, **REPORTED})
    harness.transform()
    assert harness.value("select is_manually_edited from hostaway.reservation_finance") is True


def test_expenses_and_charges(harness: LandingHarness) -> None:
    harness.land(
        "expenses",
        {"id": 7, "listingMapId": 1, "expenseDate": "2026-10-09", "concept": "Gardener", "amount": -60, "isDeleted": 0},
        {
            "id": 8,
            "amount": "n/a",
            "ownerStatementIds": {"1": 9, "3": "10"},
            "isDeleted": 1,
            "expenseDate": "0000-00-00",
        },
    )
    harness.land("guest_charges", {"id": 5, "reservationId": 10, "type": "refund", "amount": "12.5", "status": "paid"})
    harness.transform()
    assert harness.rows(
        "select expense_id, amount, expense_date::text, owner_statement_ids, is_removed from hostaway.expenses"
        " order by expense_id"
    ) == [(7, -60, "2026-10-09", None, False), (8, None, None, [9, 10], True)]
    charges = "select guest_charge_id, reservation_id, charge_type, amount, charged_at from hostaway.guest_charges"
    assert harness.rows(charges) == [(5, 10, "refund", Decimal("12.5"), None)]


def test_a_statement_and_what_it_lists(harness: LandingHarness) -> None:
    harness.land("owner_statements", statement())
    harness.transform()
    columns = "statement_name, listing_ids, from_date::text, grand_total, access_user_ids, currency"
    assert harness.rows(f"select {columns} from hostaway.owner_statements") == [
        ("October", [1], "2026-10-01", Decimal("340.5"), [5, 6], None)
    ]
    items = "select item_type, item_name, reservation_id, expense_id, amount from hostaway.owner_statement_items"
    found = harness.rows(f"{items} where not is_deleted order by item_type, item_number")
    assert found == [
        ("expense", "Gardener", None, 7, -60),
        ("reservation", "ownerPayout", 10, None, Decimal("400.5")),
        ("reservation", "baseRate", 10, None, 500),
        ("total", "ownerPayout", None, None, Decimal("400.5")),
    ]
    harness.land("owner_statements", statement(expenses=[], financeDataJson="odd", summaryDataJson=None))
    harness.transform()
    assert harness.rows(f"{items} where not is_deleted") == []
    assert harness.value("select count(*) from hostaway.owner_statement_items where amount is not null") == 0


def test_a_report_fills_what_the_reservation_does_not_tell(harness: LandingHarness) -> None:
    harness.land("listings", listing(1, timeZoneName="UTC"))
    # Vrbo: neither rent nor commission
    harness.land("reservations", booking(10, channelId=2002, nights=3, reservationDate="2026-01-01 10:00:00"))
    harness.land(
        "expenses", {"id": 7, "reservationId": 10, "expenseDate": "2026-03-05", "concept": "Lamp", "amount": -60}
    )
    harness.land("expenses", {"id": 8, "listingMapId": 1, "amount": -1, "isDeleted": 1})
    harness.transform()
    rent = "select sum(accommodation_revenue) from marts.listing_nights where listing_id = 1"
    assert harness.value(rent) is None
    fees = {"cleaningFeeValue": 80, "totalTax": 0, "hostChannelFee": 0, "weeklyDiscount": -50}
    harness.land("reservation_finance", {"id": 10, **REPORTED, **fees, "baseRate": 650})
    harness.transform()
    assert harness.value(rent) == 600
    lines = harness.rows(
        "select line_type, amount, currency, departure_month::text from marts.owner_statement_lines order by 1"
    )
    assert lines == [
        ("channel_commission", None, "EUR", "2026-03-01"),
        ("cleaning_fee", 80, "EUR", "2026-03-01"),
        ("expense", -60, "EUR", "2026-03-01"),
        ("management_commission", -100, "EUR", "2026-03-01"),
        ("other_fees", None, "EUR", "2026-03-01"),
        ("owner_payout", Decimal("400.5"), "EUR", "2026-03-01"),
        ("payout", None, "EUR", "2026-03-01"),
        ("rent", 600, "EUR", "2026-03-01"),
        ("tax", None, "EUR", "2026-03-01"),
    ]
