"""Paths of the API. Dispatch is by segments, as regular-expression routes would cost more than the answers."""

from __future__ import annotations

from typing import NamedTuple


class Route(NamedTuple):
    """A resource and what of it is meant.

    resource: name used by fault rules and statistics; kind: list, get, create, update, delete, report;
    ids: numbers from the path, outermost first; name: which one of the dictionaries or reports.
    """

    resource: str
    kind: str
    ids: tuple[int, ...] = ()
    name: str = ""


_KINDS = {"GET": "get", "PUT": "update", "DELETE": "delete"}
_LISTS = frozenset({"listings", "reservations", "conversations", "reviews", "tasks", "users", "coupons"})
_DICTIONARIES = frozenset({"countries", "currencies", "languages", "timezones"})
_REPORTS = frozenset({"consolidated", "listingFinancials", "standard", "calculated"})
# Other lists, by their path.
_MORE_LISTS = {
    "expenses": "expenses",
    "ownerStatements": "ownerStatements",
    "guestPayments/charges": "guestCharges",
    "financeCustomFormula": "financeCustomFormulas",
    "accountTaxSettings": "accountTaxSettings",
    "customFields": "customFields",
    "reservations/customFields": "customFields",
    "userGroups": "userGroups",
}
# What is read by the id at the end of its path.
_MORE_BY_ID = {
    "expenses": "expenses",
    "ownerStatement": "ownerStatements",
    "guestPayments/charges": "guestCharges",
    "financeField": "financeField",
    "financeStandardField/reservation": "financeStandardField",
    "financeCalculatedField/reservation": "financeCalculatedField",
    "listingUnits": "listingUnits",
    "listingFeeSettings": "listingFeeSettings",
    "listingTaxSettings": "listingTaxSettings",
    "listing/pricingSettings": "listingPricingSettings",
}
_WEBHOOKS = ("webhooks", "unifiedWebhooks")


def resolve(method: str, path: str) -> Route | None:
    """The route of a path below /v1/, None for one that does not exist."""
    parts = path.strip("/").split("/")
    if parts[0] == "webhooks":
        return _webhook(method, parts)
    if route := _finance_or_setting(method, parts):
        return route
    if len(parts) == 1:
        return _collection(method, parts[0])
    if not parts[1].isdecimal():
        return None
    number = int(parts[1])
    if len(parts) == 2:
        return _single(method, parts[0], number)
    return _nested(method, parts, number)


def _finance_or_setting(method: str, parts: list[str]) -> Route | None:
    """What is known by its whole path, or by the path before an id."""
    if method == "POST" and parts[:2] == ["finance", "report"] and len(parts) == 3 and parts[2] in _REPORTS:
        return Route("financeReport", "report", name=parts[2])
    if method != "GET":
        return None
    if found := _MORE_LISTS.get("/".join(parts)):
        return Route(found, "list")
    found = _MORE_BY_ID.get("/".join(parts[:-1])) if parts[-1].isdecimal() else None
    return Route(found, "get", (int(parts[-1]),)) if found else None


def _collection(method: str, name: str) -> Route | None:
    if name == "accessTokens" and method in {"POST", "DELETE"}:
        return Route("accessTokens", "create" if method == "POST" else "delete")
    if method != "GET":
        return None
    if name == "unifiedWebhookLogs":
        return Route("webhookLogs", "list")
    if name in _DICTIONARIES:
        return Route("dictionaries", "list", name=name)
    return Route(name, "list") if name in _LISTS else None


def _single(method: str, name: str, number: int) -> Route | None:
    if method != "GET":
        return None
    name = "users" if name == "user" else name
    return Route(name, "get", (number,)) if name in _LISTS else None


def _nested(method: str, parts: list[str], number: int) -> Route | None:
    nested = (parts[0], parts[2])
    if nested == ("conversations", "messages"):
        return _messages(method, parts[3:], number)
    if len(parts) != 3 or method != "GET":
        return None
    if nested == ("reservations", "conversations"):
        return Route("conversations", "of_reservation", (number,))
    if nested == ("reservations", "logs"):
        return Route("reservationLogs", "list", (number,))
    return Route("calendar", "list", (number,)) if nested == ("listings", "calendar") else None


def _messages(method: str, rest: list[str], conversation_id: int) -> Route | None:
    if not rest:
        kind = {"GET": "list", "POST": "create"}.get(method)
        return None if kind is None else Route("messages", kind, (conversation_id,))
    if len(rest) == 1 and rest[0].isdecimal() and method == "GET":
        return Route("messages", "get", (conversation_id, int(rest[0])))
    return None


def _webhook(method: str, parts: list[str]) -> Route | None:
    if tuple(parts[:2]) != _WEBHOOKS or len(parts) > 3:
        return None
    if len(parts) == 2:
        kind = {"GET": "list", "POST": "create"}.get(method)
        return None if kind is None else Route("webhooks", kind)
    kind = _KINDS.get(method)
    return Route("webhooks", kind, (int(parts[2]),)) if kind and parts[2].isdecimal() else None
