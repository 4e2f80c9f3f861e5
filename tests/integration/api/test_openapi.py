"""The apps follow their OpenAPI documents for every input; docs/api.md names every route."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api_helpers import Issue, Login, RecordedRuns
from sync_hostaway.api.app import create_app
from sync_hostaway.api.reference import MOUNTED_AT
from sync_hostaway.api.reference import page as client_page
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events import receiver
from sync_hostaway.hostaway.rate_limiter import RateLimit
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

TABLE = Path(__file__).parents[3] / "docs" / "api.md"
# Some requests that fit the schema are refused with 422 all the same, such as an end before its start.
EXCLUDED = [positive_data_acceptance]
HOW = hypothesis.settings(max_examples=15, suppress_health_check=list(hypothesis.HealthCheck))


@pytest.fixture
def app(
    warehouse_dsn: str, airflow: Any, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FastAPI]:
    """The authenticated app, running."""
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__API_RATE_LIMIT", "off")
    monkeypatch.setattr("sync_hostaway.api.app.REFUSAL_LIMIT", RateLimit(10**9, 1))
    get_settings.cache_clear()
    app = create_app(RecordedRuns())
    with TestClient(app):
        yield app


def probe(app: FastAPI, mounted_at: str, headers: dict[str, str]) -> set[str]:
    """Send every operation of an app what its document allows and what it does not; returns the operations."""
    server = FastAPI()
    server.mount(mounted_at, app)
    document = {**app.openapi(), "servers": [{"url": mounted_at}]}
    schema = schemathesis.openapi.from_dict(document)
    schema.app = server
    probed = set()
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]  # the schema has only valid routes

        @HOW
        @hypothesis.given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(headers=headers, excluded_checks=EXCLUDED)

        check()
        probed.add(operation.label)
    return probed


def test_every_parameter_is_described(app: FastAPI) -> None:
    parameters = [
        (label, parameter["name"], parameter.get("description"))
        for label, operations in app.openapi()["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
    ]
    assert len(parameters) > 20
    assert [(label, name) for label, name, description in parameters if not description] == []


@pytest.mark.parametrize("who", ["stranger", "application", "operator"])
def test_the_app_keeps_its_promises(app: FastAPI, issue: Issue, login: Login, who: str) -> None:
    headers = {"application": {"Authorization": f"Bearer {issue(701)}"}, "operator": login("admin")}.get(who, {})
    assert len(probe(app, MOUNTED_AT, headers)) >= 18


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic aG9zdDp3cm9uZw=="}])
def test_the_webhook_app_survives_any_body(warehouse_dsn: str, headers: dict[str, str]) -> None:
    app = receiver.create_app(RecordedRuns())
    with TestClient(app):
        assert probe(app, "/hostaway/webhooks", headers)


def test_operators_read_the_document_and_the_page(app: FastAPI, login: Login) -> None:
    client = TestClient(app, headers=login("op"))
    assert client.get("/openapi.json").json() == app.openapi()
    page = client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "/v1/calendar/{listing_id}" in page.text
    assert not [word for word in ("http://", "https://", "src=", "<script") if word in page.text.split("<body>")[0]]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_every_body_of_the_document_has_an_example(app: FastAPI) -> None:
    """Examples are what developers copy: nothing that is never null is shown as null."""
    schemas = app.openapi()["components"]["schemas"]
    copied = {"MessageToSend", "NewAccount", "NewToken", "Day", "Reservation", "Message"}

    def has_example(schema: dict[str, Any]) -> bool:
        if any(schema.get(name) for name in ("examples", "const", "enum", "default", "properties")):
            return True
        if "$ref" in schema:
            return has_example(schemas[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return has_example(schema["anyOf"][0])
        return schema.get("format") == "date-time" or schema.get("type") in ("array", "boolean", "object")

    without = [
        f"{name}.{field}"
        for name, body in schemas.items()
        for field, schema in body.get("properties", {}).items()
        if not has_example(schema) and (name in copied or {"type": "null"} not in schema.get("anyOf", []))
    ]
    assert without == []


def test_the_document_is_written_for_its_readers(app: FastAPI) -> None:
    document = app.openapi()
    text = json.dumps(document)
    # Written for developers of this project.
    assert not [word for word in (">>>", ":param", ":raises", ":returns") if word in text]
    paths = document["paths"]
    assert "409" in paths["/v1/accounts/{account_id}"]["delete"]["responses"]
    assert "304" in paths["/v1/reservations"]["get"]["responses"]
    assert "304" not in paths["/v1/send-message"]["post"]["responses"]
    page = client_page(document)
    assert "Needs an API token with the scope read:calendar." in page
    assert "Rows per page" in page
    assert "<script" not in page


def test_the_table_of_routes_names_each_and_who_may_call_it(warehouse_dsn: str) -> None:
    rows = re.findall(r"^\| `(\w+) (/hostaway\S*)` \| ([^|]+) \|", TABLE.read_text(encoding="utf-8"), re.M)
    document = create_app(RecordedRuns()).openapi()
    expected = {
        (method.upper(), MOUNTED_AT + path, who(operation))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert {(method, path, needed.strip().strip("`")) for method, path, needed in rows} == expected


def who(operation: dict[str, Any]) -> str:
    """What the table says of an operation's credentials."""
    [requirement] = operation.get("security") or [{}]
    return next(iter(requirement.get("ApiToken", ())), "operator" if requirement else "anyone")
