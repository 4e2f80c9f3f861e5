"""The resources that are mirrored, and the modes of a sync."""

from __future__ import annotations

from enum import StrEnum


class Resource(StrEnum):
    """A resource. The value is the name of the landing table and of the core table.

    Parents come before their children. A batch of events lands in this order; `SYNC_FUNCTIONS` has the order of a sync.
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
    RESERVATION_FINANCE = "reservation_finance"
    EXPENSES = "expenses"
    OWNER_STATEMENTS = "owner_statements"
    GUEST_CHARGES = "guest_charges"
    TAX_SETTINGS = "tax_settings"
    RESERVATION_LOGS = "reservation_logs"


ON_REQUEST = frozenset({Resource.RESERVATION_LOGS})
"""Resources that are mirrored only if a setting or an option of the account names them: they cost many calls."""


class Mode(StrEnum):
    """How much of a resource a sync reads."""

    FULL = "full"
    INCREMENTAL = "incremental"
