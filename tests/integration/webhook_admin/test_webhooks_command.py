"""`sync-hostaway webhooks`: what an operator sees and does."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from sync_hostaway.accounts.status import account_status
from sync_hostaway.accounts.webhook_endpoints import find_endpoint, password_for
from sync_hostaway.api.routes import health
from sync_hostaway.cli import main as cli
from sync_hostaway.core.db import Connection
from sync_hostaway.core.settings import get_settings
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.webhook_admin.maintenance import requested_catch_up_syncs
from webhook_receiver import Receiver, add_bare_account, events

pytestmark = pytest.mark.integration


def call(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "250"}).invoke(cli.app, ["webhooks", *arguments])


def states(warehouse: Connection) -> list[str]:
    return [event["state"] for event in events(warehouse)]


@pytest.fixture
def inbox(receiver: Receiver, warehouse: Connection) -> list[int]:
    """Five events: waiting, done, dead, unreadable, and one of another account. Returns their ids."""
    for id in (1, 2, 3):
        receiver.post({"object": "reservation", "event": "reservation.updated", "data": {"id": id, "guestName": "Zoë"}})
    receiver.post(b"\xff not json")
    add_bare_account(warehouse, 5)
    warehouse.execute(
        "insert into ops.webhook_events (account_id, content_hash, object, object_id, received_at)"
        " values (5, sha256('x'), 'conversationMessage', 9, now() - interval '3 days')"
    )
    warehouse.execute("update ops.webhook_events set state = 'done', finished_at = now() where object_id = 2")
    warehouse.execute(
        "update ops.webhook_events set state = 'dead', reason = 'it was not to be', attempts = 20, finished_at = now()"
        " where object_id = 3"
    )
    return [event["event_id"] for event in events(warehouse)]


def test_list_shows_what_is_asked_for(inbox: list[int]) -> None:
    for filters, wanted in (
        ([], [0, 1, 2, 3, 4]),
        (["--account", "5"], [4]),
        (["--state", "dead", "--state", "unreadable"], [2, 3]),
        (["--object", "reservation"], [0, 1, 2]),
        (["--object", "reservation:3"], [2]),
        (["--object", "9"], [4]),
        (["--since", "2100-01-01"], []),
    ):
        result = call("list", *filters)
        assert result.exit_code == 0, filters
        shown = [line.split("│")[1].strip() for line in result.stdout.splitlines() if line.startswith("│")]
        assert shown == [str(inbox[place]) for place in wanted], filters


def test_list_says_why_an_event_is_dead(inbox: list[int]) -> None:
    assert "it was not to be" in call("list", "--state", "dead").stdout


def test_list_shows_objects_as_the_filter_takes_them(inbox: list[int]) -> None:
    assert "conversationMessage:9" in call("list", "--object", "conversationMessage:9").stdout


@pytest.mark.parametrize("command", ["replay", "discard"])
def test_an_event_that_is_not_there_is_said(inbox: list[int], command: str) -> None:
    result = call(command, str(inbox[0]), "999999")
    assert result.exit_code == 1
    assert "1 event is" in result.stdout
    assert "The other ids do not exist" in result.stderr


@pytest.mark.parametrize("command", [["list", "--account"], ["replay", "--account"], ["register"], ["rotate"]])
def test_an_account_that_is_none_is_named(warehouse: Connection, command: list[str]) -> None:
    result = call(*command, "999")
    assert result.exit_code == 1
    assert "Account 999 is not registered" in result.output


def test_show_has_the_body(inbox: list[int]) -> None:
    assert '"guestName": "Zoë"' in call("show", str(inbox[0])).stdout
    assert "\\xff not json" in call("show", str(inbox[3])).stdout
    assert "no body" in call("show", str(inbox[4])).stdout
    missing = call("show", "999999")
    assert missing.exit_code == 1
    assert "no webhook event 999999" in missing.stderr


def test_replay_brings_back_what_is_chosen(inbox: list[int], warehouse: Connection) -> None:
    assert "1 event is queued again" in call("replay", "--state", "dead").stdout
    event = events(warehouse)[2]
    assert (event["state"], event["attempts"], event["reason"]) == ("pending", 0, None)
    assert states(warehouse) == ["pending", "done", "pending", "unreadable", "pending"]
    assert "1 event is queued again" in call("replay", str(inbox[1])).stdout
    assert states(warehouse)[1] == "pending"


def test_a_replayed_event_does_not_seem_to_wait_since_it_was_received(inbox: list[int], warehouse: Connection) -> None:
    warehouse.execute("update ops.webhook_events set received_at = received_at - interval '20 days'")
    warehouse.execute("delete from ops.webhook_events where account_id = 5 or object_id = 1")
    assert "1 event is queued again" in call("replay", "--state", "dead").stdout
    replayed = events(warehouse)[1]
    assert replayed["state"] == "pending"
    conditions = warehouse.execute("select kind from ops.current_conditions()").fetchall()
    assert "inbox_stuck" not in {row["kind"] for row in conditions}
    assert health._inbox(warehouse).ok
    assert account_status(warehouse, 701).webhook.oldest_pending_seconds < 60
    # When it was received, it still tells: a later delivery of an equal body is another event.
    assert warehouse.execute(
        "select now() - received_at > interval '19 days' as old from ops.webhook_events"
    ).fetchone()


def test_replay_reads_again_what_could_not_be_read(inbox: list[int], warehouse: Connection) -> None:
    assert "0 events are queued again" in call("replay", "--state", "unreadable").stdout
    assert states(warehouse)[3] == "unreadable"
    body = b'{"object":"reservation","event":"reservation.updated","data":{"id":77}}'
    warehouse.execute("update ops.webhook_events set body = %s where state = 'unreadable'", [body])
    assert "1 event is queued again" in call("replay", "--state", "unreadable").stdout
    assert (events(warehouse)[3]["state"], events(warehouse)[3]["object_id"]) == ("pending", 77)


def test_discard_takes_what_waits_or_is_dead(inbox: list[int], warehouse: Connection) -> None:
    assert "2 events are discarded" in call("discard", "--account", "701").stdout
    assert states(warehouse) == ["discarded", "done", "discarded", "unreadable", "pending"]
    assert "2 events are queued again" in call("replay", "--state", "discarded").stdout
    assert states(warehouse) == ["pending", "done", "pending", "unreadable", "pending"]


@pytest.mark.parametrize("command", ["replay", "discard"])
def test_everything_has_to_be_meant(inbox: list[int], warehouse: Connection, command: str) -> None:
    before = states(warehouse)
    refused = call(command)
    assert refused.exit_code == 1
    assert "Name the events by ids" in refused.stderr
    assert states(warehouse) == before
    for empty in ("", " ", ":", "reservation:", ":5", "reservation: "):
        for more in ([], ["--account", "701"], ["--all"]):
            assert call(command, "--object", empty, *more).exit_code == 1
    assert call(command, "--all", "--account", "701").exit_code == 1
    assert call(command, "--state", "").exit_code == call(command, "").exit_code == 2
    assert states(warehouse) == before
    assert call(command, "--all").exit_code == 0
    assert states(warehouse) != before


def test_an_object_that_is_none_is_refused(warehouse: Connection) -> None:
    result = call("list", "--object", "reservation:x")
    assert result.exit_code == 1
    assert "reservation:123" in result.stderr


def test_register_and_rotate(receiver: Receiver, warehouse: Connection, account: int) -> None:
    result = call("register")
    assert result.exit_code == 0, result.output
    assert f"701: registered: {receiver.address}" in result.stdout
    before = find_endpoint(warehouse, 701)
    assert call("rotate", "701").exit_code == 0
    after = find_endpoint(warehouse, 701)
    assert before
    assert after
    assert before.password_digest != after.password_digest
    assert after.password_is_sent
    assert receiver.post({"object": "reservation", "data": {"id": 1}}).status_code == 200, "the old one still works"


def test_a_leaked_password_ends_at_once(receiver: Receiver, warehouse: Connection, account: int) -> None:
    event = {"object": "reservation", "data": {"id": 1}}
    assert call("register").exit_code == 0
    assert call("rotate", "701").exit_code == 0
    assert receiver.post(event).status_code == 200
    assert call("rotate", "701", "--now").exit_code == 0
    assert receiver.post(event).status_code == 401
    endpoint = find_endpoint(warehouse, 701)
    assert endpoint
    assert endpoint.password_is_sent
    new = (endpoint.login.encode(), password_for(warehouse, endpoint).encode())
    assert receiver.post(event, auth=new).status_code == 200
    assert [sync.account_id for sync in requested_catch_up_syncs(warehouse)] == [701], "for what was refused in between"


def test_a_leaked_password_ends_though_hostaway_is_away(
    receiver: Receiver, warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    assert call("register").exit_code == 0
    simulator.control.fault("forbid", match={"resource": "webhooks"}, times=0)
    result = call("rotate", "701", "--now")
    assert result.exit_code == 1
    assert "deliveries are refused" in result.output
    assert receiver.post({"object": "reservation", "data": {"id": 1}}).status_code == 401


def test_what_fails_says_why_and_exits_with_1(
    warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://airflow.example.com:8080")
    get_settings.cache_clear()
    for arguments in (["register"], ["register", "701"], ["rotate", "701"]):
        result = call(*arguments)
        assert result.exit_code == 1
        assert "has port 8080" in result.stdout


def test_polling_only_is_said_plainly(warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTAWAY_API_URL", "https://api.hostaway.example")
    get_settings.cache_clear()
    result = call("register")
    assert result.exit_code == 0
    assert "701: polling: PUBLIC_BASE_URL is not set" in result.stdout
