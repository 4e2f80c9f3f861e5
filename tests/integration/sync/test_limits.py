"""Rate limits: the shared budget keeps below them, and a 429 that comes all the same is obeyed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_hostaway.accounts.registry import add_account
from sync_hostaway.hostaway.endpoints import Mode
from sync_hostaway.settings import get_settings
from sync_hostaway.simulator import Limit, RunningSimulator, SimulatorConfig, Sizes, running
from sync_hostaway.sync.engine import sync_account
from sync_hostaway.warehouse import Connection

pytestmark = pytest.mark.integration


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSimulator]:
    """A Hostaway that permits 15 calls in 2 seconds."""
    config = SimulatorConfig(
        sizes=Sizes(listings=3, reservations=20, threads=20), token_delay=0.0, ip_limit=Limit(15, 2.0)
    )
    with running(config) as server:
        monkeypatch.setenv("HOSTAWAY_API_URL", server.url)
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__TOKEN_SETTLING", "0")
        yield server


def test_a_sync_within_the_budget_never_meets_the_limit(
    warehouse: Connection, limited: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_IP", "10/2")
    get_settings.cache_clear()
    add_account(warehouse, 701, "secret-701")
    results = sync_account(warehouse, 701, Mode.FULL)
    assert all(result.is_complete for result in results)
    assert limited.control.stats()["rateLimited"] == {}


def test_without_a_budget_a_429_is_waited_out(
    warehouse: Connection, limited: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__MAX_ATTEMPTS", "10")
    get_settings.cache_clear()
    add_account(warehouse, 701, "secret-701")
    results = sync_account(warehouse, 701, Mode.FULL)
    assert all(result.is_complete for result in results)
    assert sum(limited.control.stats()["rateLimited"].values()) > 0
