"""Polls of an address take half of its limit at most, at any time of a run."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from sync_hostaway.core.settings import Settings, get_settings
from sync_hostaway.hostaway.rate_limiter import RateLimit, RateLimits
from sync_hostaway.polling.pace import (
    CALLS_OF_A_POLL,
    planned_polls,
    shortest_interval,
    time_to_begin_polls,
)

ACCOUNTS = st.lists(st.integers(1, 10_000), unique=True, max_size=60)
ADDRESSES = ["", "http://10.0.0.1:3128", "http://10.0.0.1:3128,http://10.0.0.2:3128,http://10.0.0.3:3128"]


def settings_with(limit: str, proxies: str = "") -> Settings:
    return get_settings().model_copy(update={"budget_ip": limit, "proxies": SecretStr(proxies)})


@given(accounts=ACCOUNTS, calls=st.integers(1, 200), seconds=st.integers(1, 60), proxies=st.sampled_from(ADDRESSES))
def test_polls_take_half_of_the_limit_of_their_address(
    accounts: list[int], calls: int, seconds: int, proxies: str
) -> None:
    settings = settings_with(f"{calls}/{seconds}", proxies)
    planned = planned_polls(accounts, settings)
    assert sorted(poll.account_id for poll in planned) == sorted(accounts)
    assert planned == sorted(planned)
    by_address: dict[str, list[float]] = {}
    for poll in planned:
        by_address.setdefault(RateLimits.of(settings, poll.account_id).ip_key, []).append(poll.begins_in)
    for begins in by_address.values():
        # A run lasts no longer than the pace needs.
        assert begins[0] == 0
        for first in range(len(begins)):
            for last in range(first + 1, len(begins)):
                allowed = 0.5 * calls / seconds * (begins[last] - begins[first])
                assert CALLS_OF_A_POLL * (last - first) <= allowed + 1e-6


@given(accounts=ACCOUNTS)
def test_without_a_limit_all_accounts_are_polled_at_once(accounts: list[int]) -> None:
    planned = planned_polls(accounts, settings_with("off"))
    assert {poll.account_id: poll.begins_in for poll in planned} == dict.fromkeys(accounts, 0.0)


def test_the_accounts_keep_their_order() -> None:
    planned = planned_polls([9, 3, 5], settings_with("15/10"))
    assert [tuple(poll) for poll in planned] == [(0.0, 9), (4.0, 3), (8.0, 5)]


@pytest.mark.parametrize("accounts", [1, 60, 1_000])
def test_all_accounts_are_polled_within_the_shortest_interval(accounts: int) -> None:
    limit, run_every = RateLimit(15, 10.0), timedelta(minutes=5)
    planned = planned_polls(range(accounts), settings_with("15/10"))
    of_a_run = sum(poll.begins_in < time_to_begin_polls(run_every) for poll in planned)
    runs = max(shortest_interval(accounts, limit), run_every) / run_every
    assert of_a_run * runs >= accounts
