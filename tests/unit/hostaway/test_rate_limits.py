"""Which limits the settings mean."""

from __future__ import annotations

import pytest

from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import WarehouseUnavailable
from sync_hostaway.core.settings import Settings
from sync_hostaway.hostaway.budget_connection import BudgetConnection
from sync_hostaway.hostaway.rate_limiter import (
    NoRateLimiter,
    Priority,
    RateLimit,
    RateLimits,
    SharedRateLimiter,
    rate_limiter_for,
)


def test_hostaway_is_approached_with_caution() -> None:
    limits = RateLimits.of(Settings())
    assert limits.ip == RateLimit(15, 10.0)
    assert limits.account == RateLimit(20, 10.0)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:1"])
def test_a_local_simulator_has_no_limits_unless_they_are_asked_for(url: str) -> None:
    assert isinstance(rate_limiter_for(701, Priority.FULL, Settings(api_url=url)), NoRateLimiter)
    asked = RateLimits.of(Settings(api_url=url, budget_ip="15/2.5"))
    assert (asked.ip, asked.account) == (RateLimit(15, 2.5), None)


def test_limits_can_be_raised_and_switched_off() -> None:
    limits = RateLimits.of(Settings(budget_ip="off", budget_account="200/10", budget_ip_key="eu"))
    assert limits == RateLimits(None, RateLimit(200, 10.0), "eu")


@pytest.mark.parametrize("text", ["15", "0/10", "15/0", "many/10", "-1/10", ""])
def test_a_limit_must_look_like_one(text: str) -> None:
    with pytest.raises(ValueError, match="budget_ip"):
        Settings(budget_ip=text)


def test_a_budget_connects_when_it_is_used() -> None:
    def refuse() -> Connection:
        raise WarehouseUnavailable

    budget = SharedRateLimiter(701, Priority.FULL, RateLimits.of(Settings()), connection=BudgetConnection(refuse))
    with pytest.raises(WarehouseUnavailable), budget.permit():
        pass


def test_without_limits_slots_are_free() -> None:
    budget = NoRateLimiter()
    with budget.permit(timeout=0):
        budget.block(0.0)
    budget.close()
