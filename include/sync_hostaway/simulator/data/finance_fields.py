"""The finance fields of one reservation: the lines that it has itself, and the standard fields."""

from __future__ import annotations

import json
from typing import Any

from sync_hostaway.simulator.data.rows import JsonObject

_EMPTY_FINANCE_KEYS = (
    "units",
    "listingFeeSettingId",
    "alias",
    "isMandatory",
    "guestInvoiceChargeId",
    "previousValue",
    "jsonValue",
    "lengthOfStayNights",
    "lengthOfStayAmount",
    "previousListingFeeSettingId",
    "ageCondition",
)
_ZERO_FINANCE_KEYS = (
    "isOverriddenByUser",
    "isQuantitySelectable",
    "isDeleted",
    "isAddedByUser",
    "displayInRent",
    "isUnique",
)
_STANDARD_NAMES = (
    "damageDeposit guestChannelFee hostChannelFee baseRate vat salesTax cityTax otherTaxes cleaningFeeValue "
    "additionalCleaningFee parkingFee towelChangeFee midstayCleaningFee roomRequestFee reservationChangeFee checkinFee "
    "lateCheckoutFee otherFees creditCardFee kitchenLinenFee linenPackageFee transferFee wristbandFee extraBedsFee "
    "serviceFee bedLinenFee bookingFee petFee skiPassFee tourismFee childrenExtraFee resortFee resortFeeAirbnb "
    "communityFeeAirbnb managementFeeAirbnb linenFeeAirbnb weeklyDiscount roomTax transientOccupancyTax lodgingTax "
    "hotelTax guestNightlyTax guestStayTax guestPerPersonPerNightTax propertyRentTax priceForExtraPerson "
    "monthlyDiscount cancellationPayout cancellationHostFee couponDiscount shareholderDiscount lastMinuteDiscount "
    "employeeDiscount otherSpecialDiscount paymentServiceProcessingFees bookingComCancellationGuestFee "
    "otaPaymentProcessingFee insuranceFee"
)
STANDARD = tuple(_STANDARD_NAMES.split())
# financeField and the finance fields call the same things by other names.
_OTHER_NAMES = {"cleaningFee": "cleaningFeeValue", "pricePerExtraPerson": "priceForExtraPerson"}


def finance_fields(payload: JsonObject, account_id: int) -> list[JsonObject]:
    """financeField[] as single reads and webhooks carry it; `total` is the amount to use."""
    total = payload.get("totalPrice")
    price = float(total) if isinstance(total, int | float) else 0.0
    lines = (
        ("accommodation", "baseRate", price * 0.83123456789),
        ("fee", "cleaningFee", payload.get("cleaningFee")),
        ("tax", "salesTax", payload.get("taxAmount")),
        ("discount", "weeklyDiscount", -round(price * 0.05, 2)),
        ("totals", "totalPaid", price),
        ("commissions", "hostChannelFee", round(price * 0.03, 3)),
    )
    return [_finance_field(payload, account_id, number, *line) for number, line in enumerate(lines)]


def _finance_field(payload: JsonObject, account_id: int, number: int, kind: str, name: str, value: Any) -> JsonObject:
    """A row with the 36 keys that webhooks and single reads carry since 2026."""
    amount = value if isinstance(value, int | float) else 0
    row: JsonObject = dict.fromkeys(_EMPTY_FINANCE_KEYS)
    row.update(dict.fromkeys(_ZERO_FINANCE_KEYS, 0))
    row.update(
        id=payload["id"] % 100_000_000 * 10 + number if isinstance(payload.get("id"), int) else None,
        accountId=account_id,
        listingMapId=payload.get("listingMapId"),
        reservationId=payload.get("id"),
        channelId=payload.get("channelId"),
        type=kind,
        name=name,
        title=name,
        value=amount,
        total=amount,
        amount=amount,
        amountType="flat",
        appliedPer="reservation",
        # The word, not the JSON null
        applyTo="null",
        appearsIn=[],
        quantity=1,
        isIncludedInTotalPrice=1,
        insertedOn=payload.get("insertedOn"),
        updatedOn=payload.get("insertedOn"),
    )
    return row


def standard_fields(payload: JsonObject, account_id: int) -> JsonObject:
    """The standard fields of one reservation: null where nothing is known, never 0."""
    lines = payload.get("financeField") or finance_fields(payload, account_id)
    values: dict[str, Any] = dict.fromkeys(STANDARD)
    edited = []
    for line in lines:
        name = _OTHER_NAMES.get(line["name"], line["name"])
        if name in values and not line.get("isDeleted"):
            values[name] = line.get("total")
            if line.get("isOverriddenByUser"):
                edited.append(name)
    return {
        "id": payload["id"] % 100_000_000 + 1,
        "accountId": account_id,
        "listingMapId": payload.get("listingMapId"),
        "channelId": payload.get("channelId"),
        "reservationId": payload["id"],
        **values,
        "manuallySetFields": json.dumps(edited) if edited else None,
        "customFeeValuesJson": None,
        "insertedOn": payload.get("insertedOn"),
        "updatedOn": payload.get("updatedOn"),
    }
