"""What operators do over HTTP, as users of a real Airflow: accounts, their tokens, their removal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from fastapi.testclient import TestClient
from psycopg import sql
from starlette.types import Message

from api_helpers import Login, RecordedRuns
from sync_hostaway.accounts import registry
from sync_hostaway.accounts.snapshot_refresh import refreshed_snapshot
from sync_hostaway.accounts.webhook_endpoints import ensure_endpoint, find_endpoint
from sync_hostaway.api import reference
from sync_hostaway.api.app import create_app
from sync_hostaway.api.routes import accounts
from sync_hostaway.core.db import Connection, fetch_value
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.simulator import RunningSimulator
from waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def operator(
    warehouse: Connection, simulator: RunningSimulator, login: Login, recorded_runs: RecordedRuns
) -> Iterator[TestClient]:
    """The API as an operator; accounts 701 and 702 are mirrored, 703 is known to Hostaway only."""
    simulator.control.add_account(703, "secret-703", {"listings": 1, "reservations": 2, "conversations": 1})
    with TestClient(create_app(recorded_runs), headers=login("op"), raise_server_exceptions=False) as client:
        yield client


def register(operator: TestClient, **changes: Any) -> Any:
    return operator.post("/v1/accounts", json={"client_id": 703, "client_secret": "secret-703", **changes})


def test_one_post_registers_an_account_and_starts_everything(
    operator: TestClient, warehouse: Connection, recorded_runs: RecordedRuns
) -> None:
    answer = register(operator, name="Harbour", options={"calendar_days_ahead": 60})
    assert answer.status_code == 201, answer.text
    told = operator.get(str(answer.url.join(answer.headers["Location"]))).json()
    assert (told["account_id"], told["name"], told["state"]) == (703, "Harbour", "active")
    assert told["options"] == {"calendar_days_ahead": 60}
    assert told["lag_seconds"] is None
    [(dag_id, run_id, conf)] = recorded_runs.runs
    assert (dag_id, conf) == ("hostaway_sync__703", {"mode": "full"})
    assert 703 in [known.account_id for known in refreshed_snapshot(get_settings().snapshot_file).accounts]
    # It was told where to deliver; nothing listens there in this test.
    assert (told["webhook"]["state"], bool(told["webhook"]["reason"])) == ("failed", True)
    with registry.client_for(warehouse, 703) as client:
        assert client.get("/v1/listings", {"limit": 1}).result

    again = register(operator)
    assert again.status_code == 200
    assert again.json()["name"] == "Harbour"
    assert {asked[1] for asked in recorded_runs.runs} == {run_id}

    operator.patch("/v1/accounts/703", json={"state": "disabled"})
    assert register(operator).json()["state"] == "active"
    assert recorded_runs.runs[-1][2] == {"mode": "incremental"}


def test_the_webhook_is_registered_before_the_first_run_is_requested(
    warehouse: Connection, simulator: RunningSimulator, login: Login
) -> None:
    told: list[bool] = []

    class Looking(RecordedRuns):
        def request_run(self, *arguments: Any, **options: Any) -> str:
            endpoint = find_endpoint(warehouse, 701)
            told.append(endpoint is not None and endpoint.checked_at is not None)
            return super().request_run(*arguments, **options)

    with TestClient(create_app(Looking()), headers=login("op")) as operator:
        operator.post("/v1/accounts", json={"client_id": 701, "client_secret": "secret-701"})
    assert told == [True]


def test_the_first_run_is_asked_for_until_the_dag_is_there(operator: TestClient, recorded_runs: RecordedRuns) -> None:
    recorded_runs.refusals = 2
    assert register(operator).status_code == 201
    assert [asked[0] for asked in recorded_runs.runs] == ["hostaway_sync__703"]


def test_a_wrong_secret_is_reported_and_not_stored(operator: TestClient, recorded_runs: RecordedRuns) -> None:
    answer = register(operator, client_secret="planted-wrong-secret")
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":invalid-client")
    assert "planted" not in answer.text
    assert operator.get("/v1/accounts/703").status_code == 404
    assert recorded_runs.runs == []


def test_errors_of_hostaway_are_named(operator: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTAWAY_API_URL", "http://127.0.0.1:9")
    get_settings.cache_clear()
    answer = register(operator)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert operator.get("/v1/accounts/703").status_code == 404


def test_what_cannot_be_registered_is_named_without_the_secret(operator: TestClient) -> None:
    for changes in (
        {"options": {"calendar_days_ahead": "planted-secret"}},
        {"options": {"planted": 1}},
        {"client_id": 0},
        {"client_secret": ""},
        {"name": " "},
        {"secret": "planted-secret"},
    ):
        answer = register(operator, **changes)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"]
        assert "planted-secret" not in answer.text


def test_every_account_is_listed_with_its_syncs_and_no_secret(operator: TestClient) -> None:
    answer = operator.get("/v1/accounts")
    told = {account["account_id"]: account for account in answer.json()["accounts"]}
    assert set(told) == {701, 702}
    by_resource = {resource["resource"]: resource for resource in told[701]["resources"]}
    assert by_resource["reservations"]["status"] == "complete"
    assert by_resource["reservations"]["rows_seen"] == 60
    assert by_resource["reservations"]["last_complete_at"]
    assert told[701]["lag_seconds"] is None
    assert "secret-701" not in answer.text
    never_synced = dict.fromkeys(set(Resource) - set(by_resource), False)
    changed = operator.patch("/v1/accounts/701", json={"options": {"resources": never_synced}})
    assert 0 < changed.json()["lag_seconds"] < 3600


def test_an_account_is_disabled_renamed_and_enabled(
    operator: TestClient, warehouse: Connection, recorded_runs: RecordedRuns
) -> None:
    changed = operator.patch("/v1/accounts/701", json={"state": "disabled", "reason": "ended", "name": "Old"}).json()
    assert (changed["state"], changed["state_reason"], changed["name"]) == ("disabled", "ended", "Old")
    assert recorded_runs.runs == []
    changed = operator.patch("/v1/accounts/701", json={"state": "active", "name": None}).json()
    assert (changed["state"], changed["state_reason"], changed["name"]) == ("active", None, None)
    assert [asked[0] for asked in recorded_runs.runs] == ["hostaway_sync__701"]


def test_a_new_secret_is_checked_before_the_old_one_goes(
    operator: TestClient, warehouse: Connection, simulator: RunningSimulator, recorded_runs: RecordedRuns
) -> None:
    assert operator.patch("/v1/accounts/701", json={"client_secret": "wrong", "name": "Renamed"}).status_code == 422
    assert operator.get("/v1/accounts/701").json()["name"] is None
    simulator.control.set_secret(701, "renewed")
    assert operator.patch("/v1/accounts/701", json={"client_secret": "renewed"}).status_code == 200
    assert recorded_runs.runs == [], "the account was not stopped, so it missed nothing"
    with registry.client_for(warehouse, 701) as client:
        registry.mark_credentials_rejected(warehouse, client, "Hostaway said no")
    assert operator.patch("/v1/accounts/701", json={"client_secret": "renewed"}).json()["state"] == "active"
    assert [asked[0] for asked in recorded_runs.runs] == ["hostaway_sync__701"]
    with registry.client_for(warehouse, 701) as client:
        assert client.get("/v1/listings", {"limit": 1}).result


def test_options_are_changed_one_by_one(operator: TestClient) -> None:
    def change(**options: Any) -> Any:
        return operator.patch("/v1/accounts/701", json={"options": options}).json()["options"]

    assert change(calendar_days_back=5, budget_account="5/10") == {"calendar_days_back": 5, "budget_account": "5/10"}
    assert change(budget_account=None, resources={"reviews": False}) == {
        "calendar_days_back": 5,
        "resources": {"reviews": False},
    }
    assert operator.patch("/v1/accounts/701", json={"options": {"budget_account": "many"}}).status_code == 422


@pytest.mark.parametrize(
    "body", [{}, {"reason": "x"}, {"state": "credentials_rejected"}, {"state": "active", "reason": "x"}]
)
def test_a_change_that_says_nothing_sensible_is_refused(operator: TestClient, body: dict[str, str]) -> None:
    assert operator.patch("/v1/accounts/701", json=body).status_code == 422


def test_an_unknown_account_is_not_found_by_any_route(operator: TestClient) -> None:
    path = "/v1/accounts/999"
    token = {"name": "app", "scopes": ["read:calendar"]}
    for answer in (
        operator.get(path),
        operator.patch(path, json={"state": "disabled"}),
        operator.delete(path, params={"purge": True, "confirm": "999"}),
        operator.post(f"{path}/guests/1/erase"),
        operator.get(f"{path}/tokens"),
        operator.post(f"{path}/tokens", json=token),
        operator.delete(f"{path}/tokens/0123456789ab"),
    ):
        assert answer.status_code == 404, answer.request.url
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_is_shown_once_works_and_ends(operator: TestClient) -> None:
    expires = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    body = {"name": "Booking site", "scopes": ["read:calendar", "read:reservations"], "expires_at": expires}
    issued = operator.post("/v1/accounts/701/tokens", json=body)
    assert issued.status_code == 201, issued.text
    text = issued.json().pop("token")
    assert issued.headers["Cache-Control"] == "no-store"
    [told] = operator.get("/v1/accounts/701/tokens").json()["tokens"]
    assert told == {name: value for name, value in issued.json().items() if name != "token"}
    as_app = {"Authorization": f"Bearer {text}"}
    assert operator.get("/v1/listings", headers=as_app).status_code == 200
    # A token of a host application opens nothing of the operators'.
    assert operator.get("/v1/accounts", headers=as_app).status_code == 401
    revoked = operator.delete(f"/v1/accounts/701/tokens/{told['token_id']}")
    assert revoked.json()["revoked_at"]
    assert operator.get("/v1/listings", headers=as_app).status_code == 401
    assert operator.delete(f"/v1/accounts/702/tokens/{told['token_id']}").status_code == 404


def test_a_token_that_cannot_be_is_refused(operator: TestClient) -> None:
    good = {"name": "app", "scopes": ["read:calendar"]}
    bad: list[dict[str, Any]] = [
        {"scopes": []},
        {"scopes": ["read:all"]},
        {"name": ""},
        {"expires_at": "2020-01-01T00:00:00Z"},
    ]
    for changes in bad:
        assert operator.post("/v1/accounts/701/tokens", json={**good, **changes}).status_code == 422


def test_a_purge_wants_to_be_meant(operator: TestClient, warehouse: Connection) -> None:
    path = "/v1/accounts/701"
    assert operator.delete(path).status_code == 422
    assert operator.delete(path, params={"purge": False, "confirm": "701"}).status_code == 422
    assert operator.delete(path, params={"purge": True, "confirm": "702"}).status_code == 409
    assert operator.get(path).json()["state"] == "active"
    answer = operator.delete(path, params={"purge": True, "confirm": "701"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"]["hostaway.reservations"] == 60
    assert operator.get(path).status_code == 404
    assert operator.delete(path, params={"purge": True, "confirm": "701"}).json()["rows"] == {}


def test_a_guest_is_erased_and_a_transform_asked_for(
    operator: TestClient, warehouse: Connection, recorded_runs: RecordedRuns
) -> None:
    [guest] = warehouse.execute("select min(guest_id) as id from hostaway.guests where account_id = 701")
    answer = operator.post(f"/v1/accounts/701/guests/{guest['id']}/erase")
    assert answer.status_code == 200, answer.text
    assert answer.json()["reservations"] >= 1
    assert [asked[0] for asked in recorded_runs.runs] == ["hostaway_transform"]
    assert operator.post("/v1/accounts/701/guests/5/erase").status_code == 404


def test_who_does_not_manage_connections_learns_nothing(operator: TestClient, login: Login) -> None:
    def status(headers: dict[str, str]) -> int:
        return operator.get("/v1/accounts", headers={"Authorization": "", **headers}).status_code

    token = login("op")["Authorization"]
    assert status({}) == 401
    assert status({"Authorization": f"{token[:-4]}xxxx"}) == 401
    assert status(login("op", -10)) == 401
    assert {role: status(login(role)) for role in ("viewer", "user", "op", "admin")} == {
        "viewer": 403,
        "user": 403,
        "op": 200,
        "admin": 200,
    }


def test_the_cookie_of_the_ui_reads_and_changes_nothing(operator: TestClient, login: Login) -> None:
    cookie = {"Cookie": f"_token={login('op')['Authorization'].removeprefix('Bearer ')}", "Authorization": ""}
    assert operator.get("/v1/accounts", headers=cookie).status_code == 200
    assert operator.patch("/v1/accounts/701", json={"state": "disabled"}, headers=cookie).status_code == 401
    assert operator.get("/v1/accounts/701").json()["state"] == "active"


@pytest.mark.parametrize("trouble", ["no auth manager", "another version of Airflow"])
def test_a_failing_auth_manager_admits_no_user(
    operator: TestClient, login: Login, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    headers = login("admin")
    if trouble == "no auth manager":
        monkeypatch.setattr("airflow.api_fastapi.app._AuthManagerState.instance", None)
    else:
        monkeypatch.setitem(sys.modules, "airflow.api_fastapi.auth.managers.models.resource_details", None)
    answer = operator.get("/v1/accounts", headers=headers)
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":auth-unavailable")


def test_a_missing_key_is_named_to_operators(operator: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__HOSTAWAY__SECRET_KEYS")
    get_settings.cache_clear()
    answer = register(operator)
    assert answer.status_code == 503
    assert "AIRFLOW__HOSTAWAY__SECRET_KEYS" in answer.json()["detail"]


@pytest.fixture
def events(warehouse: Connection) -> list[int]:
    """A dead event of account 701 and one that waits of 702."""
    rows = warehouse.execute(
        """
        insert into ops.webhook_events
            (account_id, content_hash, event, object, object_id, reservation_id, body, state, reason, finished_at)
        values
            (701, sha256('1'), 'reservation.updated', 'reservation', 5, 5, '{"id": 5}', 'dead', 'HTTP 500', now()),
            (702, sha256('2'), 'reservation.created', 'reservation', 6, 6, null, 'pending', null, null)
        returning event_id
        """
    )
    return [row["event_id"] for row in rows]


def test_events_are_listed_shown_replayed_and_discarded(
    operator: TestClient, events: list[int], recorded_runs: RecordedRuns
) -> None:
    dead, waiting = events
    listed = operator.get("/v1/webhook-events").json()["events"]
    assert [event["event_id"] for event in listed] == [waiting, dead]
    chosen = operator.get("/v1/webhook-events", params={"state": ["dead"], "account_id": 701}).json()["events"]
    assert [event["reason"] for event in chosen] == ["HTTP 500"]
    assert operator.get(f"/v1/webhook-events/{dead}").json()["body"] == '{"id": 5}'
    assert operator.get("/v1/webhook-events/999999").status_code == 404
    assert operator.post("/v1/webhook-events/replay", json={"state": ["dead"]}).json() == {"events": 1}
    assert [asked[0] for asked in recorded_runs.runs] == ["hostaway_delta"]
    assert operator.get(f"/v1/webhook-events/{dead}").json()["state"] == "pending"
    assert operator.post("/v1/webhook-events/discard", json={"event_ids": [dead]}).json() == {"events": 1}
    assert operator.post("/v1/webhook-events/discard", json={"all": True}).json() == {"events": 1}


NOTHING: list[Any] = [[], None, "", " ", [None], [""], {}]
EMPTY = [
    {name: empty}
    for name in ("event_ids", "state", "account_id", "since", "object", "object_id", "all")
    for empty in NOTHING
]


BODIES = [
    {},
    {"all": False},
    {"all": True, "account_id": 701},
    {"state": ["lost"]},
    *EMPTY,
    *({"account_id": 701, **fields} for fields in EMPTY if "account_id" not in fields),
    *({"all": True, **fields} for fields in EMPTY if "all" not in fields),
]


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_all_events_are_meant_only_when_that_is_said(
    operator: TestClient, events: list[int], warehouse: Connection, action: str
) -> None:
    before = warehouse.execute("select * from ops.webhook_events order by event_id").fetchall()
    for body in BODIES:
        assert (body, operator.post(f"/v1/webhook-events/{action}", json=body).status_code) == (body, 422)
    assert warehouse.execute("select * from ops.webhook_events order by event_id").fetchall() == before


@pytest.mark.parametrize("now", [True, False])
def test_a_webhook_password_is_replaced(operator: TestClient, warehouse: Connection, now: bool) -> None:
    before = ensure_endpoint(warehouse, 701)
    answer = operator.post("/v1/accounts/701/webhook/rotate", json={"now": now})
    assert answer.status_code == 200, answer.text
    row = warehouse.execute(
        "select password_digest, old_password_digest from ops.webhook_endpoints where account_id = 701"
    ).fetchone()
    assert row
    assert row["password_digest"] != before.password_digest
    assert row["old_password_digest"] == (None if now else before.password_digest)
    assert operator.post("/v1/accounts/999/webhook/rotate", json={}).status_code == 404


SESSIONS = """
    select count(*) = 0 as none from pg_stat_activity
    where application_name = 'sync-hostaway operator api' and datname = current_database()
"""


def until_no_session_is_open(warehouse: Connection) -> None:
    # PostgreSQL shows a session for a moment after its end.
    eventually(lambda: fetch_value(warehouse, sql.SQL(SESSIONS)), seconds=20)


@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/webhook-events", "/v1/accounts/701/tokens"])
def test_a_client_that_reads_slowly_keeps_no_connection_to_the_warehouse(
    warehouse: Connection, login: Login, path: str
) -> None:
    """PostgreSQL has 100 connections, and clients that are slow on purpose can be more."""
    sent: list[str] = []
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"authorization", login("op")["Authorization"].encode())], "client": ("127.0.0.1", 1),
        "server": ("test", 80), "scheme": "http", "http_version": "1.1", "asgi": {"version": "3.0"}, "state": {},
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        # The app waits here for the client.
        await anyio.to_thread.run_sync(until_no_session_is_open, warehouse)
        sent.append(message["type"])

    async def call() -> None:
        app = create_app(RecordedRuns())
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    anyio.run(call)
    assert sent == ["http.response.start", "http.response.body"]


def test_work_after_an_answer_keeps_no_connection_of_its_request(
    warehouse: Connection, simulator: RunningSimulator, login: Login
) -> None:
    requested: list[str] = []

    class Looking(RecordedRuns):
        def request_run(self, *arguments: Any, **options: Any) -> str:
            until_no_session_is_open(warehouse)
            requested.append(arguments[0])
            return super().request_run(*arguments, **options)

    with TestClient(create_app(Looking()), headers=login("op")) as operator:
        body = {"client_id": 701, "client_secret": "secret-701"}
        assert operator.post("/v1/accounts", json=body).status_code == 200
    assert requested == ["hostaway_sync__701"]


def test_the_description_of_the_api_is_made_once(operator: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a second of the process that also serves Airflow's own API."""
    made, make = [], reference.page

    def make_page(document: dict[str, Any]) -> str:
        made.append(document)
        return make(document)

    monkeypatch.setattr(reference, "page", make_page)
    for _ in range(2):
        assert operator.get("/openapi.json").json()["openapi"]
        assert "/v1/accounts" in operator.get("/docs").text
    assert len(made) == 1


def test_a_connection_that_cannot_be_prepared_is_closed(
    operator: TestClient, warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psycopg warns of one that is left to the garbage collector, and a warning fails a test."""
    monkeypatch.setattr(accounts, "_LOCK_TIMEOUT", "forever")
    assert operator.get("/v1/accounts").status_code == 503
    until_no_session_is_open(warehouse)
