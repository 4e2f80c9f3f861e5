"""The apps do what their OpenAPI documents say, whatever they are sent, and the reference is what the document says."""

from __future__ import annotations

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
from sync_hostaway.api import reference_page
from sync_hostaway.api.app import create_app
from sync_hostaway.api.reference import MOUNTED_AT, reference
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events import receiver
from sync_hostaway.hostaway.rate_limiter import RateLimit
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

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
        operation = result.ok()

        @HOW
        @hypothesis.given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(headers=headers, excluded_checks=EXCLUDED)

        check()
        probed.add(operation.label)
    return probed


@pytest.mark.parametrize("who", ["stranger", "application", "operator"])
def test_the_app_keeps_its_promises(app: FastAPI, issue: Issue, login: Login, who: str) -> None:
    headers = {"application": {"Authorization": f"Bearer {issue(701)}"}, "operator": login("admin")}.get(who, {})
    assert len(probe(app, MOUNTED_AT, headers)) >= 18


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic aG9zdDp3cm9uZw=="}])
def test_the_webhook_app_survives_whatever_it_is_sent(warehouse_dsn: str, headers: dict[str, str]) -> None:
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
    document = app.openapi()
    copied = {"MessageToSend", "NewAccount", "NewToken", "Day", "Reservation", "Message"}
    without = [
        f"{name}.{field}"
        for name, body in document["components"]["schemas"].items()
        for field, schema in body.get("properties", {}).items()
        if reference_page.example_of(document, schema) is None and "examples" not in schema
        if name in copied or {"type": "null"} not in schema.get("anyOf", [])
    ]
    assert without == []


def test_the_reference_says_what_fields_mean_and_how_much_may_be_asked_for(app: FastAPI) -> None:
    text = reference(app)
    # Written for developers of this project.
    assert not [word for word in (">>>", ":param", ":raises", ":returns") if word in text]
    assert "| limit (optional) | query | integer | Rows per page; 1 to 500, default 100 |" in text
    assert "| message | string | The text, as the guest is to read it; at most 10000 characters |" in text
    assert "| channel_type | email, channel, sms, whatsapp |" in text
    assert "| arrival_date | date or null | Local day; null when the channel gave none |" in text
    assert "Answers [`Calendar`](#calendar)" in text
    assert "| days | Day, several | Days outside the mirrored window are missing |" in text
    of_route = {part.split("`", 1)[0]: part for part in text.split("### `")}
    assert "| 409 |" in of_route["DELETE /hostaway/v1/accounts/{account_id}"]
    assert "| 304 |" in of_route["GET /hostaway/v1/reservations"]
    assert "| 304 |" not in of_route["POST /hostaway/v1/send-message"]
    page = reference_page.page(app.openapi())
    assert "Rows per page; 1 to 500, default 100" in page
    assert "Local day; null when the channel gave none" in page


def test_the_reference_is_what_the_document_says(warehouse_dsn: str) -> None:
    """`python -m sync_hostaway.cli.api_reference > docs/api-reference.md` writes it."""
    written = Path(__file__).parents[3] / "docs" / "api-reference.md"
    assert written.read_text(encoding="utf-8") == reference(create_app(RecordedRuns()))
