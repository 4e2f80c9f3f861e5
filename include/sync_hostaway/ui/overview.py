"""All accounts on one page: the worst first, filtered, searched and paged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.rate_limiter import RateLimits
from sync_hostaway.ui.access import Visitor
from sync_hostaway.ui.charts import Day

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))

STATUSES = ("action_required", "failing", "warning", "syncing", "healthy", "paused")
"""The worst first."""
PAGE_SIZE = 50
DAYS = 30


@dataclass(frozen=True)
class AccountFilter:
    """The filters of the page.

    :param status: accounts of this status only; empty: all.
    :param search: part of a name, or the beginning of an id.
    :param page: from 1.
    """

    status: str = ""
    search: str = ""
    page: int = 1


def overview(connection: Connection, visitor: Visitor, filters: AccountFilter) -> dict[str, Any]:
    """The context of the template `overview.html`.

    The status of every account is read, because the worst come first and the chips count all of them. The other data is
    read only for the accounts of one page.
    """
    rows = connection.execute(_QUERIES["statuses"]).fetchall()
    visible = visitor.visible(row["account_id"] for row in rows)
    rows = [row for row in rows if row["account_id"] in visible]
    counts = Counter(row["status"] for row in rows)
    found = [row for row in rows if _matches(row, filters)]
    found.sort(key=lambda row: (STATUSES.index(row["status"]), -(row["age_seconds"] or 0), row["account_id"]))
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(filters.page, pages)
    shown = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    days = _days(connection, [row["account_id"] for row in shown])
    return {
        "accounts": [{**row, "days": days[row["account_id"]], "limit": _calls_per_day(row)} for row in shown],
        "counts": [(status, counts[status]) for status in STATUSES],
        "total": len(rows),
        "found": len(found),
        "filters": filters,
        "page": page,
        "pages": pages,
        "transform": connection.execute(_QUERIES["transform"]).fetchone(),
        "calls_today": sum(row["calls_today"] for row in rows),
        "calls_limit": calls_per_day_of_addresses(),
    }


def calls_per_day_of_addresses() -> int | None:
    """Calls that all outgoing addresses may send in a day; None: no limit."""
    settings = get_settings()
    limit = RateLimits.of(settings).ip
    return int(settings.outgoing_addresses * limit.calls / limit.seconds * 86_400) if limit else None


def empty_days() -> dict[Any, Day]:
    """The last 30 days in UTC, without syncs."""
    today = datetime.now(UTC).date()
    return {day: Day(day) for day in (today - timedelta(days=back) for back in reversed(range(DAYS)))}


def _days(connection: Connection, account_ids: list[int]) -> dict[int, list[Day]]:
    found = {account_id: empty_days() for account_id in account_ids}
    for row in connection.execute(_QUERIES["days"], {"account_ids": account_ids}).fetchall():
        days = found[row.pop("account_id")]
        if row["day"] in days:
            days[row["day"]] = Day(**row)
    return {account_id: list(days.values()) for account_id, days in found.items()}


def _matches(row: dict[str, Any], filters: AccountFilter) -> bool:
    text = filters.search.strip().casefold()
    return (not filters.status or row["status"] == filters.status) and (
        not text or text in (row["name"] or "").casefold() or str(row["account_id"]).startswith(text)
    )


def _calls_per_day(row: dict[str, Any]) -> int | None:
    return int(row["calls_per_second"] * 86_400) if row["calls_per_second"] else None
