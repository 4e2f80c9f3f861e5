"""Every route of the app, from the app's own list, against every kind of credential that must not open it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api_helpers import Issue, Login, RecordedRuns
from sync_hostaway.accounts import api_tokens
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.accounts.registry import change_options
from sync_hostaway.api.app import create_app
from sync_hostaway.core.db import Connection

pytestmark = pytest.mark.integration

PUBLIC = {("GET", "/health")}
# Examples of what has none of its own.
USUAL: dict[str | None, Any] = {"boolean": True, "object": {}}


@dataclass(frozen=True)
class Route:
    """One operation, as the app's OpenAPI document has it."""

    method: str
    path: str
    operation: dict[str, Any]
    document: dict[str, Any]

    @property
    def scopes(self) -> list[str] | None:
        """The scopes of an API token that it needs; None where API tokens are no use."""
        for requirement in self.operation.get("security", ()):
            if "ApiToken" in requirement:
                return list(requirement["ApiToken"])
        return None

    def call(self, client: TestClient, ids: dict[str, Any], headers: dict[str, str]) -> Any:
        """A good request, but for the credential."""
        query = {
            parameter["name"]: "true" if parameter["schema"].get("type") == "boolean" else ids["confirm"]
            for parameter in self.operation.get("parameters", ())
            if parameter["required"] and parameter["in"] == "query"
        }
        body = None
        if "requestBody" in self.operation:
            [content] = self.operation["requestBody"]["content"].values()
            body = example_of(content["schema"], self.document["components"]["schemas"])
            body |= {name: ids[name] for name in body if name in ids}
        return client.request(
            self.method,
            # A parameter without a known id: add a valid one here.
            self.path.format_map(ids),
            params=query,
            json=body,
            headers={"Idempotency-Key": "every-route", **headers},
        )


def routes() -> list[Route]:
    document = create_app(RecordedRuns()).openapi()
    return [
        Route(method.upper(), path, operation, document)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


def example_of(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A value of a schema, of the examples in it."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    if "properties" in schema:
        return {name: example_of(field, schemas) for name, field in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)]
    return schema.get("const", next(iter(schema.get("enum", ())), schema.get("default", USUAL.get(schema.get("type")))))


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def ids(warehouse: Connection) -> dict[str, Any]:
    """Ids of account 701 for every parameter."""
    row = warehouse.execute(
        "select listing_id, reservation_id, conversation_id from hostaway.conversations"
        " where account_id = 701 order by conversation_id limit 1"
    ).fetchone()
    assert row
    return {
        **row,
        "account_id": 701,
        "guest_id": row["reservation_id"],
        "token_id": "0" * 12,
        "event_id": 999_999_999_999,
        "confirm": "701",
    }


@pytest.fixture
def anonymous(warehouse: Connection, airflow: Any) -> Iterator[TestClient]:
    """The app without any credential; at the end, nothing in the warehouse has changed."""
    warehouse.execute("insert into ops.accounts (account_id, state) values (703, 'disabled')")
    state = "select (select array_agg(a order by 1) from ops.accounts as a)::text, (select count(*) from ops.outbox)"
    before = warehouse.execute(state).fetchone()
    with TestClient(create_app(RecordedRuns()), raise_server_exceptions=False) as client:
        yield client
    assert warehouse.execute(state).fetchone() == before


def test_the_apps_own_list_is_whole(warehouse_dsn: str) -> None:
    """What is not in the document could not be tested by it."""
    described = {(route.method, route.path) for route in routes()}
    served = {
        (method, getattr(route, "path", "?"))
        for route in create_app(RecordedRuns()).routes
        for method in getattr(route, "methods", None) or {"?"}
    }
    assert served == described


def test_only_health_is_open_without_credentials(anonymous: TestClient, ids: dict[str, Any]) -> None:
    answers = {(route.method, route.path): route.call(anonymous, ids, {}) for route in routes()}
    assert {place for place, answer in answers.items() if answer.status_code != 401} == PUBLIC
    for place in answers.keys() - PUBLIC:
        assert answers[place].headers["WWW-Authenticate"].startswith("Bearer"), place
        assert answers[place].headers["content-type"] == "application/problem+json", place
    [health] = (answers[place] for place in PUBLIC)
    assert health.json().keys() == {"status", "checks"}
    assert health.json()["checks"] is None


def test_credentials_are_checked_before_bodies(anonymous: TestClient, ids: dict[str, Any]) -> None:
    for route in routes():
        if (route.method, route.path) not in PUBLIC:
            path = route.path.format_map(dict.fromkeys(ids, "x"))
            assert anonymous.request(route.method, path, json=[]).status_code == 401, route.path


def test_routes_of_applications_take_good_tokens_only(
    anonymous: TestClient, warehouse: Connection, ids: dict[str, Any], issue: Issue, login: Login
) -> None:
    revoked, token = api_tokens.issue(warehouse, 701, "revoked", list(Scope), None)
    api_tokens.revoke(warehouse, 701, token.token_id)
    expired, token = api_tokens.issue(warehouse, 701, "expired", list(Scope), None)
    warehouse.execute(
        "update ops.api_tokens set created_at = now() - interval '1 h', expires_at = now() where token_id = %s",
        (token.token_id,),
    )
    good = issue(701)
    refused = {
        "wrong": bearer(good[:-1] + ("0" if good[-1] != "0" else "1")),
        "garbage": bearer("é"),
        "another scheme": {"Authorization": f"Basic {good}"},
        "without a scheme": {"Authorization": good},
        "revoked": bearer(revoked),
        "expired": bearer(expired),
        "of a disabled account": bearer(issue(703)),
        "an operator's": login("admin"),
    }
    for route in routes():
        if route.scopes is None:
            continue
        assert route.scopes, f"{route.path} names no scope"
        for kind, headers in refused.items():
            encoded: Any = {name: value.encode("latin-1") for name, value in headers.items()}
            assert route.call(anonymous, ids, encoded).status_code == 401, (route.path, kind)
        under_scoped = [scope for scope in Scope if scope not in route.scopes]
        answer = route.call(anonymous, ids, bearer(issue(701, *under_scoped)))
        assert answer.status_code == 403, route.path
        assert all(scope in answer.headers["WWW-Authenticate"] for scope in route.scopes), route.path


def test_a_token_reaches_nothing_of_another_account(anonymous: TestClient, ids: dict[str, Any], issue: Issue) -> None:
    headers = bearer(issue(702))
    for route in routes():
        if route.scopes is None:
            continue
        answer = route.call(anonymous, ids, headers)
        if "{" in route.path or "requestBody" in route.operation:
            assert answer.status_code == 404, route.path
        else:
            assert answer.status_code == 200, route.path
        known = [str(value) for name, value in ids.items() if name.endswith("_id") and name != "account_id"]
        rows = answer.text.replace(answer.json().get("detail", "-"), "")
        assert not [value for value in known if f":{value}," in rows], route.path


def test_routes_of_operators_take_permitted_users_of_airflow_only(
    anonymous: TestClient, ids: dict[str, Any], issue: Issue, login: Login
) -> None:
    tampered = login("admin")["Authorization"].removeprefix("Bearer ")[:-4] + "AAAA"
    refused = {
        401: [bearer(issue(701)), bearer("wrong"), bearer(tampered), login("admin", seconds=-60)],
        403: [login("viewer"), login("user")],
    }
    operators = [route for route in routes() if {"Operator": []} in route.operation.get("security", ())]
    assert len(operators) >= 9
    for route in operators:
        for status, credentials in refused.items():
            for headers in credentials:
                assert route.call(anonymous, ids, headers).status_code == status, (route.path, headers)


def test_every_route_has_a_guard(warehouse_dsn: str) -> None:
    for route in routes():
        is_operators = {"Operator": []} in route.operation.get("security", ())
        assert (route.scopes is not None) + is_operators + ((route.method, route.path) in PUBLIC) == 1, route.path


def test_operators_see_why_health_fails(anonymous: TestClient, warehouse: Connection, login: Login) -> None:
    assert anonymous.get("/health").status_code == 200
    warehouse.execute("update ops.alembic_version set version_num = '0100'")
    with TestClient(create_app(RecordedRuns())) as later:
        answer = later.get("/health", headers=login("op"))
        assert (answer.status_code, answer.json()["status"]) == (503, "failing")
        checks = {check["name"]: check for check in answer.json()["checks"]}
        assert (checks["warehouse"]["ok"], checks["migrations"]["ok"]) == (True, False)
        assert "sync-hostaway migrate" in checks["migrations"]["detail"]
        assert later.get("/health", headers=bearer("wrong")).json() == {"status": "failing", "checks": None}


def test_health_finds_untried_events_and_accounts_that_do_not_sync(warehouse: Connection, login: Login) -> None:
    warehouse.execute(
        "insert into ops.webhook_events (account_id, content_hash, next_try_at)"
        " values (701, sha256('1'), now() - interval '20 min')"
    )
    warehouse.execute(
        "update ops.resource_states set last_complete_at = now() - interval '3 days' where account_id = 702"
    )
    with TestClient(create_app(RecordedRuns())) as client:
        answer = client.get("/health", headers=login("admin"))
    assert answer.status_code == 503
    details = {check["name"]: check["detail"] for check in answer.json()["checks"] if not check["ok"]}
    assert details.keys() == {"inbox", "syncs"}
    assert "702" in details["syncs"]
    assert "701" not in details["syncs"]


@pytest.mark.parametrize(
    ("change", "is_healthy"),
    [
        ("select", True),
        # Another try follows within the hour: the account has the status warning.
        ("update ops.resource_states set failures = 1, retry_until = now() + interval '1 hour'", True),
        ("update ops.resource_states set failures = 1, retry_until = now() - interval '1 second'", False),
        ("update ops.resource_states set last_complete_at = now() - interval '35 hours'", True),
        ("update ops.resource_states set last_complete_at = now() - interval '37 hours'", False),
        # A resource that was switched on now has time for its first sync, and one of an account of last week has not.
        ("delete from ops.resource_states", True),
        ("delete from ops.resource_states; update ops.accounts set created_at = now() - interval '9 days'", False),
        ("update ops.resource_states set status = 'refused', last_error = 'Not enabled'", True),
        ("update ops.accounts set state = 'credentials_rejected'", True),
    ],
)
def test_health_fails_when_the_status_of_an_account_is_failing(
    warehouse: Connection, login: Login, change: str, is_healthy: bool
) -> None:
    warehouse.execute(change)
    with TestClient(create_app(RecordedRuns())) as client:
        checks = client.get("/health", headers=login("admin")).json()["checks"]
    [syncs] = [check for check in checks if check["name"] == "syncs"]
    found = warehouse.execute("select account_id from ops.account_status where status = 'failing'").fetchall()
    assert syncs["ok"] is is_healthy
    assert bool(found) is not is_healthy
    assert all(f"account {row['account_id']}, " in syncs["detail"] for row in found)


def test_health_does_not_ask_for_a_resource_that_is_switched_off(warehouse: Connection, login: Login) -> None:
    warehouse.execute("update ops.resource_states set failures = 1 where account_id = 702 and resource = 'tasks'")
    change_options(warehouse, 702, {"resources": {"tasks": False}})
    with TestClient(create_app(RecordedRuns())) as client:
        assert client.get("/health", headers=login("admin")).status_code == 200


def test_health_calls_no_account_up_to_date_before_its_first_sync_has_ended(
    warehouse: Connection, login: Login
) -> None:
    warehouse.execute("update ops.account_settings set resources = array['listings', 'reservations']")
    warehouse.execute("delete from ops.resource_states where account_id = 702")
    with TestClient(create_app(RecordedRuns())) as client:
        checks = client.get("/health", headers=login("admin")).json()["checks"]
    [detail] = [check["detail"] for check in checks if check["name"] == "syncs"]
    assert detail == "Accounts up to date: 1; without a complete sync so far: 1"


def test_health_expects_an_account_as_often_as_it_is_to_sync(warehouse: Connection, login: Login) -> None:
    warehouse.execute("update ops.resource_states set last_complete_at = now() - interval '6 hours'")
    change_options(warehouse, 702, {"sync_every_hours": 2})
    with TestClient(create_app(RecordedRuns())) as client:
        checks = client.get("/health", headers=login("admin")).json()["checks"]
    [detail] = [check["detail"] for check in checks if check["name"] == "syncs"]
    assert detail.startswith("Accounts that are failing: 1; account 702, ")
    assert "No complete sync for 6 h" in detail
