"""A Hostaway that delivers quickly, and a receiver for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from webhooks_bed import Receiver, add_bare_account, receiving

from sync_hostaway.core.db import Connection
from sync_hostaway.core.settings import get_settings
from sync_hostaway.simulator import RunningSimulator, SimulatorConfig, Sizes, running


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSimulator]:
    """A small Hostaway with account 701, whose retry hour is over in a second."""
    sizes = Sizes(listings=3, reservations=20, threads=12)
    config = SimulatorConfig(sizes=sizes, token_delay=0.0, webhook_time_scale=0.0002)
    with running(config) as server:
        monkeypatch.setenv("HOSTAWAY_API_URL", server.url)
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__TOKEN_SETTLING", "0")
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__MAX_RETRY_WAIT", "0.05")
        get_settings.cache_clear()
        yield server


@pytest.fixture
def receiver(warehouse: Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that Hostaway is told to deliver to when it is told anything."""
    add_bare_account(warehouse, 701)
    with receiving(warehouse, 701) as served:
        monkeypatch.setenv("PUBLIC_BASE_URL", served.url)
        get_settings.cache_clear()
        yield served
