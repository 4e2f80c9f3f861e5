"""The pace of polls: in a run of `hostaway_poll`, the accounts of an outgoing address are polled one after the other.

    address A   ─1──5──7──       the pause between two polls is so long that polls take half of the limit at most
    address B   ─2──3──4──6──    each address has its own limit, and therefore its own pace

Without a pace, a run would take all permits of its address until every account is polled, and the syncs of other
accounts would wait.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from sync_hostaway.core.settings import Settings
from sync_hostaway.hostaway.rate_limiter import RateLimit, RateLimits

CALLS_OF_A_POLL = 3
# Syncs, and the reads that polls cause, need the rest.
_SHARE_OF_LIMIT = 0.5
# The part of the time between two runs in which a run begins polls. The rest is for those that it has begun.
_SHARE_OF_RUN = 0.8


class PlannedPoll(NamedTuple):
    """A poll that begins `begins_in` seconds from now."""

    begins_in: float
    account_id: int


def planned_polls(account_ids: Iterable[int], settings: Settings) -> list[PlannedPoll]:
    """When to poll each account, at the pace of its address. In the order of time.

    :param account_ids: the accounts of an address are polled in this order.
    """
    free_in: dict[str, float] = defaultdict(float)
    planned = []
    for account_id in account_ids:
        limits = RateLimits.of(settings, account_id)
        planned.append(PlannedPoll(free_in[limits.ip_key], account_id))
        free_in[limits.ip_key] += pause_between_polls(limits.ip)
    return sorted(planned)


def pause_between_polls(limit: RateLimit | None) -> float:
    """Seconds from the begin of a poll to that of the next one of the same address; 0 without a limit."""
    return CALLS_OF_A_POLL * limit.seconds / limit.calls / _SHARE_OF_LIMIT if limit else 0.0


def time_to_begin_polls(run_every: timedelta) -> float:
    """Seconds of a run in which it begins polls.

    :param run_every: the time between two runs.
    """
    return _SHARE_OF_RUN * run_every.total_seconds()


def shortest_interval(accounts: int, limit: RateLimit | None) -> timedelta:
    """The shortest interval at which so many accounts of an address can be polled."""
    return timedelta(seconds=accounts * pause_between_polls(limit) / _SHARE_OF_RUN)
