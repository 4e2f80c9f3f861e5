"""Which apps Airflow's API server serves, and what happens when one of them cannot be built."""

from __future__ import annotations

import gc

import pytest
from fastapi.testclient import TestClient

from sync_hostaway.api.fastapi_apps import mounted_apps
from sync_hostaway.core.settings import get_settings


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://nouser@127.0.0.1:9/nowhere")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", "unused")
    get_settings.cache_clear()


def test_the_receiver_comes_before_the_app_whose_prefix_it_shares() -> None:
    # The other way round, Hostaway would be asked for a token.
    assert [app["url_prefix"] for app in mounted_apps()] == ["/hostaway/webhooks", "/hostaway/ui", "/hostaway"]
    assert all(app["name"] and app["app"] for app in mounted_apps())


def test_an_app_that_cannot_be_built_answers_503_to_everything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__RUN_TRIGGER", "rest")
    get_settings.cache_clear()
    receiver = TestClient(mounted_apps()[0]["app"])
    for method in ("GET", "POST", "DELETE"):
        for path in ("/", "/some-key", "/v1/accounts"):
            answer = receiver.request(method, path)
            assert (answer.status_code, answer.json()) == (503, {"status": "try again later"})
    assert "AIRFLOW__HOSTAWAY__AIRFLOW_URL" in capsys.readouterr().out


def test_a_request_waits_for_no_search_among_the_objects_that_were_loaded_before() -> None:
    """Airflow has more than half a million of them. To search them for garbage takes half a second."""
    app = next(app["app"] for app in mounted_apps() if app["url_prefix"] == "/hostaway")
    try:
        with TestClient(app):
            assert len(gc.get_objects()) < gc.get_freeze_count() / 10
    finally:
        gc.unfreeze()
