"""A run of hostaway_transform in a real Airflow: the assets it updates, and the dbt project of an analyst."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_script import results_of
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
        **airflow_copy(),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__HOSTAWAY__ANALYTICS_PROJECT": str(ROOT / "examples" / "analytics_project"),
    }
    [result] = results_of(Path(__file__).with_name("transform_dag_process.py"), environment)
    assert result["tasks"] == {"transform": "success", "own_models": "success"}
    assert {"hostaway.reservations", "marts.listing_nights", "marts.listing_performance"} <= set(result["assets"])
    assert "hostaway.messages" not in result["assets"]
    assert harness.value("select booked_nights::int from analytics.house_years") == 3
