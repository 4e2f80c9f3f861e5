"""Airflow below a path: the same answers with the prefix, without it, and below the path of PUBLIC_BASE_URL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_script import results_of
from sync_hostaway.accounts.webhook_endpoints import ensure_endpoint
from sync_hostaway.core.db import Connection
from webhook_receiver import add_bare_account

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
# What Airflow has and mounts, and what we mount. The login is there and refuses: it is for another auth manager.
PATHS = ("/api/v2/version", "/execution/health", "/auth/token/login", "/hostaway/health")


@pytest.mark.parametrize(
    ("base_url", "public_url", "prefixes"),
    [
        ("https://example.com/a/airflow/", "https://example.com/a/airflow", ["", "/a/airflow"]),
        ("http://127.0.0.1:8080", "https://example.com/api", [""]),
    ],
)
def test_every_path_answers_behind_every_proxy(
    base_url: str,
    public_url: str,
    prefixes: list[str],
    airflow_copy: Callable[[], dict[str, str]],
    warehouse: Connection,
) -> None:
    add_bare_account(warehouse, 701)
    webhook = f"/hostaway/webhooks/{ensure_endpoint(warehouse, 701).endpoint_key}"
    public_prefix = "/" + public_url.split("/", 3)[3].strip("/")
    paths = [prefix + path for prefix in prefixes for path in (*PATHS, webhook)]
    environment = {
        **airflow_copy(),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__API__BASE_URL": base_url,
        "PUBLIC_BASE_URL": public_url,
    }
    script = Path(__file__).with_name("base_path_process.py")
    [codes] = results_of(script, environment, *paths, public_prefix + webhook)
    expected = {"/api/v2/version": 200, "/execution/health": 200, "/auth/token/login": 403, webhook: 200}
    for prefix in prefixes:
        assert {path: codes[prefix + path] for path in expected} == expected, prefix
        assert codes[prefix + "/hostaway/health"] in (200, 503)
    assert codes[public_prefix + webhook] == 200
