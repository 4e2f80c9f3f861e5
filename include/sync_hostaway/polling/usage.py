"""Compares the calls of a usual day with the request limit of each outgoing address."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.rate_limiter import RateLimits, address_of

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_DAY = 86_400
_MOST_HOURS = 20


@dataclass(frozen=True)
class AddressUsage:
    """The calls through one outgoing address, or through several whose accounts are not fixed.

    :param address: its name; see `AIRFLOW__HOSTAWAY__BUDGET_IP_KEY` and `…PROXIES`.
    :param accounts: active accounts that use it.
    :param calls_per_day: average of their last seven whole days.
    :param limit: calls a day; None: no limit.
    """

    address: str
    accounts: int
    calls_per_day: float
    limit: float | None

    @property
    def hours(self) -> float | None:
        """How long the calls of a usual day take at the limit; None: no limit."""
        return self.calls_per_day / self.limit * 24 if self.limit else None

    @property
    def fits(self) -> bool:
        """Whether the calls take at most 20 of 24 hours: the rest is for retries and busy days."""
        return self.hours is None or self.hours <= _MOST_HOURS


def address_usage(connection: Connection) -> list[AddressUsage]:
    """The use of each outgoing address, by name.

    The settings give each account its proxy. Processes with another `BUDGET_IP_KEY` are known from their calls of the
    last day only, and serve any account: all addresses then count together.
    """
    settings = get_settings()
    limit = RateLimits.of(settings).ip
    calls: dict[str, list[float]] = defaultdict(list)
    for row in connection.execute(_QUERIES["usual_calls"]):
        calls[address_of(settings, row["account_id"])].append(row["calls"])
    if not calls:
        return []
    known = set(calls) | {row["address"] for row in connection.execute(_QUERIES["addresses"])}
    a_day = limit.calls / limit.seconds * _DAY if limit else None
    if known != set(calls):
        every = [value for values in calls.values() for value in values]
        total = a_day * len(known) if a_day else None
        return [AddressUsage(", ".join(sorted(known)), len(every), sum(every), total)]
    return [AddressUsage(address, len(values), sum(values), a_day) for address, values in sorted(calls.items())]
