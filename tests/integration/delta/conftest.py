"""A mirrored account, and a hand for events about it."""

from __future__ import annotations

import pytest
from delta_hand import Hand

from sync_hostaway.hostaway.endpoints import Mode
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.sync.engine import sync_account
from sync_hostaway.warehouse import Connection


@pytest.fixture
def hand(warehouse: Connection, simulator: RunningSimulator, account: int) -> Hand:
    """Account 701 is mirrored; 702 is not registered."""
    assert all(result.is_complete for result in sync_account(warehouse, account, Mode.FULL))
    return Hand(warehouse, simulator)
