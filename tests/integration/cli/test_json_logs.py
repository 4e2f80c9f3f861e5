"""With LOG_FORMAT=json, each log line is an object with account, resource, run and request id."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from events_harness import EventsHarness
from sync_hostaway.core.db import Connection
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

CODE = """
import logging, warnings
from sync_hostaway.cli.main import app
from sync_hostaway.events.worker import run_worker
app(["sync", "--account", "701", "--mode", "full", "--transform", "--json"], standalone_mode=False)
run_worker("delta-run", linger=0)
logging.getLogger("library").warning("first line\\nsecond line")
warnings.warn("odd")
"""


def test_each_line_of_a_sync_a_transform_and_a_delta_has_its_fields(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    reservation = simulator.control.objects("reservations", account)[0]
    EventsHarness(warehouse, simulator).receive("reservation.updated", {"id": reservation["id"]})
    # Requests for messages are sent in other threads.
    simulator.control.fault("status_5xx", match={"resource": "messages"}, times=1)
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "LOG_FORMAT": "json", "LOG_LEVEL": "info"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    # The sentence for the person in front of the command is no log line.
    written = [line for line in done.stderr.splitlines() if not line.startswith("Core tables built from ")]
    lines = [json.loads(line) for line in written]
    assert all({"account_id", "resource", "run", "request_id", "level", "timestamp"} <= line.keys() for line in lines)

    def about(event: str) -> list[dict[str, Any]]:
        return [line for line in lines if line["event"] == event]

    [retry] = about("hostaway_retry")
    [synced] = [line for line in about("sync_finished") if line["resource"] == "messages"]
    assert (retry["account_id"], retry["resource"], retry["run"]) == (account, "messages", synced["run"])
    assert len({line["run"] for line in about("sync_finished")}) == 1
    [batch] = about("batch_finished")
    assert (batch["account_id"], batch["run"]) == (account, "delta-run")
    assert [line["run"] for line in about("transform_finished")] == ["cli", "delta-run"]
    assert [line["logger"] for line in about("first line\nsecond line")] == ["library"]
    assert any("odd" in line["event"] for line in lines)
