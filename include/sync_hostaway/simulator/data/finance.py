"""The money of an account, worked out from its reservations: expenses, owner statements, guest charges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from sync_hostaway.simulator.data.clock import DAY, parse_day, stamp
from sync_hostaway.simulator.data.finance_reports import MONEY_COLUMNS, report_values, table
from sync_hostaway.simulator.data.listings import ListingOutline
from sync_hostaway.simulator.data.reservations import BOOKED, DIRECT, ENGINE, VRBO
from sync_hostaway.simulator.data.rows import JsonObject, ReservationRow
from sync_hostaway.simulator.data.seeds import stream

_EXPENSES, _CHARGES = 65, 66
_STATEMENT_MONTHS = 3
_STATEMENT_LISTINGS = 5
_STATEMENT_USER = 9_000

_STATEMENT_COLUMNS = {
    "id": "Reservation ID",
    "guestName": "Guest name",
    "channelName": "Channel name",
    "status": "Reservation status",
    "arrivalDate": "Arrival date",
    "departureDate": "Departure date",
    "listingName": "Listing name",
    "baseRate": "Base rate",
    "cleaningFeeValue": "Cleaning fee value",
    "pmCommission": "PM Commission",
    "ownerPayout": "Owner payout",
}


def expenses(seed: int, account_id: int, stays: Iterable[ReservationRow], anchor: int) -> list[JsonObject]:
    """Expenses (negative) and extras (positive) of some stays of the last year; some marked as deleted."""
    result: list[JsonObject] = []
    today = anchor // DAY
    for row in stays:
        departure = parse_day(row.departure)
        rng = stream(seed, account_id, _EXPENSES, row.index)
        if row.status not in BOOKED or departure is None or not today - 365 <= departure < today or rng.random() < 0.7:
            continue
        number = (account_id % 1000) * 1_000_000 + row.index + 1
        is_extra = rng.random() < 0.2
        amount = round(rng.uniform(15, 240), 2) * (1 if is_extra else -1)
        concept = "Late check-out" if is_extra else rng.choice(("Plumber", "Laundry", "Light bulbs", "Pool cleaning"))
        inserted = stamp(departure * DAY + 10 * 3600)
        result.append(
            {
                "id": number,
                "accountId": account_id,
                "ownerStatementId": None,
                "listingMapId": row.listing_id,
                "reservationId": row.id if rng.random() < 0.6 else None,
                "expenseDate": row.departure,
                "concept": concept,
                "type": "extra" if is_extra else "expense",
                "amount": amount,
                "isDeleted": int(rng.random() < 0.05),
                "ownerUserId": None,
                "insertedOn": inserted,
                "updatedOn": inserted,
                "ownerStatementIds": [],
                "categories": [],
                "categoriesNames": [],
                "attachments": [],
                "listingName": None,
                "guestName": None,
                "ownerStatementNames": [],
                "ownerStatementExpenseId": number,
            }
        )
    return result


def guest_charges(seed: int, account_id: int, payloads: Iterable[JsonObject]) -> list[JsonObject]:
    """The payment of each booking whose guests the host charges, holds of deposits for some, and refunds.

    A cancelled booking that was paid is refunded: wholly, or one half in two steps. Some guests who stay get 25 back.
    """
    result: list[JsonObject] = []
    for payload in payloads:
        is_cancelled = payload["status"] == "cancelled"
        paid = payload.get("paymentStatus") == "Paid"
        if payload["channelId"] not in (DIRECT, ENGINE, VRBO):
            continue
        if payload["status"] not in BOOKED and not (is_cancelled and paid):
            continue
        rng = stream(seed, account_id, _CHARGES, payload["id"])
        has_hold = rng.random() < 0.3
        charges = [_charge(payload, "charge", payload.get("totalPrice"), f"ch_{rng.getrandbits(64):016x}")]
        if has_hold and not is_cancelled:
            charges.append(_charge(payload, "preAuth", 200, f"ch_{rng.getrandbits(64):016x}"))
        first_id = payload["id"] % 100_000_000 * 4
        if paid:
            charges += [_refund(payload, amount, first_id) for amount in _refunds(rng, payload)]
        result += [{**charge, "id": first_id + place} for place, charge in enumerate(charges)]
    return result


def _charge(payload: JsonObject, kind: str, amount: float | None, charge_id: str) -> JsonObject:
    paid = payload.get("paymentStatus") == "Paid"
    return {
        "id": None,
        "listingMapId": payload["listingMapId"],
        "reservationId": payload["id"],
        "autopaymentId": None,
        "type": kind,
        "title": "Accommodation payment" if kind == "charge" else "Damage deposit",
        "description": None,
        "currency": payload["currency"],
        "paymentMethod": "credit_card_online",
        "amount": amount,
        "capturedAmount": None,
        "status": "paid" if paid and kind == "charge" else "awaiting",
        "paymentProvider": "stripe",
        "paymentProviderMessage": f"Charged successfully. Payment Provider charge ID: {charge_id}" if paid else None,
        "paymentProviderInvoiceId": None,
        "paymentProviderChargeId": charge_id if paid else None,
        "scheduledDate": f"{payload['arrivalDate']} 11:00:00",
        "chargeDate": payload["reservationDate"] if paid and kind == "charge" else None,
        "holdReleaseDate": None,
        "isManual": 0,
        "autoChargeId": None,
        "triggerEvent": "arrival",
        "triggerTimeDelta": -72,
        "flatFee": None,
        "percentageFee": 100 if kind == "charge" else None,
        "transactions": [],
    }


def _refunds(rng: Random, payload: JsonObject) -> list[float]:
    """The amounts that a guest got back, each above 0."""
    total = payload.get("totalPrice")
    draw = rng.random()
    if payload["status"] != "cancelled":
        return [25] if draw < 0.1 else []
    if not isinstance(total, int | float) or total <= 0:
        return []
    return [total] if draw < 0.5 else [round(total / 4, 2)] * 2


def _refund(payload: JsonObject, amount: float, charge_id: int) -> JsonObject:
    """A refund: a charge of its own, with a negative amount and the status "succeeded"."""
    return {
        **_charge(payload, "refund", -amount, ""),
        "title": "Manual refund",
        "paymentMethod": "cash",
        "capturedAmount": 0,
        "status": "succeeded",
        "paymentProvider": "offline",
        "paymentProviderMessage": None,
        "paymentProviderChargeId": None,
        "scheduledDate": None,
        "chargeDate": payload.get("cancellationDate") or payload["reservationDate"],
        "isManual": 1,
        "triggerEvent": None,
        "triggerTimeDelta": 0,
        "flatFee": 0,
        "percentageFee": 0,
        "refundInfo": {
            "refundedChargeId": charge_id,
            "reason": "requested_by_customer",
            "isIncludeInPriceBreakdown": 0,
        },
    }


def owner_statements(
    account_id: int, payloads: Iterable[JsonObject], lines: Mapping[int, ListingOutline], anchor: int
) -> list[JsonObject]:
    """A statement of each of the last three months for the first listings, frozen as it was when it was saved."""
    chosen = sorted(lines)[:_STATEMENT_LISTINGS]
    stays = [payload for payload in payloads if payload["listingMapId"] in chosen and payload["status"] in BOOKED]
    year, month = (int(part) for part in stamp(anchor)[:7].split("-"))
    result = []
    for number in range(_STATEMENT_MONTHS, 0, -1):
        months = year * 12 + month - 1 - number
        period = f"{months // 12:04d}-{months % 12 + 1:02d}"
        in_month = [payload for payload in stays if payload["departureDate"][:7] == period]
        result.append(_statement(account_id, number, period, in_month, chosen, lines))
    return result


def _statement(
    account_id: int,
    number: int,
    period: str,
    stays: list[JsonObject],
    chosen: list[int],
    lines: Mapping[int, ListingOutline],
) -> JsonObject:
    texts = {name: title for name, title in _STATEMENT_COLUMNS.items() if name not in MONEY_COLUMNS}
    money = {name: title for name, title in _STATEMENT_COLUMNS.items() if name in MONEY_COLUMNS}
    rows = []
    for payload in stays:
        values = report_values(payload, account_id)
        shown = {**payload, "id": str(payload["id"]), "listingName": lines[payload["listingMapId"]].name}
        rows.append([shown.get(name) for name in texts] + [values[name] for name in money])
    data = {**table(texts, money, rows), "currency": None}
    payout = data["totals"][-1]
    last = f"{period}-28"
    saved = f"{last} 20:28:47"
    expense = {
        "id": (account_id % 1000) * 1_000_000 + 900_000 + number,
        "listingMapId": chosen[0],
        "reservationId": None,
        "expenseDate": last,
        "concept": "Gardener",
        "amount": -60,
    }
    return {
        "id": (account_id % 1000) * 1_000 + number,
        "accountId": str(account_id),
        "statementName": f"Statement {period}",
        "invoiceName": f"INV-{period}",
        "filterParametersJson": {
            "listingMapIds": chosen,
            "quickDate": None,
            "fromDate": f"{period}-01",
            "toDate": last,
            "statuses": ["new", "modified"],
            "dateType": "departureDate",
            "tags": [],
            "channelIds": [],
            "columns": list(_STATEMENT_COLUMNS),
            "summaryDataFormulaNames": ["ownerPayout", "pmCommission"],
        },
        "summaryDataJson": [
            {"formulaName": "ownerPayout", "totalValue": payout},
            {"formulaName": "pmCommission", "totalValue": data["totals"][-2]},
        ],
        "financeDataJson": data,
        "propertyManagerName": "Harbour Stays",
        "propertyManagerEmail": f"office.{account_id}@mail.example",
        "propertyManagerAddress": "1 Harbour Street",
        "propertyManagerPhone": "+15550000001",
        "propertyOwnerName": "Orla Ownerby",
        "propertyOwnerEmail": f"owner.{account_id}@mail.example",
        "propertyOwnerAddress": "2 Saltmarsh Street",
        "propertyOwnerPhone": "+15550000002",
        "grandTotalJson": {
            "expensesTotal": -60,
            "grandTotalAmount": round(payout - 60, 4),
            "formulasTotal": [{"name": "ownerPayout", "amount": payout}],
        },
        "notes": "Thank you for your trust.",
        "insertedOn": saved,
        "updatedOn": saved,
        "expenses": [expense],
        "accessByUsers": [_STATEMENT_USER],
    }
