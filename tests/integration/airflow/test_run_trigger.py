"""The way to Airflow: runs asked for in its own process and over REST, and our apps in its API server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_script import results_of
from sync_hostaway.accounts.webhook_endpoints import ensure_endpoint, password_for
from sync_hostaway.core.dag_ids import sync_file
from sync_hostaway.core.db import connect
from webhook_receiver import add_bare_account, events

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]


def test_airflow_takes_requests_and_serves_the_receiver(
    airflow_copy: Callable[[], dict[str, str]], warehouse_dsn: str, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"admin": "admin-secret"}))
    env = {
        **airflow_copy(),
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    with connect() as warehouse:
        add_bare_account(warehouse, 701)
        endpoint = ensure_endpoint(warehouse, 701)
        password = password_for(warehouse, endpoint)
        script = Path(__file__).with_name("run_trigger_process.py")
        [seen] = results_of(script, env, endpoint.endpoint_key, password)
        assert [event["object_id"] for event in events(warehouse)] == [5]
    assert "has not parsed the Dag hostaway_delta yet" in seen["not parsed"]
    assert (seen["new"], seen["again"], seen["begun"]) == ("queued", "queued", "running")
    assert seen["complaints of thirty"] == [""]
    assert seen["runs of thirty"] <= 2, "three processes request one run; two if the second changed"
    assert (seen["probe"], seen["refused"], seen["delivery"]) == (200, 401, 200)
    assert "swagger" not in seen["docs"].lower()
    assert seen["runs of the delivery"] == 1
    assert seen["airflow itself"] == 200
    assert (seen["rest new"], seen["rest again"], seen["rest begun"]) == ("queued", "queued", "running")
    assert [seen[f"rest waiting {when}"] for when in ("before", "after", "now")] == [False, True, False]
    assert "no_such_dag" in seen["rest no dag"]
    assert seen["rest parses"] == [f"dags/{sync_file(705)}"]
