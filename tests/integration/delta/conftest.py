"""A mirrored account, and a hand for events about it."""

from __future__ import annotations

import pytest
from delta_hand import Hand

from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator


@pytest.fixture
def hand(warehouse: Connection, simulator: RunningSimulator, account: int) -> Hand:
    """Account 701 is mirrored; 702 is not registered."""
    assert all(result.is_complete for result in sync_account(warehouse, account, Mode.FULL))
    return Hand(warehouse, simulator)
