"""Settings of an account that lists of their own show: formulas, taxes, custom fields, groups of users."""

from __future__ import annotations

from sync_hostaway.simulator.data.extras import PERMISSIONS
from sync_hostaway.simulator.data.rows import JsonObject

_SAVED = "2024-03-01 09:00:00"


def custom_formulas(account_id: int) -> list[JsonObject]:
    """Formulas of the account's reports; no channels stand for all of them."""
    return [
        {
            "id": 9_700,
            "accountId": account_id,
            "listingMapId": None,
            "channelIds": [],
            "formulaName": "pmCommissionAbc",
            "formulaValue": "43",
            "isOverride": 0,
            "insertedOn": _SAVED,
            "updatedOn": _SAVED,
        }
    ]


def tax_settings(account_id: int, listing_id: int | None = None) -> list[JsonObject]:
    """Taxes of the account, or of a listing; `applyTo` is JSON in a text."""
    row = {
        "id": 1 if listing_id is None else listing_id,
        "accountId": account_id,
        "taxType": "cityTax",
        "taxAppliedPer": "person_per_night",
        "amount": 2.5,
        "amountType": "flat",
        "applyTo": '["baseRate","cleaningFee"]',
        "insertedOn": _SAVED,
        "updatedOn": _SAVED,
    }
    return [row if listing_id is None else {**row, "listingMapId": listing_id}]


def pricing_settings(listing_id: int) -> list[JsonObject]:
    """Prices by length of stay, by channel."""
    channels = ("Airbnb", "Booking", "Vrbo", "Expedia")
    return [{"listingMapId": listing_id, **{f"is{channel}LOSActive": 0 for channel in channels}}]


def custom_fields(account_id: int) -> list[JsonObject]:
    """Definitions of custom fields; `possibleValues` is JSON in a text."""
    definitions = (
        ("reservation", "Arrival by", "text", None, 0),
        ("listing", "Parking level", "dropdown", '["A","B"]', 1),
        ("task", "Linen sets", "number", None, 1),
    )
    return [
        {
            "id": 501 + place,
            "accountId": account_id,
            "name": name,
            "varName": f"{object_type}_{501 + place}",
            "possibleValues": values,
            "type": kind,
            "objectType": object_type,
            "isPublic": public,
            "sortOrder": place + 1,
        }
        for place, (object_type, name, kind, values, public) in enumerate(definitions)
    ]


def user_groups(account_id: int) -> list[JsonObject]:
    """Groups of users with the permissions of each."""
    return [
        {
            "id": 40 + place,
            "accountId": account_id,
            "name": name,
            "description": None,
            **{permission: int(name == "Managers") for permission in PERMISSIONS},
        }
        for place, name in enumerate(("Managers", "Cleaners"))
    ]
