"""The commands around accounts do what the HTTP API does, and say what they did."""

from __future__ import annotations

import json

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from sync_hostaway.accounts import api_tokens, registry
from sync_hostaway.accounts.secrets.store import DatabaseSecretsStore
from sync_hostaway.cli import main as cli
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account

pytestmark = pytest.mark.integration


def call(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(cli.app, list(arguments))


def test_a_token_is_printed_alone_works_and_is_revoked(warehouse: Connection, account: int) -> None:
    issued = call(
        "tokens", "issue", "701", "--name", "Site", "--scope", "read:calendar", "--scope", "send:messages",
        "--expires", "2090-01-01",
    )  # fmt: skip
    assert issued.exit_code == 0, issued.output
    token = api_tokens.verify(warehouse, issued.stdout.strip())
    assert token
    assert token.expires_at
    assert (sorted(token.scopes), token.expires_at.isoformat()[:10]) == (
        ["read:calendar", "send:messages"],
        "2090-01-01",
    )
    listed = call("tokens", "list", "701").stdout
    assert token.token_id in listed
    assert issued.stdout.strip() not in listed
    assert call("tokens", "revoke", "701", token.token_id).exit_code == 0
    assert api_tokens.verify(warehouse, issued.stdout.strip()) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tokens", "issue", "999", "--name", "x", "--scope", "read:calendar"], "Error: Account 999 is not registered"),
        (["tokens", "issue", "701", "--name", " ", "--scope", "read:calendar"], "1 to 200 characters"),
        (["tokens", "list", "999"], "Error: Account 999 is not registered"),
        (["tokens", "revoke", "701", "nosuchtoken"], "Error: Account 701 has no token nosuchtoken"),
        (["accounts", "enable", "999"], "Register it with `sync-hostaway accounts add 999`"),
        (["accounts", "options", "701", "calendar=5"], 'JSON object, such as {"calendar_days_ahead": 365}'),
        (["accounts", "options", "701", '{"calendar": 5}'], "Error: Wrong options of account 701: calendar"),
        (["accounts", "purge", "701", "--confirm", "702"], "neither the name nor the id of account 701"),
        (["guests", "erase", "701", "5", "--yes"], "Error: Account 701 has no guest 5"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said_in_one_line(account: int, arguments: list[str], said: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("arguments", [["accounts", "purge", "701"], ["guests", "erase", "701", "5"]], ids=" ".join)
def test_what_cannot_be_undone_wants_to_be_meant(warehouse: Connection, account: int, arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert "Confirm with --" in result.stderr
    assert registry.get_account(warehouse, account).state == "active"


def test_an_account_is_renamed_disabled_enabled_and_purged(warehouse: Connection, account: int) -> None:
    assert call("accounts", "rename", "701", "Seaside [Homes]").exit_code == 0
    assert call("accounts", "disable", "701", "--reason", "ended").exit_code == 0
    assert registry.get_account(warehouse, account).state == "disabled"
    assert call("accounts", "enable", "701").exit_code == 0
    known = registry.get_account(warehouse, account)
    assert (known.state, known.name) == ("active", "Seaside [Homes]")
    purged = call("accounts", "purge", "701", "--confirm", "Seaside [Homes]")
    assert purged.exit_code == 0, purged.output
    assert "of account 701 deleted" in purged.stdout
    assert registry.list_accounts(warehouse) == []


AGAIN = {
    "rotate": ["accounts", "rotate", "701", "--secret", "secret-701"],
    "add": ["accounts", "add", "701", "--secret", "secret-701"],
}


@pytest.mark.parametrize("arguments", AGAIN.values(), ids=AGAIN.keys())
def test_who_replaces_a_rejected_key_reads_when_the_account_is_synced(
    warehouse: Connection, account: int, arguments: list[str]
) -> None:
    with registry.client_for(warehouse, account) as client:
        registry.mark_credentials_rejected(warehouse, client, "Hostaway said no")
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    assert "starts a sync of what it missed within 15 minutes" in in_one_line(result.stderr)
    assert "sync-hostaway sync --account 701 --mode incremental" in in_one_line(result.stderr)


def test_a_new_key_of_an_account_that_runs_needs_no_sync(warehouse: Connection, account: int) -> None:
    result = call("accounts", "rotate", "701", "--secret", "secret-701")
    assert result.exit_code == 0, result.output
    assert "missed" not in result.stderr


def test_a_new_key_of_a_disabled_account_does_not_enable_it(warehouse: Connection, account: int) -> None:
    registry.disable_account(warehouse, account)
    result = call("accounts", "rotate", "701", "--secret", "secret-701")
    assert "`sync-hostaway accounts enable 701`" in in_one_line(result.stderr)
    assert "missed" in in_one_line(call("accounts", "enable", "701").stderr)


def test_the_list_of_accounts_names_why_webhook_events_are_dead(warehouse: Connection, account: int) -> None:
    sync_account(warehouse, account, Mode.FULL)
    warehouse.execute(
        "insert into ops.webhook_events (account_id, content_hash, state, reason, finished_at)"
        " values (701, sha256('one'), 'dead', 'it names no object', now())"
    )
    reason = "1 dead webhook event: it names no object"
    [listed] = json.loads(call("accounts", "list", "--json").stdout)
    assert (listed["status"], listed["problems"]) == ("warning", [reason])
    assert reason in in_one_line(CliRunner(env={"COLUMNS": "250"}).invoke(cli.app, ["accounts", "list"]).stdout)


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_options_are_shown_and_changed(account: int) -> None:
    assert json.loads(call("accounts", "options", "701").stdout) == {}
    changed = call("accounts", "options", "701", '{"calendar_days_ahead": 60}')
    assert json.loads(changed.stdout) == {"calendar_days_ahead": 60}
    assert json.loads(call("accounts", "options", "701", '{"calendar_days_ahead": null}').stdout) == {}


def test_keys_are_rotated_and_the_old_one_may_go(
    warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = get_settings().fernet_keys()[0], call("secrets", "new-key").stdout.strip()
    assert Fernet(new)
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", f"{new},{old}")
    get_settings.cache_clear()
    assert "2 secrets" in call("secrets", "rotate-key").stdout
    assert "0 secrets" in call("secrets", "rotate-key").stdout
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", new)
    get_settings.cache_clear()
    assert DatabaseSecretsStore(warehouse).get(account, "client_secret") == "secret-701"


HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egpj\nAccount 702 is fine"


def test_no_text_of_a_stranger_acts_on_the_terminal(warehouse: Connection, account: int) -> None:
    warehouse.execute(
        "update ops.accounts set name = %(text)s, state = 'disabled', state_reason = %(text)s", {"text": HOSTILE}
    )
    warehouse.execute(
        "insert into ops.webhook_events (account_id, content_hash, event, object, body, state, reason, finished_at)"
        " values (701, sha256('x'), %(text)s, %(text)s, convert_to(%(text)s, 'UTF8'), 'unreadable', %(text)s, now())",
        {"text": HOSTILE},
    )
    row = warehouse.execute("select event_id from ops.webhook_events").fetchone()
    assert row
    api_tokens.issue(warehouse, 701, "app", [api_tokens.Scope.READ_CALENDAR], None)
    # As an older version may have stored it
    warehouse.execute("update ops.api_tokens set name = %s", [HOSTILE.replace("\n", " ")])
    for command in (
        ["accounts", "list"],
        ["accounts", "name", "701", "x" + HOSTILE],
        ["tokens", "list", "701"],
        ["webhooks", "list"],
        ["webhooks", "show", str(row["event_id"])],
        ["sync", "--account", "701"],
    ):
        output = call(*command).output
        assert not set(output) & set("\x1b\x07\x9b\u202e"), command
        if command[1] != "show":
            assert "\nAccount 702" not in output, command
