"""Every fact about Hostaway's endpoints that the code relies on, and nothing else.

Sources: api.hostaway.com/documentation, and the behaviour that public clients of the API report.
"""

from __future__ import annotations

from enum import StrEnum

ACCESS_TOKENS = "/v1/accessTokens"
LISTINGS = "/v1/listings"
RESERVATIONS = "/v1/reservations"
CONVERSATIONS = "/v1/conversations"

TOKEN_DENIED_MESSAGE = "The resource owner or authorization server denied the request"  # noqa: S105 - a message
"""Says that a 403 is about the token; any other 403 is a business refusal and the token is fine."""


def messages_of(conversation_id: int) -> str:
    """Path of a conversation's messages."""
    return f"{CONVERSATIONS}/{conversation_id}/messages"


def calendar_of(listing_id: int) -> str:
    """Path of a listing's calendar."""
    return f"{LISTINGS}/{listing_id}/calendar"


class Resource(StrEnum):
    """What is mirrored. The value names the landing table and the core table."""

    LISTINGS = "listings"
    RESERVATIONS = "reservations"
    CONVERSATIONS = "conversations"
    MESSAGES = "messages"
    CALENDAR_DAYS = "calendar_days"


class Mode(StrEnum):
    """How much of a resource a sync reads."""

    FULL = "full"
    INCREMENTAL = "incremental"


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
