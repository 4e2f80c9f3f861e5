"""A mirrored account that is polled."""

from __future__ import annotations

import pytest

from polling_harness import MIRRORED, Polling
from sync_hostaway.accounts.registry import change_options
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator


@pytest.fixture
def mirrored(warehouse: Connection, simulator: RunningSimulator, account: int) -> Polling:
    """Account 701 is mirrored and was never polled; its clock is a minute further since."""
    others = {resource.value: False for resource in Resource if resource not in MIRRORED}
    change_options(warehouse, account, {"resources": others})
    assert all(result.is_complete for result in sync_account(warehouse, account, Mode.FULL))
    polling = Polling(warehouse, simulator)
    polling.pause()
    return polling


@pytest.fixture
def polling(mirrored: Polling) -> Polling:
    """Account 701 is mirrored and was polled once; its clock is a minute further since."""
    mirrored.poll()
    mirrored.pause()
    return mirrored
