"""Computes the calls of a day, their duration at the request limits, and the polling interval that fits."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sync_hostaway.accounts.registry import Account, list_accounts
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import InvalidOptions
from sync_hostaway.core.settings import Settings, get_settings
from sync_hostaway.hostaway.rate_limiter import RateLimit, RateLimits, address_of
from sync_hostaway.polling.pace import CALLS_OF_A_POLL, shortest_interval

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_DAY = 86_400.0
# The webhook of an account is checked every hour: two calls.
_WEBHOOK_CALLS = 48.0
_FULL_SHARE = 0.8


@dataclass(frozen=True)
class AccountPlan:
    """The calls of one account.

    :param rows: by resource, as far as they were read.
    :param full_calls: of a full sync; None until one was measured.
    :param sync_calls: of an incremental sync, the most expensive one of the last week; None until one was measured.
    :param full_seconds: duration of a full sync at the request limits, without other requests.
    :param calls_a_day: syncs, polls, events and the webhook together.
    """

    account_id: int
    address: str
    rows: dict[str, int]
    full_calls: int | None
    sync_calls: int | None
    full_seconds: float | None
    is_polled: bool
    calls_a_day: float


@dataclass(frozen=True)
class AddressPlan:
    """The calls through one outgoing address.

    :param limit: calls a second; None: no limit.
    :param share: of the calls that the limit allows in a day; None: no limit.
    :param busy_hours: duration of a day's calls at the limit; None: no limit.
    :param poll_minutes: the shortest polling interval at the pace of polls; see `pace`.
    """

    address: str
    accounts: int
    calls_a_day: float
    limit: float | None
    share: float | None
    busy_hours: float | None
    poll_minutes: float


@dataclass(frozen=True)
class FirstSync:
    """Progress of the first sync of an account with the rows that are read first; see `ops.first_syncs`."""

    account_id: int
    reservations: int | None
    reservations_read: int | None
    listings: int
    calendars_read: int
    recent_conversations: int
    recent_conversations_read: int

    @property
    def share(self) -> float:
        """Of these three parts together."""
        parts = [
            (self.reservations_read or 0, self.reservations),
            (self.calendars_read, self.listings),
            (self.recent_conversations_read, self.recent_conversations),
        ]
        return sum(min(read / total, 1.0) for read, total in parts if total) / len(parts)


@dataclass(frozen=True)
class Plan:
    """The plan of an installation.

    :param first_syncs: of accounts without a complete full sync.
    :param warnings: limits that are exceeded, and the remedy.
    """

    accounts: list[AccountPlan]
    addresses: list[AddressPlan]
    poll_minutes: float
    warnings: list[str] = field(default_factory=list)
    first_syncs: list[FirstSync] = field(default_factory=list)


def make_plan(connection: Connection) -> Plan:
    """The plan for the active accounts, from the calls of their syncs so far."""
    settings = get_settings()
    accounts = [account for account in list_accounts(connection) if account.state == "active"]
    measured: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in connection.execute(_QUERIES["measured"]):
        measured[row["account_id"]].append(row)
    events = {row["account_id"]: row["calls"] for row in connection.execute(_QUERIES["events_of_a_day"])}
    polled = _polled(connection)
    plans = [
        _account_plan(account, measured[account.account_id], events.get(account.account_id, 0.0), polled)
        for account in accounts
    ]
    addresses = [
        _address_plan(address, [plan for plan in plans if plan.address == address], settings)
        for address in sorted({plan.address for plan in plans})
    ]
    fits = max((address.poll_minutes for address in addresses), default=0.0)
    minutes = max(float(settings.poll_every_minutes), math.ceil(fits))
    first_syncs = [FirstSync(**row) for row in connection.execute(_QUERIES["first_syncs"])]
    return Plan(plans, addresses, minutes, _warnings(plans, addresses, settings), first_syncs)


def fitting_interval(connection: Connection) -> timedelta:
    """The polling interval: that of the settings, or a longer one if the pace of polls needs it."""
    settings = get_settings()
    counts: dict[str, int] = defaultdict(int)
    for account_id in _polled(connection):
        counts[address_of(settings, account_id)] += 1
    minutes = max((_poll_minutes(count, RateLimits.of(settings).ip) for count in counts.values()), default=0.0)
    return timedelta(minutes=max(float(settings.poll_every_minutes), math.ceil(minutes)))


def _polled(connection: Connection) -> set[int]:
    params = {"polling": get_settings().polling}
    return {row["account_id"] for row in connection.execute(_QUERIES["is_polled"], params)}


def _account_plan(account: Account, rows: list[dict[str, Any]], events: float, polled: set[int]) -> AccountPlan:
    settings = _settings_of(account)
    limits = RateLimits.of(settings, account.account_id)
    mirrored = {resource.value for resource in settings.resources}
    rows = [row for row in rows if row["resource"] in mirrored]
    full = [row["full_calls"] for row in rows if row["full_calls"] is not None]
    usual = [row["incremental_calls"] for row in rows if row["incremental_calls"] is not None]
    full_calls, sync_calls = sum(full) if full else None, sum(usual) if usual else None
    syncs = len(settings.schedule.minutes(account.account_id))
    full_a_day = 1 / settings.full_every_days if settings.full_every_days else 0.0
    is_polled = account.account_id in polled
    # Before an incremental sync was measured, the calls of a full one are the upper bound.
    usual_calls = sync_calls if sync_calls is not None else full_calls or 0
    calls = (syncs - full_a_day) * usual_calls + full_a_day * (full_calls or 0) + events
    calls += CALLS_OF_A_POLL * 24 * 60 / settings.poll_every_minutes if is_polled else _WEBHOOK_CALLS
    rates = [rate for rate in (_rate(limits.ip), _rate(limits.account)) if rate]
    return AccountPlan(
        account_id=account.account_id,
        address=limits.ip_key,
        rows={row["resource"]: row["row_count"] for row in rows if row["row_count"] is not None},
        full_calls=full_calls,
        sync_calls=sync_calls,
        full_seconds=full_calls / min(rates) if full_calls is not None and rates else None,
        is_polled=is_polled,
        calls_a_day=calls,
    )


def _address_plan(address: str, plans: list[AccountPlan], settings: Settings) -> AddressPlan:
    limit = RateLimits.of(settings).ip
    rate, calls = _rate(limit), sum(plan.calls_a_day for plan in plans)
    return AddressPlan(
        address=address,
        accounts=len(plans),
        calls_a_day=calls,
        limit=rate,
        share=calls / (rate * _DAY) if rate else None,
        busy_hours=calls / rate / 3600 if rate else None,
        poll_minutes=_poll_minutes(sum(plan.is_polled for plan in plans), limit),
    )


def _poll_minutes(accounts: int, limit: RateLimit | None) -> float:
    return shortest_interval(accounts, limit).total_seconds() / 60


def _rate(limit: RateLimit | None) -> float | None:
    return limit.calls / limit.seconds if limit else None


def _warnings(plans: list[AccountPlan], addresses: list[AddressPlan], settings: Settings) -> list[str]:
    polls = [
        f"Polls of {sum(plan.is_polled for plan in plans if plan.address == one.address)} accounts every "
        f"{settings.poll_every_minutes} minutes do not fit the limit of address {one.address}: they are polled every "
        f"{math.ceil(one.poll_minutes)} minutes. Raise AIRFLOW__HOSTAWAY__BUDGET_IP if Hostaway allows it, register "
        "webhooks, or add an outgoing address (AIRFLOW__HOSTAWAY__PROXIES)"
        for one in addresses
        if one.poll_minutes > settings.poll_every_minutes
    ]
    days = [
        f"A day's calls through address {one.address} take {one.share:.0%} of its limit ({one.busy_hours:.0f} of 24 "
        "hours): syncs will be late. Sync less often (AIRFLOW__HOSTAWAY__SYNC_EVERY_HOURS, …FULL_EVERY_DAYS), shorten "
        "the calendar window, or add an outgoing address"
        for one in addresses
        if one.share is not None and one.share > _FULL_SHARE
    ]
    accounts = [
        f"A full sync of account {plan.account_id} takes {plan.full_seconds / 3600:.0f} hours at its limit. Ask "
        "Hostaway for a higher one, or read in full less often (AIRFLOW__HOSTAWAY__FULL_EVERY_DAYS)"
        for plan in plans
        if plan.full_seconds is not None and plan.full_seconds > _DAY
    ]
    return polls + days + accounts


def _settings_of(account: Account) -> Settings:
    try:
        return account.settings
    except InvalidOptions:
        return get_settings()
