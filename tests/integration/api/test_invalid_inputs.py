"""What cannot be meant is refused at the door: one spelling of an id, moments that can be stored, texts without NUL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api_helpers import Login, RecordedRuns
from sync_hostaway.accounts import registry
from sync_hostaway.accounts.secrets.store import CLIENT_SECRET, secrets_store
from sync_hostaway.api.app import create_app
from sync_hostaway.api.http.inputs import MAX_ID, Id, Line, Moment
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import InvalidOptions
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

OTHER_SPELLINGS = [
    "0701",
    "+701",
    "-701",
    " 701",
    "701 ",
    "701\n",
    "701.0",
    "7.01e2",
    "1e2",
    "7_01",
    "0x2bd",
    "٧٠١",
    "７０１",
    "701\u200b",
    "0",
    "00",
    "null",
    "true",
    "²",
    str(MAX_ID),
    "9" * 400,
    "9" * 5000,
]
ODD_MOMENTS = [
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "99999-01-01T00:00:00Z",
    "infinity",
    "-infinity",
    "nan",
    "now",
    "2030-02-30T00:00:00Z",
    "2030-01-01T00:00:00",
    "2030-01-01T00:00:00+99:00",
    "",
    " ",
    "1e999",
    "9" * 400,
    "0",
    "5",
    "2026",
    "20260301",
    "1767225600",
    "1767225600.5",
    "2026-03",
]
ODD_TEXTS = ["", " ", "\x00", "a\x00b", "line\nbreak", "\x1b[31m", "\x7f", "\x9b", "x" * 501]


@pytest.fixture
def operator(
    warehouse: Connection, simulator: RunningSimulator, login: Login, recorded_runs: RecordedRuns
) -> Iterator[TestClient]:
    with TestClient(create_app(recorded_runs), headers=login("op"), raise_server_exceptions=False) as client:
        yield client


def ids_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation and its parameters that are integers named …_id."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                if parameter["name"].endswith("_id") and "integer" in json.dumps(parameter["schema"]):
                    yield method, path, parameter


def test_every_route_takes_one_spelling_of_an_id(client: TestClient, operator: TestClient) -> None:
    places = list(ids_of(create_app(RecordedRuns()).openapi()))
    assert len(places) >= 12
    for method, path, parameter in places:
        asking = operator if "/accounts" in path or "/webhook-events" in path else client
        for spelling in OTHER_SPELLINGS:
            if parameter["in"] == "path":
                url = path.replace(f"{{{parameter['name']}}}", quote(spelling, safe=""))
                query = {"purge": "true", "confirm": spelling}
            else:
                url, query = path, {parameter["name"]: spelling}
            url = url.format(account_id=701, guest_id=1, token_id="0" * 12)
            answer = asking.request(method, url, params=query)
            assert answer.status_code in (404, 422), (method, url, spelling, answer.text[:200])
            assert answer.headers["content-type"] == "application/problem+json"


def test_the_permission_that_is_asked_for_is_that_of_the_account_that_is_answered_about(
    operator: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    asked: list[str] = []

    def is_authorized(*, method: str, details: Any = None, user: Any) -> bool:
        asked.append(details.conn_id if details else "all")
        return True

    monkeypatch.setattr(get_auth_manager(), "is_authorized_connection", is_authorized)
    assert operator.get("/v1/accounts/701").json()["account_id"] == 701
    assert asked == ["hostaway_701"]
    asked.clear()
    for spelling in OTHER_SPELLINGS:
        assert operator.get(f"/v1/accounts/{quote(spelling, safe='')}").status_code in (404, 422)
    assert asked == []


def test_ids_in_bodies_are_whole_numbers(operator: TestClient, client: TestClient) -> None:
    for written in ("701.0", "7.01e2", "1e2", "true", '"0701"', '" 701"', '"701.0"', "-701", "0", "9" * 30, "9" * 5000):
        content = f'{{"client_id": {written}, "client_secret": "secret-701"}}'
        answer = operator.post("/v1/accounts", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), written
        content = f'{{"reservation_id": {written}, "message": "Hello", "channel_type": "channel"}}'
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
        assert client.post("/v1/send-message", content=content, headers=headers).status_code in (400, 422), written
        content = f'{{"event_ids": [{written}]}}'
        answer = operator.post(
            "/v1/webhook-events/discard", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422), written


@given(st.integers(), st.sampled_from(["{}", "+{}", " {}", "0{}", "{}.0", "{}e0", "{}\n"]))
def test_an_id_is_accepted_as_it_is_written_back(number: int, form: str) -> None:
    text = form.format(number)
    try:
        assert str(TypeAdapter(Id).validate_python(text)) == text
    except ValidationError:
        assert form != "{}" or not 1 <= number < MAX_ID


def issue(operator: TestClient, **changes: Any) -> Any:
    return operator.post("/v1/accounts/701/tokens", json={"name": "x", "scopes": ["read:calendar"], **changes})


def test_moments_that_cannot_be_stored_or_read_are_refused(operator: TestClient, client: TestClient) -> None:
    before = len(operator.get("/v1/accounts/701/tokens").json()["tokens"])
    for moment in ODD_MOMENTS:
        assert issue(operator, expires_at=moment).status_code == 422, moment
        # Without a zone, or in the past, a filter is refused or matches what it says.
        for path, name in (("/v1/reservations", "updated_since"), ("/v1/webhook-events", "since")):
            asking = client if name == "updated_since" else operator
            answer = asking.get(path, params={name: moment})
            assert answer.status_code == 422, (path, moment)
            [error] = answer.json()["errors"]
            assert name in error["location"]
    for written in ("Infinity", "-Infinity", "NaN", "1e999", "9" * 30, "[]", "{}", "true", "1", "1767225600", "2e9"):
        content = f'{{"name": "x", "scopes": ["read:calendar"], "expires_at": {written}}}'
        answer = operator.post("/v1/accounts/701/tokens", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), written
    assert len(operator.get("/v1/accounts/701/tokens").json()["tokens"]) == before


ODD_DAYS = [
    *(moment for moment in ODD_MOMENTS if moment != "9999-12-31T23:59:59Z"),
    "2026-03-01T00:00:00Z",
    "2026-03-01T00:00:00",
    "2026-03-01 00:00",
    "2026-3-1",
    "2026-W09-7",
    "2026-060",
    "86400",
    "-86400",
    "1767225600000",
    "\uff12026-03-01",
    "2026-03-01\n",
]


def test_a_day_is_year_month_and_day(client: TestClient) -> None:
    """Pydantic also takes seconds since 1970, and drops the time zone of a moment."""
    for path, names in (
        ("/v1/calendar/1", ("start", "end")),
        ("/v1/reservations", ("arrival_from", "arrival_to", "departure_from", "departure_to")),
    ):
        for name in names:
            for day in ODD_DAYS:
                answer = client.get(path, params={name: day})
                assert answer.status_code == 422, (name, day)
                assert answer.json()["errors"][0]["location"] == f"query.{name}", (name, day)
    for day in ("0001-01-01", "2024-02-29", "9999-12-31"):
        assert client.get("/v1/reservations", params={"arrival_from": day, "arrival_to": day}).status_code == 200


@given(
    st.datetimes(),
    st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_a_moment_that_is_accepted_can_be_told_in_every_zone(moment: datetime, zone: timezone) -> None:
    try:
        taken = TypeAdapter(Moment).validate_python(moment.replace(tzinfo=zone).isoformat())
    except ValidationError:
        assert not 2 <= moment.year <= 9997
    else:
        assert taken == moment.replace(tzinfo=zone)
        taken.astimezone(timezone(timedelta(hours=23)))


def test_a_plus_that_arrives_as_a_blank_is_read_as_a_plus(client: TestClient, operator: TestClient) -> None:
    later = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%S}"
    for offset in ("+00:00", "+0000", "%2B00:00", "Z", " 00:00"):
        answer = client.get(f"/v1/reservations?updated_since={later}{offset}")
        assert (answer.status_code, answer.json().get("reservations")) == (200, []), offset
    assert client.get("/v1/reservations?updated_since=2026-03-01T00:00:00.5+02:00").status_code == 200
    assert client.get("/v1/reservations?updated_since=2026-03-01 00:00").status_code == 422
    assert operator.get(f"/v1/webhook-events?since={later}+00:00").status_code == 200


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_a_line_holds_no_control_character(text: str) -> None:
    try:
        line = TypeAdapter(Line).validate_python(text)
    except ValidationError:
        return
    assert line.strip() == line
    assert 1 <= len(line) <= 200
    assert not {character for character in line if ord(character) < 32 or 127 <= ord(character) < 160}


def test_texts_that_cannot_be_stored_are_refused(operator: TestClient, warehouse: Connection) -> None:
    everything = "select to_jsonb(a) || (select coalesce(jsonb_agg(t), '[]') from ops.api_tokens t) from ops.accounts a"
    before = warehouse.execute(everything).fetchall()
    for text in ODD_TEXTS:
        requests = [
            ("POST", "/v1/accounts/701/tokens", {"name": text, "scopes": ["read:calendar"]}),
            ("PATCH", "/v1/accounts/701", {"name": text}),
            ("PATCH", "/v1/accounts/701", {"client_secret": text}),
            ("POST", "/v1/accounts", {"client_id": 701, "client_secret": "secret-701", "name": text}),
            ("POST", "/v1/webhook-events/discard", {"object": text}),
            ("POST", "/v1/webhook-events/replay", {"object": text}),
        ]
        if text.strip():
            requests.append(("PATCH", "/v1/accounts/701", {"state": "disabled", "reason": text}))
        for method, path, body in requests:
            assert operator.request(method, path, json=body).status_code == 422, (path, body)
        assert operator.get("/v1/webhook-events", params={"object": text}).status_code == 422
    assert warehouse.execute(everything).fetchall() == before


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_only_true_means_all_events(operator: TestClient, action: str) -> None:
    for choice in (1, 1.0, "true", "True", "yes", "1", [True], {"all": True}, 0, False, None):
        assert operator.post(f"/v1/webhook-events/{action}", json={"all": choice}).status_code == 422, choice
    assert operator.post(f"/v1/webhook-events/{action}", json={"since": 0}).status_code == 422


NO_HOURS: list[Any] = [True, "4", 4.5, 4.0, [4]]
NO_SWITCHES: list[Any] = [0, 1, "true", "off", None, []]
WRONG_OPTIONS: list[dict[str, Any]] = [
    *({name: value} for name in ("sync_every_hours", "calendar_days_back") for value in NO_HOURS),
    {"calendar_days_ahead": False},
    *({"resources": {"reviews": value}} for value in NO_SWITCHES),
    {"budget_account": 20},
    {"sync_every_hours": 36},
    {"sync_every_hours": 192},
]


def test_an_option_of_another_type_is_refused_and_not_stored(operator: TestClient, warehouse: Connection) -> None:
    stored = registry.get_account(warehouse, 701).options
    for options in WRONG_OPTIONS:
        assert operator.patch("/v1/accounts/701", json={"options": options}).status_code == 422, options
        with pytest.raises(InvalidOptions):
            registry.change_options(warehouse, 701, options)
    assert registry.get_account(warehouse, 701).options == stored


def test_what_is_given_twice_is_refused(client: TestClient, operator: TestClient) -> None:
    body = {"reservation_id": 1, "message": "Hello", "channel_type": "channel"}
    key = ("Idempotency-Key", "a")
    for second in ("a", "b"):
        answer = client.post("/v1/send-message", json=body, headers=[key, ("idempotency-key", second)])
        assert (answer.status_code, answer.json()["errors"][0]["location"]) == (422, "header.idempotency-key")
    twice = f'{{"reservation_id": 2, {json.dumps(body)[1:]}'
    answer = client.post("/v1/send-message", content=twice, headers=[key, ("Content-Type", "application/json")])
    assert (answer.status_code, "given twice" in answer.json()["detail"]) == (422, True)
    login = ("Authorization", client.headers["Authorization"])
    assert client.get("/v1/listings", headers=[login, login]).status_code == 422
    for asking, method, url in (
        (client, "GET", "/v1/calendar/1?start=2026-01-01&end=2026-01-02&end=2026-02-02"),
        (client, "GET", "/v1/reservations?limit=1&limit=2"),
        (operator, "GET", "/v1/webhook-events?account_id=701&account_id=702"),
        (operator, "DELETE", "/v1/accounts/701?purge=false&purge=true&confirm=701"),
    ):
        answer = asking.request(method, url)
        assert (answer.status_code, "given twice" in answer.text) == (422, True), url
    assert operator.get("/v1/accounts/701").status_code == 200
    # A list is given item by item.
    assert operator.get("/v1/webhook-events?state=done&state=dead").status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        b'{"name": "\\ud800", "scopes": ["read:calendar"]}',
        b'{"name": "x", "scopes": ["read:calendar"], "\\ud800": 1}',
        b'{"name": "x", "scopes": ["read:calendar"], "planted\\u0000secret": 1}',
        b'{"name": "\xff", "scopes": ["read:calendar"]}',
        b'{"name": 1e400, "scopes": ["read:calendar"]}',
        b'{"name": ' + b"9" * 5000 + b', "scopes": ["read:calendar"]}',
        b'{"name": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"name": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
        b"[" * 60_000,
        b'{"name": "x", "scopes": [' + b",".join([b'"x"'] * 10_000) + b"]}",
        b'{"name": "x", "scopes": ["read:calendar"], ' + b",".join(b'"k%d":1' % n for n in range(4000)) + b"}",
        b"\xef\xbb\xbf{}",
        b"\x00",
        b"null",
        b"",
    ],
    ids=lambda content: repr(content[:40]),
)
def test_odd_json_is_refused_briefly(operator: TestClient, content: bytes) -> None:
    answer = operator.post("/v1/accounts/701/tokens", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 20_000
    assert "planted" not in answer.text


def test_one_unreadable_row_loses_no_list(operator: TestClient, client: TestClient, warehouse: Connection) -> None:
    text = issue(operator).json()["token"]
    for odd in ("infinity", "9999-12-31 23:59:59-14", "20000-01-01"):
        warehouse.execute("update ops.api_tokens set expires_at = %s where token_id = %s", (odd, text[4:16]))
        tokens = operator.get("/v1/accounts/701/tokens")
        assert (tokens.status_code, len(tokens.json()["tokens"])) == (200, 2)
        headers = {"Authorization": f"Bearer {text}"}
        assert client.get("/v1/listings", headers=headers).status_code == 200
    assert operator.delete(f"/v1/accounts/701/tokens/{text[4:16]}").json()["revoked_at"]

    for column, odd in (("arrival_date", "20000-01-01"), ("cancelled_at", "infinity"), ("booked_at", "-infinity")):
        found = warehouse.execute(
            f"update hostaway.reservations set {column} = %s where account_id = 701 and reservation_id ="
            " (select min(reservation_id) from hostaway.reservations where account_id = 701) returning reservation_id",
            (odd,),
        ).fetchone()
        assert found
        page = client.get("/v1/reservations", params={"limit": 500})
        assert (page.status_code, len(page.json()["reservations"])) == (200, 60)
        one = client.get(f"/v1/reservations/{found['reservation_id']}").json()["reservation"]
        assert one[column] is None


@pytest.mark.parametrize(
    "refused",
    [
        {"client_secret": "wrong"},
        {"options": {"calendar_days_back": -1}},
        {"state": "active"},
    ],
)
def test_a_change_of_which_a_part_is_refused_changes_nothing(
    operator: TestClient, warehouse: Connection, refused: dict[str, Any], recorded_runs: RecordedRuns
) -> None:
    warehouse.execute(
        "update ops.accounts set state = 'credentials_rejected', state_reason = 'key' where account_id = 701"
    )
    whole = "select * from ops.accounts where account_id = 701"
    before, secret = warehouse.execute(whole).fetchone(), secrets_store(warehouse).get(701, CLIENT_SECRET)
    body = {"name": "Renamed", "options": {"calendar_days_back": 3}, **refused}
    assert operator.patch("/v1/accounts/701", json=body).status_code in (409, 422)
    assert warehouse.execute(whole).fetchone() == before
    assert secrets_store(warehouse).get(701, CLIENT_SECRET) == secret
    assert recorded_runs.runs == []


def test_a_change_that_the_database_refuses_at_its_end_changes_nothing(
    operator: TestClient, warehouse: Connection, simulator: RunningSimulator
) -> None:
    warehouse.execute("alter table ops.secrets add constraint nothing_new check (updated_at < now()) not valid")
    before = registry.get_account(warehouse, 701)
    simulator.control.set_secret(701, "renewed")
    body = {"name": "Renamed", "state": "disabled", "client_secret": "renewed", "options": {"calendar_days_back": 3}}
    assert operator.patch("/v1/accounts/701", json=body).status_code == 500
    assert registry.get_account(warehouse, 701) == before


def test_etags_that_proxies_rewrote_are_known(client: TestClient) -> None:
    first = client.get("/v1/listings")
    digest = first.headers["ETag"].removeprefix('W/"').removesuffix('"')
    for known in (
        f'"{digest}"',
        f'W/"{digest}"',
        f'"{digest}-gzip"',
        f'W/"{digest}-gzip"',
        f'"{digest}--gzip"',
        f'"{digest}-br"',
        f'"{digest};gzip"',
        f'"other", W/"{digest}"',
        "*",
    ):
        assert client.get("/v1/listings", headers={"If-None-Match": known}).status_code == 304, known
    for unknown in ('"other"', f'"{digest[:-1]}"', f'"{digest}0"', "", f'"{digest.upper()}x"'):
        assert client.get("/v1/listings", headers={"If-None-Match": unknown}).status_code == 200, unknown


def test_head_is_answered_as_get_without_a_body(client: TestClient, operator: TestClient) -> None:
    for path in ("/health", "/v1/listings", "/v1/reservations", "/v1/accounts", "/docs", "/openapi.json", "/v1/x"):
        asking = client if path.startswith(("/v1/l", "/v1/r")) else operator
        get, head = asking.get(path), asking.head(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert head.headers["content-type"] == get.headers["content-type"]
    assert client.head("/v1/send-message").status_code == 405


def test_only_true_ends_a_webhook_password_at_once(operator: TestClient) -> None:
    for choice in (1, 1.0, "true", "yes", "1", [True], None):
        assert operator.post("/v1/accounts/701/webhook/rotate", json={"now": choice}).status_code == 422, choice
