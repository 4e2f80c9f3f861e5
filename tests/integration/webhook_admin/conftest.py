"""A simulator that delivers webhooks quickly, and a receiver for them."""

from __future__ import annotations

import pytest

from sync_hostaway.simulator import RunningSimulator
from webhook_receiver import fast_simulator, receiver

__all__ = ["fast_simulator", "receiver"]


@pytest.fixture
def simulator(fast_simulator: RunningSimulator) -> RunningSimulator:
    return fast_simulator
