"""A run of hostaway_transform in a real Airflow: the assets it updates, and the dbt project of an analyst."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from landing_harness import LandingHarness, listing, reservation
from sync_hostaway.core.db import Connection

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]


def test_a_run_updates_an_asset_per_table_and_builds_the_project_of_an_analyst(
    airflow_copy: Callable[[], dict[str, str]],
    warehouse: Connection,
    warehouse_dsn: str,
    tmp_path: Path,
) -> None:
    harness = LandingHarness(warehouse, warehouse_dsn)
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10, totalPrice=300, currency="EUR"))
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "hostaway_transform.py").symlink_to(ROOT / "dags" / "hostaway_transform.py")
    environment = {
        **os.environ,
        **airflow_copy(),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__HOSTAWAY__ANALYTICS_PROJECT": str(ROOT / "examples" / "analytics_project"),
        "PYTHONWARNINGS": "ignore",
    }
    script = Path(__file__).with_name("transform_dag_process.py")
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    results = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, (done.stdout + done.stderr)[-6000:]
    assert results[0]["tasks"] == {"transform": "success", "own_models": "success"}
    assert {"hostaway.reservations", "marts.listing_nights", "marts.listing_performance"} <= set(results[0]["assets"])
    assert "hostaway.messages" not in results[0]["assets"]
    assert harness.value("select booked_nights::int from analytics.house_years") == 3
