"""Every fact about Hostaway's endpoints that the code relies on, and nothing else.

Sources: api.hostaway.com/documentation, and the behaviour that public clients of the API report.
"""

from __future__ import annotations

import re
from typing import Any

from sync_hostaway.core.resources import Resource

ACCESS_TOKENS = "/v1/accessTokens"
LISTINGS = "/v1/listings"
RESERVATIONS = "/v1/reservations"
CONVERSATIONS = "/v1/conversations"
REVIEWS = "/v1/reviews"
TASKS = "/v1/tasks"
USERS = "/v1/users"
COUPONS = "/v1/coupons"
EXPENSES = "/v1/expenses"
GUEST_CHARGES = "/v1/guestPayments/charges"
OWNER_STATEMENTS = "/v1/ownerStatements"
# One response has the whole list: the documentation names neither pages nor a count.
TAX_SETTINGS = "/v1/accountTaxSettings"
CONSOLIDATED_REPORT = "/v1/finance/report/consolidated"
WEBHOOKS = "/v1/webhooks/unifiedWebhooks"
WEBHOOK_LOGS = "/v1/unifiedWebhookLogs"

DEFAULT_LIMIT = 100
"""Rows of a page if the request has no limit, or the server ignores it."""

# Without this parameter attached arrays are empty, which would look like removed fees and photos.
WITH_RESOURCES: dict[str, str | int] = {"includeResources": 1}
# bookingEngineUrls is empty unless it is requested.
LISTING_PARAMS: dict[str, str | int] = {**WITH_RESOURCES, "attachObjects[]": "bookingEngineUrls"}
WITH_SCHEDULED: dict[str, str | int] = {"includeScheduledMessages": 1}
RESERVATION_PARAMS: dict[str, str | int] = {**WITH_RESOURCES, "includePayments": 1, "includeCancellationPolicy": 1}

TOKEN_DENIED_MESSAGE = "The resource owner or authorization server denied the request"  # noqa: S105 - a message
"""A 403 with this message concerns the token. With any other 403, the token is valid, and the request is refused."""


def messages_of(conversation_id: int) -> str:
    """Path of a conversation's messages."""
    return f"{CONVERSATIONS}/{conversation_id}/messages"


def conversations_of(reservation_id: int) -> str:
    """Path of a reservation's conversations."""
    return f"{RESERVATIONS}/{reservation_id}/conversations"


def webhook(webhook_id: int) -> str:
    """Path of a webhook."""
    return f"{WEBHOOKS}/{webhook_id}"


def calendar_of(listing_id: int) -> str:
    """Path of a listing's calendar."""
    return f"{LISTINGS}/{listing_id}/calendar"


def logs_of(reservation_id: int) -> str:
    """Path of a reservation's log. Without `limit` and `offset`, one response has all entries and no count."""
    return f"{RESERVATIONS}/{reservation_id}/logs"


def standard_fields_of(reservation_id: int) -> str:
    """Path of a reservation's finance standard fields."""
    return f"/v1/financeStandardField/reservation/{reservation_id}"


def owner_statement(statement_id: int) -> str:
    """Path of an owner statement; the list has only the names."""
    return f"/v1/ownerStatement/{statement_id}"


def single_object_path(resource: Resource, entity_id: str, parent_id: int | None) -> str | None:
    """Path of one object; None if there is no such route.

    :param parent_id: conversation of a message.
    """
    if resource is Resource.MESSAGES and parent_id is not None:
        return f"{messages_of(parent_id)}/{entity_id}"
    return f"{_SINGLE[resource]}/{entity_id}" if resource in _SINGLE else None


_SINGLE = {
    Resource.LISTINGS: LISTINGS,
    Resource.RESERVATIONS: RESERVATIONS,
    Resource.CONVERSATIONS: CONVERSATIONS,
    Resource.REVIEWS: REVIEWS,
    Resource.TASKS: TASKS,
    Resource.USERS: "/v1/user",
    Resource.EXPENSES: EXPENSES,
    Resource.GUEST_CHARGES: GUEST_CHARGES,
}
LIST_PATHS = {Resource.COUPONS: COUPONS, Resource.TAX_SETTINGS: TAX_SETTINGS}
"""Lists whose objects have no route of their own."""

SINGLE_READ_FIELDS: dict[Resource, dict[str, list[Any] | None]] = {
    Resource.RESERVATIONS: {"financeField": [], "bookingcomIsGeniusMember": None},
}
"""Fields that only the response for one object fills, and the value in lists; None: lists leave the field out."""

RESERVATION_STATUSES = frozenset(
    {
        "new",
        "modified",
        "ownerStay",
        "pending",
        "awaitingPayment",
        "awaitingGuestVerification",
        "unconfirmed",
        "cancelled",
        "declined",
        "expired",
        "inquiry",
        "inquiryPreapproved",
        "inquiryDenied",
        "inquiryTimedout",
        "inquiryNotPossible",
        "unknown",
    }
)
_STATUS_OF = {status.lower(): status for status in RESERVATION_STATUSES}


def reservation_status(value: Any) -> str | None:
    """The documented spelling of a reservation's status. Letter case, `_`, `-` and blanks in it do not matter.

    None for any other value. The dbt macro of this name does the same.

    >>> [reservation_status(value) for value in ("CANCELLED", "owner_stay", "teleported", 5)]
    ['cancelled', 'ownerStay', None, None]
    """
    return _STATUS_OF.get(re.sub("[ _-]", "", value.strip(" \t\n\r")).lower()) if isinstance(value, str) else None
