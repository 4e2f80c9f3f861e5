"""Rate limits: the shared budget keeps below them, and a 429 that comes all the same is obeyed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import HostawayThrottled
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.hostaway.auth import Credentials
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.rate_limiter import Priority, rate_limiter_for
from sync_hostaway.simulator import Limit, RunningSimulator, SimulatorConfig, Sizes, running

pytestmark = pytest.mark.integration


@pytest.fixture
def limited(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSimulator]:
    """A Hostaway that permits 15 calls in 2 seconds, unless the parameter says another time."""
    limit = Limit(15, getattr(request, "param", 2.0))
    config = SimulatorConfig(
        sizes=Sizes(listings=3, reservations=20, conversations=20), token_delay=0.0, ip_limit=limit
    )
    with running(config) as server:
        monkeypatch.setenv("HOSTAWAY_API_URL", server.url)
        monkeypatch.setattr("sync_hostaway.hostaway.client.TOKEN_SETTLING", 0)
        # The limit may be exceeded by requests that take longer than that to arrive, as on a slow machine they do.
        monkeypatch.setattr("sync_hostaway.hostaway.rate_limiter.MARGIN", 10.0)
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


# Long enough for a slow machine to exceed the limit.
@pytest.mark.parametrize("limited", [8.0], indirect=True)
def test_without_a_budget_a_429_is_waited_out(
    warehouse: Connection, limited: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_hostaway.hostaway.client.MAX_ATTEMPTS", 10)
    get_settings.cache_clear()
    add_account(warehouse, 701, "secret-701")
    results = sync_account(warehouse, 701, Mode.FULL, [Resource.CONVERSATIONS, Resource.MESSAGES])
    assert all(result.is_complete for result in results)
    assert sum(limited.control.stats()["rateLimited"].values()) > 0


@pytest.fixture
def new_client(
    warehouse_dsn: str, limited: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], HostawayClient]]:
    """Makes clients of account 701 that spend the shared budget and have no token yet."""
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_IP", "15/2")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_ACCOUNT", "20/2")
    monkeypatch.setattr("sync_hostaway.hostaway.client.MAX_ATTEMPTS", 1)
    get_settings.cache_clear()
    with ExitStack() as stack:

        def make() -> HostawayClient:
            budget = rate_limiter_for(701, Priority.DELTA, get_settings())
            return stack.enter_context(HostawayClient(Credentials(701, "secret-701"), rate_limiter=budget))

        yield make


def test_token_exchanges_are_within_the_budget_too(
    limited: RunningSimulator, new_client: Callable[[], HostawayClient]
) -> None:
    for _ in range(12):
        new_client().get("/v1/users")
    assert limited.control.calls("accessTokens.create") == 12
    assert limited.control.stats()["rateLimited"] == {}


def test_a_429_on_a_token_exchange_holds_everybody_back(
    limited: RunningSimulator, new_client: Callable[[], HostawayClient]
) -> None:
    client, other = new_client(), new_client()
    other.get("/v1/users")
    limited.control.fault("status_429", match={"resource": "accessTokens"}, retry_after=2)
    began = time.monotonic()
    with pytest.raises(HostawayThrottled):
        client.check_credentials()
    other.get("/v1/users")
    assert time.monotonic() - began >= 2
    assert (client.stats.calls, client.stats.throttled) == (1, 1)
