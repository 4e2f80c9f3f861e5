"""--json: the same shape on stdout for every terminal, encoding and time zone; messages on stderr."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from sync_hostaway.accounts import api_tokens
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.cli import main as cli
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Resource

pytestmark = pytest.mark.integration


def data(*arguments: str, exit_code: int = 0, **environment: str) -> Any:
    result = CliRunner(env={"COLUMNS": "20", **environment}).invoke(cli.app, [*arguments, "--json"])
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def test_every_listing_command_prints_what_the_page_says(
    warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sessions of this process show times in another zone.
    monkeypatch.setenv("PGTZ", "Asia/Kolkata")
    warehouse.execute("update ops.accounts set name = 'Zoë', created_at = '2026-01-02T03:04:05Z'")
    api_tokens.issue(warehouse, account, "Site", [Scope.READ_CALENDAR], None)
    warehouse.execute(
        "insert into ops.webhook_events (account_id, event, object, object_id, body, content_hash, state, received_at)"
        " values (701, 'reservation.created', 'reservation', 5, '{\"id\": 5}', sha256('x'), 'pending',"
        " '2026-01-02T03:04:05Z')"
    )
    (listed,) = data("accounts", "list")
    assert (listed["account_id"], listed["name"], listed["state"]) == (701, "Zoë", "active")
    assert listed["created_at"] == "2026-01-02T03:04:05Z"
    assert listed["webhook"]["state"] == "unregistered"
    (token,) = data("tokens", "list", "701")
    assert (token["name"], token["scopes"], token["revoked_at"]) == ("Site", [Scope.READ_CALENDAR], None)
    (event,) = data("webhooks", "list")
    assert (event["object"], event["object_id"], event["received_at"]) == ("reservation", 5, "2026-01-02T03:04:05Z")
    assert data("webhooks", "show", str(event["event_id"]))["body"] == {"id": 5}
    status = data("local", "status")
    assert status["running"] is False
    assert {part["name"] for part in status["components"]} >= {"postgres", "scheduler"}
    shown = CliRunner().invoke(cli.app, ["webhooks", "list"]).stdout
    assert "2026-01-02 03:04:05" in shown
    assert "received (UTC)" in shown


def test_a_sync_and_a_transform_tell_scripts_what_they_did(account: int) -> None:
    done = data("sync", "--account", "701", "--mode", "full", "--resource", "listings", "--resource", "users")
    assert (done["account_id"], done["mode"], done["complete"], done["transform"]) == (701, "full", True, None)
    assert [row["resource"] for row in done["resources"]] == [Resource.LISTINGS, Resource.USERS]
    assert done["resources"][0]["new"] == 4
    assert done["pending_loads"] == 2
    assert data("transform")["loads"] == 2
    assert data("transform")["transform_id"] is None
    again = data("sync", "--account", "701", "--resource", "listings", "--transform")
    assert again["transform"]["loads"] == 0
