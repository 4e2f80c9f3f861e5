"""Reports about the money of reservations: a table with columns, rows and totals.

All of it is worked out from the reservations, so that a report, a single read and a statement say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from sync_hostaway.simulator.data.finance_fields import STANDARD, standard_fields
from sync_hostaway.simulator.data.reservations import BOOKED
from sync_hostaway.simulator.data.rows import JsonObject

# Statuses that the consolidated report shows: inquiries are in no report, although they have prices.
REPORTED = BOOKED | {"cancelled", "ownerStay"}
_COMMISSION = 0.2
_TAXES = [
    "cityTax",
    "hotelTax",
    "lodgingTax",
    "roomTax",
    "salesTax",
    "transientOccupancyTax",
    "vat",
    "otherTaxes",
    "propertyRentTax",
    "guestPerPersonPerNightTax",
    "guestStayTax",
    "guestNightlyTax",
]
_TEXT_COLUMNS = {
    "id": "Reservation ID",
    "channelName": "Channel name",
    "status": "Reservation status",
    "arrivalDate": "Arrival date",
    "departureDate": "Departure date",
    "listingName": "Listing name",
}
MONEY_COLUMNS = {
    "totalGuestFees": "Total guest fees",
    "totalTax": "Total tax",
    "accommodationFee": "Accommodation fee",
    "pmCommission": "PM Commission",
    "ownerPayout": "Owner payout",
    # A formula of the account: its name is free.
    "pmCommissionAbc": "pmCommissionAbc",
    "baseRate": "Base rate",
    "priceForExtraPerson": "Price for extra person",
    "cleaningFeeValue": "Cleaning fee value",
    "cityTax": "City / Tourism tax",
    "hotelTax": "Hotel tax",
    "lodgingTax": "Lodging tax",
    "roomTax": "Room tax",
    "salesTax": "Sales tax",
    "transientOccupancyTax": "Transient occupancy tax",
    "vat": "VAT / GST",
    "otherTaxes": "Other taxes",
    "propertyRentTax": "Property rent tax",
    "guestPerPersonPerNightTax": "Guest per person per night tax",
    "guestStayTax": "Guest stay tax",
    "guestNightlyTax": "Guest nightly tax",
    "guestChannelFee": "Guest channel fee",
    "hostChannelFee": "Host channel fee",
    "monthlyDiscount": "Monthly discount",
    "weeklyDiscount": "Weekly discount",
    "damageDeposit": "Damage deposit",
    "cancellationFee": "Cancellation fee",
    "cancellationPayout": "Cancellation payout",
    "cancellationHostFee": "Cancellation host fee",
    "subTotalPrice": "Sub total price",
}


def report_values(payload: JsonObject, account_id: int) -> dict[str, float]:
    """The money columns of the consolidated report for one reservation: 0 where nothing is known."""
    fields = standard_fields(payload, account_id)
    known = {name: float(fields[name]) for name in STANDARD if isinstance(fields.get(name), int | float)}
    rent = known.get("baseRate", 0.0) + known.get("priceForExtraPerson", 0.0) + known.get("weeklyDiscount", 0.0)
    values = {name: known.get(name, 0.0) for name in MONEY_COLUMNS}
    values.update(
        totalGuestFees=known.get("cleaningFeeValue", 0.0),
        totalTax=sum(known.get(name, 0.0) for name in _TAXES),
        accommodationFee=rent,
        pmCommission=rent * _COMMISSION,
        ownerPayout=rent * (1 - _COMMISSION),
        pmCommissionAbc=43.0,
        subTotalPrice=rent + known.get("cleaningFeeValue", 0.0),
    )
    return {name: round(value, 4) for name, value in values.items()}


def calculated_fields(payload: JsonObject, account_id: int) -> list[JsonObject]:
    """The results of the account's formulas for one reservation."""
    values = report_values(payload, account_id)
    formulas = {"totalTax": list(_TAXES), "totalGuestFees": ["cleaningFeeValue"], "pmCommissionAbc": ["43"]}
    return [
        {
            "id": payload["id"] % 100_000_000 * 4 + number,
            "accountId": account_id,
            "listingMapId": payload.get("listingMapId"),
            "financeCustomFormulaId": None,
            "channelId": payload.get("channelId"),
            "reservationId": payload["id"],
            "formulaName": name,
            "formulaValue": " + ".join(parts),
            "formulaFilled": " + ".join(str(values.get(part, part)) for part in parts),
            "formulaResult": values[name],
            "insertedOn": payload.get("insertedOn"),
            "updatedOn": payload.get("updatedOn"),
        }
        for number, (name, parts) in enumerate(formulas.items())
    ]


def consolidated(
    payloads: Iterable[JsonObject], account_id: int, names: Mapping[int, str], currency: str | None
) -> JsonObject:
    """The consolidated report: columns first, then a row per reservation; one currency for all rows."""
    rows = []
    for payload in payloads:
        listing_id = payload.get("listingMapId") or 0
        texts = {**payload, "id": str(payload["id"]), "listingName": f"({listing_id}) {names.get(listing_id, '')}"}
        money = report_values(payload, account_id)
        rows.append([texts.get(name) for name in _TEXT_COLUMNS] + [money[name] for name in MONEY_COLUMNS])
    return {**table(_TEXT_COLUMNS, MONEY_COLUMNS, rows), "currency": currency}


def by_listing(payloads: Iterable[JsonObject], account_id: int, names: Mapping[int, str]) -> JsonObject:
    """The report of listings: the money columns, added up per listing."""
    ordered = sorted(payloads, key=lambda payload: payload.get("listingMapId") or 0)
    rows = []
    for listing_id, group in groupby(ordered, key=lambda payload: payload.get("listingMapId") or 0):
        money = [report_values(payload, account_id) for payload in group]
        rows.append(
            [str(listing_id), f"({listing_id}) {names.get(listing_id, '')}"]
            + [round(sum(values[name] for values in money), 4) for name in MONEY_COLUMNS]
        )
    texts = {"listingMapId": "Listing ID", "listingName": "Listing name"}
    return {**table(texts, MONEY_COLUMNS, rows), "currency": None}


def table(texts: Mapping[str, str], money: Mapping[str, str], rows: list[list[Any]]) -> JsonObject:
    columns = [
        {"name": name, "title": title, "valueType": "number" if name == "id" else "string"}
        for name, title in texts.items()
    ]
    columns += [{"name": name, "title": title, "valueType": "money"} for name, title in money.items()]
    places = range(len(texts), len(columns))
    totals = ["Totals", *[0] * (len(texts) - 1), *(round(sum(row[place] for row in rows), 4) for place in places)]
    return {"columns": columns, "rows": rows, "totals": totals}
