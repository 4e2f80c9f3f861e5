"""A mirrored account, and a harness for events about it."""

from __future__ import annotations

import pytest

from events_harness import EventsHarness
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator
from webhook_receiver import receiver

__all__ = ["receiver"]


@pytest.fixture
def harness(warehouse: Connection, simulator: RunningSimulator, account: int) -> EventsHarness:
    """Account 701 is mirrored; 702 is not registered."""
    assert all(result.is_complete for result in sync_account(warehouse, account, Mode.FULL))
    return EventsHarness(warehouse, simulator)
