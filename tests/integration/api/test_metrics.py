"""Figures for Prometheus, and the dashboard and rules that read them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import promql_parser
import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api_helpers import Login, RecordedRuns
from sync_hostaway.alerts.message import TITLES
from sync_hostaway.api.app import create_app
from sync_hostaway.core.db import Connection
from sync_hostaway.core.settings import get_settings
from sync_hostaway.privacy.retention import apply_retention

MONITORING = Path(__file__).resolve().parents[3] / "monitoring"
TOKEN = "planted-scrape-token"


def figures(client: TestClient, headers: dict[str, str]) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Labels and values by name of the sample."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The header of a scraper."""
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__METRICS_TOKEN", TOKEN)
    get_settings.cache_clear()
    return {"Authorization": f"Bearer {TOKEN}"}


def test_metrics_tell_what_was_mirrored(token: dict[str, str], client: TestClient) -> None:
    found = figures(client, token)
    assert sum(value for _, value in found["hostaway_accounts"]) == 2
    calls = dict((labels["account_id"], value) for labels, value in found["hostaway_api_calls_total"])
    assert calls["701"] > 0
    assert found["hostaway_transform_failing"] == [({}, 0.0)]


def test_counters_do_not_fall_when_old_days_are_removed(token: dict[str, str], warehouse: Connection) -> None:
    def calls() -> dict[str, float]:
        # an app of its own: each keeps its answer for some seconds
        with TestClient(create_app(RecordedRuns()), raise_server_exceptions=False) as client:
            return {labels["account_id"]: value for labels, value in figures(client, token)["hostaway_api_calls_total"]}

    before = calls()
    assert before["701"] > 0
    warehouse.execute("update ops.account_days set day = day - 500")
    assert apply_retention(warehouse)["account_days"] > 0
    assert calls() == before
    warehouse.execute(
        "insert into ops.sync_runs (account_id, run_key, resource, mode, status, api_calls, finished_at)"
        " values (701, 'next', 'listings', 'full', 'complete', 5, now())"
    )
    assert calls() == {**before, "701": before["701"] + 5}


def test_only_scrapers_and_operators_read_metrics(token: dict[str, str], client: TestClient, login: Login) -> None:
    assert figures(client, login("op"))
    assert client.get("/metrics", headers=login("viewer")).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    # the token opens nothing else
    assert client.get("/v1/accounts", headers=token).status_code == 401


def test_without_a_token_in_the_settings_none_is_good(warehouse_dsn: str, login: Login) -> None:
    with TestClient(create_app(RecordedRuns()), raise_server_exceptions=False) as client:
        for header in ({}, {"Authorization": "Bearer "}, {"Authorization": ""}):
            assert client.get("/metrics", headers=header).status_code == 401
        assert figures(client, login("op"))


def test_dashboard_and_rules_ask_for_what_is_there(token: dict[str, str], client: TestClient) -> None:
    # of accounts of which every resource was complete
    known = {*figures(client, token), "hostaway_account_age_seconds"}
    families = {
        "hostaway_budget_waiting_calls",
        "hostaway_budget_permits",
        "hostaway_alerts",
    }  # empty while all is well
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    rules = yaml.safe_load((MONITORING / "prometheus-rules.yaml").read_text())
    expressions = [
        target["expr"].replace("$account", ".*") for panel in dashboard["panels"] for target in panel["targets"]
    ]
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    for expression in [*expressions, *(rule["expr"] for rule in alerts)]:
        promql_parser.parse(expression)
        names = set(re.findall(r"\bhostaway_\w+", expression))
        assert names
        assert names <= known | families, names - known
    assert {rule["annotations"]["runbook"] for rule in alerts} <= set(TITLES)
    # CI plays these incidents with promtool: each rule fires in one of them, from figures that exist.
    incidents = yaml.safe_load((MONITORING / "prometheus-rules.test.yaml").read_text())["tests"]
    series = {re.split("{", each["series"])[0] for incident in incidents for each in incident["input_series"]}
    assert series <= known
    fired = {
        case["alertname"] for incident in incidents for case in incident["alert_rule_test"] if "exp_alerts" in case
    }
    assert fired == {rule["alert"] for rule in alerts}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_figures_of_an_incident_are_those_of_the_rules(
    token: dict[str, str], client: TestClient, warehouse: Connection
) -> None:
    warehouse.execute("update ops.accounts set state = 'credentials_rejected' where account_id = 701")
    warehouse.execute(
        "insert into ops.webhook_events (account_id, content_hash, state, reason, finished_at)"
        " values (701, sha256('1'), 'dead', 'No try is left', now())"
    )
    found = figures(client, token)
    for name in ("hostaway_account_failing", "hostaway_account_dead_events"):
        assert {labels["account_id"]: value for labels, value in found[name]} == {"701": 1, "702": 0}
