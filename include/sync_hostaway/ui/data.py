"""The data page of one account: occupancy, booking pace and conversations without an answer.

The rows are read as in the HTTP API: as the role `hostaway_api`, under row-level security.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sync_hostaway.api.account_session import Pool, account_rows
from sync_hostaway.core.db import load_queries
from sync_hostaway.core.resources import Resource

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_NIGHTS = 60


def data_page(pool: Pool, account_id: int, *, is_operator: bool) -> dict[str, Any]:
    """The context of the template `data.html`.

    :param is_operator: whether single conversations may be named.
    """
    with account_rows(pool, account_id, Resource.RESERVATIONS) as rows:
        nights, pace, unanswered = (rows.all(_QUERIES[name]) for name in ("nights", "pace", "unanswered"))
        as_of = rows.as_of
    today = datetime.now(UTC).date()
    days = [today + timedelta(days=ahead) for ahead in range(_NIGHTS)]
    booked = {row["day"]: row for row in pace}
    made = [today - timedelta(days=back) for back in reversed(range(60))]
    return {
        "account_id": account_id,
        "as_of": as_of,
        "days": days,
        "listings": [_line(row, days) for row in nights],
        "occupancy": _occupancy(nights),
        "pace": [booked[day]["bookings"] if day in booked else 0 for day in made],
        "bookings": [sum(booked[day]["bookings"] for day in part if day in booked) for part in (made[30:], made[:30])],
        "unanswered": len(unanswered),
        "oldest_unanswered": unanswered[0]["last_received_at"] if unanswered else None,
        "conversations": unanswered[:20] if is_operator else [],
    }


def _line(row: dict[str, Any], days: list[Any]) -> tuple[str, list[str]]:
    known = dict(zip(row["dates"], row["states"], strict=True))
    return row["listing_name"], [known.get(day, "unknown") for day in days]


def _occupancy(nights: list[dict[str, Any]]) -> float | None:
    """Share of booked nights among those that are not blocked."""
    states = [state for row in nights for state in row["states"]]
    sold, free = states.count("booked"), states.count("free")
    return sold / (sold + free) if sold + free else None
