"""The hook inside Airflow: a connection type of its own, and clients from accounts or connections."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

USE = """
import json
from airflow.providers_manager import ProvidersManager
from sync_hostaway.airflow.hook import HostawayHook
with HostawayHook(hostaway_conn_id="seaside").get_conn() as client:
    listings = client.get("/v1/listings", {"limit": 2}).result
manager = ProvidersManager()
print("RESULT " + json.dumps([
    len(listings), HostawayHook(hostaway_conn_id="seaside").test_connection(),
    HostawayHook(hostaway_conn_id="wrong").test_connection(), HostawayHook(hostaway_conn_id="empty").test_connection(),
    manager.hooks["hostaway"].hook_name, manager.field_behaviours["hostaway"]["relabeling"]["password"],
]))
"""


def test_a_connection_serves_as_an_account(simulator: RunningSimulator, tmp_path: Path) -> None:
    def connection(**fields: str) -> str:
        return json.dumps({"conn_type": "hostaway", "host": f"{simulator.url}/v1", **fields})

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", USE],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW_CONN_SEASIDE": connection(login="701", password="secret-701"),
            "AIRFLOW_CONN_WRONG": connection(login="701", password="hunter2"),
            "AIRFLOW_CONN_EMPTY": connection(login="seaside"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    listings, good, wrong, empty, name, label = json.loads(line.removeprefix("RESULT "))
    assert listings == 2
    assert good == [True, "Hostaway accepts the credentials"]
    assert wrong[0] is False
    assert "rejects the account's API key" in wrong[1]
    assert empty[0] is False
    assert "needs the account id as login" in empty[1]
    assert "hunter2" not in done.stdout + done.stderr
    assert (name, label) == ("Hostaway", "API key")
