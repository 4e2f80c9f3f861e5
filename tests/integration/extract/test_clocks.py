"""Syncs on machines whose clocks are wrong: every row lands, and none keeps a later one out."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import libfaketime
import pytest

from sync_hostaway.core.db import Connection, warehouse_clock
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

LIBRARY = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"


def sync_with_clock(account: int, offset: str, *resources: Resource) -> None:
    """A full sync in a process whose clock is wrong."""
    script = Path(__file__).with_name("sync_process.py")
    clock = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    done = subprocess.run(
        [sys.executable, str(script), str(account), "full", f"clock {offset}", ",".join(resources)],
        env={**os.environ, **clock, "DONT_FAKE_MONOTONIC": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def price(warehouse: Connection, listing_id: int, day: str) -> object:
    row = warehouse.execute(
        "select payload ->> 'price' as price from landing.calendar_days"
        " where parent_id = %s and payload ->> 'date' = %s",
        [listing_id, day],
    ).fetchone()
    return row and row["price"]


def test_a_sync_on_a_machine_that_is_ahead_keeps_no_later_change_out(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS])
    sync_with_clock(account, "+2d", Resource.CALENDAR_DAYS)
    listing = simulator.control.truth(account)["ids"]["listings"][0]
    day = str(datetime.now(UTC).date() + timedelta(days=3))
    simulator.control.patch_day(listing, day, {"price": 4711}, account_id=account)
    sync_account(warehouse, account, Mode.FULL, [Resource.CALENDAR_DAYS])
    assert price(warehouse, listing, day) == "4711"


def test_a_sync_on_a_machine_that_is_behind_lands_changes_and_deletions(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS, Resource.RESERVATIONS])
    changed, deleted = simulator.control.truth(account)["ids"]["reservations"][:2]
    simulator.control.patch("reservations", changed, {"hostNote": "behind"}, account_id=account)
    simulator.control.delete("reservations", deleted, account_id=account)
    sync_with_clock(account, "-2d", Resource.RESERVATIONS)
    rows = warehouse.execute(
        "select entity_id, payload ->> 'hostNote' as note, deleted_at is not null as is_deleted"
        " from landing.reservations where entity_id = any(%s)",
        [[str(changed), str(deleted)]],
    ).fetchall()
    found = {row["entity_id"]: row for row in rows}
    assert found[str(changed)]["note"] == "behind"
    assert found[str(deleted)]["is_deleted"]


def test_the_clock_of_rows_is_that_of_the_warehouse(warehouse: Connection) -> None:
    now = warehouse_clock(warehouse)
    earlier = now()
    row = warehouse.execute("select clock_timestamp() as now").fetchone()
    assert row
    assert earlier <= row["now"]
    assert now() - earlier >= timedelta(0)
