"""What is mirrored, and how much of it a sync reads."""

from __future__ import annotations

from enum import StrEnum


class Resource(StrEnum):
    """What is mirrored. The value names the landing table and the core table.

    In the order in which they are read and landed: parents come before what hangs on them.
    """

    LISTINGS = "listings"
    RESERVATIONS = "reservations"
    CONVERSATIONS = "conversations"
    MESSAGES = "messages"
    CALENDAR_DAYS = "calendar_days"
    REVIEWS = "reviews"
    TASKS = "tasks"
    USERS = "users"
    COUPONS = "coupons"


class Mode(StrEnum):
    """How much of a resource a sync reads."""

    FULL = "full"
    INCREMENTAL = "incremental"
