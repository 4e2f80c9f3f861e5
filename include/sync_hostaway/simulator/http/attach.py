"""What a request gets attached: the effects of includeResources, includePayments and includeCancellationPolicy."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sync_hostaway.simulator.data.finance_fields import finance_fields
from sync_hostaway.simulator.data.rows import JsonObject
from sync_hostaway.simulator.http.queries import Params


class Attachments(NamedTuple):
    """What to attach; hashable, as encoded objects are cached per variant."""

    resources: bool = True
    payments: bool = False
    policy: bool = False
    single: bool = False
    booking_urls: bool = False


EVERYTHING = Attachments(resources=True, payments=True, policy=True, single=True, booking_urls=True)


def attachments_of(params: Params, *, lean_by_default: bool, single: bool = False) -> Attachments:
    flag = params.flag("includeResources")
    return Attachments(
        resources=not lean_by_default if flag is None else flag,
        payments=bool(params.flag("includePayments")),
        policy=bool(params.flag("includeCancellationPolicy")),
        single=single,
        booking_urls="bookingEngineUrls" in params.all("attachObjects"),
    )


def encode(payload: Any) -> bytes:
    """JSON as PHP writes it by default: non-ASCII escaped, so lone surrogates can be sent too."""
    return json.dumps(payload, separators=(",", ":")).encode("ascii")


def shape(resource: str, payload: JsonObject, attached: Attachments, account_id: int) -> JsonObject:
    """The object as a request with these options gets it; the original stays untouched."""
    if resource == "reservations":
        return _reservation(payload, attached, account_id)
    if resource == "users" and not attached.resources:
        return {key: value for key, value in payload.items() if key != "listingMapIds"}
    return _listing(payload, attached) if resource == "listings" else payload


def _listing(payload: JsonObject, attached: Attachments) -> JsonObject:
    result = payload if attached.booking_urls else {**payload, "bookingEngineUrls": []}
    if not attached.resources and payload.get("customFieldValues"):
        public = [item for item in payload["customFieldValues"] if item.get("customField", {}).get("isPublic")]
        result = {**result, "customFieldValues": public}
    return result


def _reservation(payload: JsonObject, attached: Attachments, account_id: int) -> JsonObject:
    result = dict(payload)
    if not attached.resources:
        result.update(customFieldValues=[], reservationFees=[], reservationUnit=[], hostProxyEmail=None)
    if not (attached.resources and attached.single):
        result.pop("bookingcomIsGeniusMember", None)
    if attached.payments:
        result["remainingBalance"] = _balance(payload)
    if attached.policy:
        result.update(_policy(payload))
    if attached.single and not result.get("financeField"):
        result["financeField"] = finance_fields(payload, account_id)
    return result


def _balance(payload: JsonObject) -> float | int | None:
    total = payload.get("totalPrice")
    if not isinstance(total, int | float):
        return None
    return 0 if payload.get("paymentStatus") == "Paid" else total


def _policy(payload: JsonObject) -> JsonObject:
    name = payload.get("airbnbCancellationPolicy") or "moderate"
    return {
        "cancellationPolicy": name,
        "bookingCancellationPolicy": None,
        "vrboCancellationPolicy": None,
        "marriottCancellationPolicy": None,
        "cancellationPolicyDetails": {
            "name": name,
            "channelId": payload.get("channelId"),
            "channelSpecificCode": None,
            "longTerm": 0,
            "cancellationPolicyItem": [],
        },
    }
