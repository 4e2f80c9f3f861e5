"""The page with the time from a change at Hostaway to the tables, and the use of the request budget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.settings import get_settings
from sync_hostaway.polling.plan import fitting_interval
from sync_hostaway.polling.usage import address_usage
from sync_hostaway.ui.access import Visitor

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_MOST_TAKERS = 15


def freshness_page(connection: Connection, visitor: Visitor) -> dict[str, Any]:
    """The context of `freshness.html`. Sums cover all accounts; names only those that the visitor may see."""
    hours = {row["hour"]: row for row in connection.execute(_QUERIES["hours"])}
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    wanted = [now - timedelta(hours=back) for back in reversed(range(24))]
    takers = connection.execute(_QUERIES["takers"]).fetchall()
    permits = connection.execute(_QUERIES["addresses"]).fetchall()
    visible = visitor.visible({row["account_id"] for row in [*takers, *permits] if row["account_id"]})
    return {
        "hours": [_hour(moment, hours.get(moment)) for moment in wanted],
        "inbox": connection.execute(_QUERIES["inbox"]).fetchone(),
        "addresses": _addresses(permits, visible),
        "waiters": connection.execute(_QUERIES["waiters"]).fetchall(),
        "takers": [row for row in takers if row["account_id"] in visible][:_MOST_TAKERS],
        **plan_of_the_day(connection),
    }


def plan_of_the_day(connection: Connection) -> dict[str, Any]:
    """The calls of a usual day, and the request budget.

    `addresses` are the `AddressUsage` of each outgoing address; `calls_per_day` and `calls_today` are the calls of all;
    `poll_minutes` is the polling interval that fits (None: no account is polled, unless its options say otherwise).
    """
    plan = connection.execute(_QUERIES["plan"]).fetchone() or {}
    polling, usages = get_settings().polling, address_usage(connection)
    return {
        "plan": {
            **plan,
            "addresses": usages,
            "calls_per_day": sum(usage.calls_per_day for usage in usages),
            "accounts": sum(usage.accounts for usage in usages),
            "fits": all(usage.fits for usage in usages),
            "poll_minutes": None if polling == "off" else fitting_interval(connection).total_seconds() / 60,
        }
    }


def _hour(moment: datetime, row: dict[str, Any] | None) -> tuple[str, float | None, float | None, int]:
    median, high = row["seconds"] if row else (None, None)
    return f"{moment:%H:%M}", median, high, row["events"] if row else 0


def _addresses(permits: list[dict[str, Any]], visible: frozenset[int]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in permits:
        address = found.setdefault(
            row["address"], {"address": row["address"], "blocked_until": row["blocked_until"], "used": 0, "by": []}
        )
        address["used"] += row["permits"]
        if row["account_id"] in visible and len(address["by"]) < _MOST_TAKERS:
            address["by"].append(row)
    return list(found.values())
