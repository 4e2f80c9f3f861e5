"""Planted secrets are looked for wherever something is written or told: nowhere but in their place.

What Airflow itself keeps (task logs, XComs, rendered fields) is looked through in tests/acceptance/test_api.py.
"""

from __future__ import annotations

import base64
import json
import logging
import traceback
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fastapi.testclient import TestClient
from psycopg import sql

from api_helpers import Login, RecordedRuns
from sync_hostaway.accounts import registry
from sync_hostaway.accounts.secrets.store import ACCESS_TOKEN, CLIENT_SECRET, WEBHOOK_PASSWORD, secrets_store
from sync_hostaway.accounts.snapshot_refresh import refreshed_snapshot
from sync_hostaway.accounts.webhook_endpoints import ensure_endpoint
from sync_hostaway.api.app import create_app
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

SECRET = "planted/secret+of=703ü"


def spellings(secret: str) -> set[str]:
    """A secret as it is, in a URL, in base64, in JSON and in PostgreSQL's bytea."""
    raw = secret.encode()
    return {
        secret,
        quote(secret, safe=""),
        base64.b64encode(raw).decode().rstrip("="),
        secret.encode("unicode_escape").decode(),
        raw.hex(),
    }


def found_in(text: str, secrets: dict[str, str]) -> set[str]:
    return {name for name, secret in secrets.items() for spelling in spellings(secret) if spelling in text}


def whole_database(warehouse: Connection) -> Iterator[tuple[str, str]]:
    """Every table of every schema of ours, as text."""
    tables = warehouse.execute(
        "select schemaname as s, tablename as t from pg_tables where schemaname !~ '^(pg_|information_schema)'"
    ).fetchall()
    for row in tables:
        query = sql.SQL("select coalesce(string_agg(to_jsonb(whole)::text, ' '), '') as text from {} as whole")
        [found] = warehouse.execute(query.format(sql.Identifier(row["s"], row["t"])))
        yield f"{row['s']}.{row['t']}", found["text"]


class Told:
    """What the API answered, headers and bodies."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.texts: list[str] = []

    def __call__(self, method: str, path: str, **options: Any) -> Any:
        answer = self.client.request(method, path, **options)
        self.texts.append(f"{answer.headers} {answer.text}")
        return answer


def test_planted_secrets_stay_where_they_belong(
    warehouse: Connection,
    simulator: RunningSimulator,
    login: Login,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    # The caller's own log, of the URLs that it asks for.
    caplog.set_level(logging.WARNING, "httpx2")
    simulator.control.add_account(703, SECRET, {"listings": 2, "reservations": 20, "conversations": 10})
    errors: list[str] = []

    def fails(*arguments: Any, **options: Any) -> None:
        try:
            registry.rotate_secret(*arguments, **options)
        except SyncHostawayError as error:
            errors.append("".join(traceback.format_exception(error)))

    with TestClient(create_app(RecordedRuns()), headers=login("op"), raise_server_exceptions=False) as client:
        tell = Told(client)
        assert tell("POST", "/v1/accounts", json={"client_id": 703, "client_secret": SECRET}).status_code == 201
        ensure_endpoint(warehouse, 703)
        # Shown once, in the one answer that is not looked through.
        issued = client.post("/v1/accounts/703/tokens", json={"name": "app", "scopes": ["read:calendar"]}).json()
        store = secrets_store(warehouse)
        secrets = {
            "API key": SECRET,
            "access token": json.loads(store.get(703, ACCESS_TOKEN) or "")["value"],
            "webhook password": str(store.get(703, WEBHOOK_PASSWORD)),
            "API token": issued["token"],
            "Fernet key": get_settings().fernet_keys()[0],
            "operator's token": login("op")["Authorization"].removeprefix("Bearer "),
        }
        assert store.get(703, CLIENT_SECRET) == SECRET
        assert all(len(secret) > 20 for secret in secrets.values())

        assert all(result.is_complete for result in sync_account(warehouse, 703, Mode.FULL))
        # As a parse of the Dag files does.
        assert refreshed_snapshot(get_settings().snapshot_file).accounts
        for method, path, options in (
            ("GET", "/v1/accounts", {}),
            ("GET", "/v1/accounts/703", {}),
            ("GET", "/v1/accounts/703/tokens", {}),
            ("GET", "/v1/listings", {"headers": {"Authorization": f"Bearer {issued['token']}"}}),
            ("GET", "/v1/reservations/1", {"headers": {"Authorization": f"Bearer {issued['token']}"}}),
            ("POST", "/v1/accounts", {"json": {"client_id": 704, "client_secret": SECRET}}),
            ("POST", "/v1/accounts", {"json": {"client_id": "x", "client_secret": SECRET, "more": SECRET}}),
            ("POST", "/v1/accounts", {"content": f'{{"client_secret": "{SECRET}", '}),
            ("PATCH", "/v1/accounts/703", {"json": {"client_secret": SECRET, "options": {"x": SECRET}}}),
            ("PATCH", "/v1/accounts/703", {"json": {"options": {"budget_account": SECRET}}}),
            ("GET", "/v1/nothing", {"params": {"token": issued["token"]}}),
        ):
            tell(method, path, **options)

        # Trouble, whose messages quote what was asked: faults, a key that is refused, a server that is away.
        simulator.control.set_secret(703, "another")
        # Not with requests: the log of this test's own request would have the token.
        revoked = f"{simulator.url}/v1/accessTokens?" + urlencode({"token": secrets["access token"]})
        urllib.request.urlopen(urllib.request.Request(revoked, method="DELETE"), timeout=10).close()
        assert not all(result.is_complete for result in sync_account(warehouse, 703, Mode.INCREMENTAL))
        fails(warehouse, 703, SECRET)
        simulator.control.set_secret(703, SECRET)
        assert registry.get_account(warehouse, 703).state == "credentials_rejected"
        monkeypatch.setenv("HOSTAWAY_API_URL", "http://127.0.0.1:9")
        monkeypatch.setattr("sync_hostaway.hostaway.client.MAX_ATTEMPTS", 2)
        get_settings.cache_clear()
        fails(warehouse, 703, SECRET)
        tell("PATCH", "/v1/accounts/703", json={"client_secret": SECRET})
        assert len(errors) == 2

    told = {f"answer {number}": text for number, text in enumerate(tell.texts)}
    raised = {f"exception {number}": text for number, text in enumerate(errors)}
    captured = capfd.readouterr()
    written = {"log": caplog.text, "stdout": captured.out, "stderr": captured.err}
    files = {
        str(file): file.read_text(errors="replace")
        for file in get_settings().home.rglob("*")
        if file.is_file() and "accounts" in file.name
    }
    assert files
    everywhere = told | raised | written | files | dict(whole_database(warehouse))
    leaks = {place: names for place, text in everywhere.items() if (names := found_in(text, secrets))}
    assert leaks == {}


def test_the_search_would_find_them(warehouse: Connection) -> None:
    for stored in (SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode()):
        warehouse.execute("update ops.accounts set name = %s where account_id = 701", [stored])
        assert sorted(place for place, text in whole_database(warehouse) if found_in(text, {"planted": SECRET})) == [
            "ops.account_changes",
            "ops.accounts",
        ]
