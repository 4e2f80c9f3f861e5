"""Alerts: one message when something begins to need an operator, one when it ends, never twice."""

from __future__ import annotations

import json
import os
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sync_hostaway.accounts.dag_processors import note_trouble
from sync_hostaway.accounts.registry import (
    client_for,
    disable_account,
    enable_account,
    mark_credentials_rejected,
    rotate_secret,
)
from sync_hostaway.airflow import memory
from sync_hostaway.airflow.notifiers import AlertNotSent, has_notifiers, send
from sync_hostaway.alerts.evaluate import evaluate, open_alerts
from sync_hostaway.alerts.message import TITLES, Message, example_message
from sync_hostaway.alerts.run import evaluate_and_send
from sync_hostaway.cli.alerts import alerts_list
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import WarehouseUnavailable
from sync_hostaway.core.settings import get_settings

ROOT = Path(__file__).resolve().parents[3]


class Inbox:
    """Keeps the messages that are sent to it; refuses them while `refuses` is set."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.refuses = False

    def __call__(self, message: Message) -> None:
        if self.refuses:
            raise AlertNotSent("the mail server does not answer")
        self.messages.append(message)

    @property
    def told(self) -> list[tuple[str, int | None, bool]]:
        """Kind and account of each alert in each message, and whether it had ended."""
        return [
            (alert.kind, alert.account_id, alert.ended_at is not None)
            for message in self.messages
            for alert in message.alerts
        ]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def refuse_key(warehouse: Connection) -> None:
    with client_for(warehouse, 701) as client:
        mark_credentials_rejected(warehouse, client, "invalid_client")


def fail_sync(warehouse: Connection, status: str = "failed") -> None:
    warehouse.execute(
        "insert into ops.sync_runs (account_id, run_key, resource, mode, status, finished_at, error) "
        "values (701, 'scheduled__1', 'listings', 'full', %s, now(), 'HostawayServerError: 502')",
        [status],
    )


def complete_sync(warehouse: Connection) -> None:
    warehouse.execute(
        "insert into ops.sync_runs (account_id, run_key, resource, mode, status, finished_at) "
        "select 701, 'scheduled__2', unnest(resources), 'full', 'complete', now() from ops.account_settings"
    )


def test_an_alert_is_sent_when_it_begins_and_when_it_ends_and_never_twice(
    warehouse: Connection, account: int, inbox: Inbox
) -> None:
    complete_sync(warehouse)
    evaluate(warehouse, inbox)
    assert inbox.told == []
    refuse_key(warehouse)
    for _ in range(3):
        evaluate(warehouse, inbox)
    assert inbox.told == [("key_refused", 701, False)]
    assert "API key not accepted: account 701" in inbox.messages[0].subject
    assert "Store a new API key" in inbox.messages[0].text
    rotate_secret(warehouse, 701, "secret-701")
    for _ in range(3):
        evaluate(warehouse, inbox)
    assert inbox.told == [("key_refused", 701, False), ("key_refused", 701, True)]
    # and once more
    refuse_key(warehouse)
    evaluate(warehouse, inbox)
    assert inbox.told[2:] == [("key_refused", 701, False)]


def test_a_failed_try_with_a_retry_is_no_alert(warehouse: Connection, account: int, inbox: Inbox) -> None:
    complete_sync(warehouse)
    fail_sync(warehouse)
    warehouse.execute("update ops.resource_states set retry_until = now() + interval '1 hour' where failures > 0")
    evaluate(warehouse, inbox)
    assert inbox.told == []
    warehouse.execute("update ops.resource_states set retry_until = null")
    evaluate(warehouse, inbox)
    fail_sync(warehouse, "incomplete")
    evaluate(warehouse, inbox)
    assert inbox.told == [("sync_failing", 701, False)]
    complete_sync(warehouse)
    evaluate(warehouse, inbox)
    assert inbox.told[1:] == [("sync_failing", 701, True)]


def test_a_message_that_was_not_sent_is_sent_later(warehouse: Connection, account: int, inbox: Inbox) -> None:
    complete_sync(warehouse)
    refuse_key(warehouse)
    inbox.refuses = True
    with pytest.raises(AlertNotSent):
        evaluate(warehouse, inbox)
    assert [row["kind"] for row in open_alerts(warehouse)] == ["key_refused"]
    inbox.refuses = False
    evaluate(warehouse, inbox)
    assert inbox.told == [("key_refused", 701, False)]


def test_what_began_and_ended_untold_is_not_told(warehouse: Connection, account: int, inbox: Inbox) -> None:
    complete_sync(warehouse)
    refuse_key(warehouse)
    evaluate(warehouse, None)
    rotate_secret(warehouse, 701, "secret-701")
    evaluate(warehouse, inbox)
    assert inbox.told == []


def test_a_process_that_is_killed_while_it_sends_does_not_send_twice(
    warehouse: Connection, account: int, inbox: Inbox
) -> None:
    complete_sync(warehouse)
    refuse_key(warehouse)

    def killed(message: Message) -> None:
        inbox(message)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(warehouse, killed)
    evaluate(warehouse, inbox)
    assert len(inbox.told) == 1


def test_many_alerts_are_one_message(warehouse: Connection, account: int, inbox: Inbox) -> None:
    warehouse.execute(
        "insert into ops.accounts (account_id, state) "
        "select n, 'credentials_rejected' from generate_series(1000, 1099) as n"
    )
    evaluate(warehouse, inbox)
    [message] = inbox.messages
    assert len(message.alerts) == 100
    assert message.subject.endswith("and 99 more")
    assert "70 more" in message.text


CONDITIONS = {
    "sync_late": "update ops.accounts set created_at = now() - interval '3 days'; delete from ops.resource_states",
    "webhook_off": "insert into ops.webhook_endpoints (account_id, endpoint_key, login, password_digest, state) "
    "values (701, 'k', 'l', sha256('p'), 'failed')",
    "dead_events": "insert into ops.webhook_events (account_id, content_hash, state, reason, finished_at) "
    "values (701, sha256('a'), 'dead', 'out of attempts', now())",
    "quarantine_growing": "insert into ops.quarantine (account_id, resource, severity, reason, payload, payload_hash) "
    "select 701, 'reservations', 'rejected', 'no id', '', sha256(n::text::bytea) from generate_series(1, 10) as n",
    "inbox_stuck": "insert into ops.webhook_events (account_id, content_hash, next_try_at) "
    "values (701, sha256('a'), now() - interval '16 minutes')",
    "transform_failing": "insert into ops.transforms (state, error, finished_at) values ('failed', 'DbtError', now())",
    "transform_late": "insert into ops.loads (account_id, resource, landed_at) "
    "values (701, 'listings', now() - interval '2 hours')",
}


def test_each_condition_is_an_alert_and_a_section_of_the_runbook(
    warehouse: Connection, account: int, inbox: Inbox
) -> None:
    complete_sync(warehouse)
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    for kind, statements in CONDITIONS.items():
        with warehouse.transaction(force_rollback=True):
            for statement in statements.split("; "):
                warehouse.execute(statement)
            rows = warehouse.execute("select kind, remedy from ops.current_conditions()").fetchall()
            assert kind in {row["kind"] for row in rows}
            assert all(row["remedy"] for row in rows)
    for kind in TITLES:
        assert kind == "test" or f"`{kind}`" in runbook, kind


def test_a_day_that_does_not_fit_an_address_is_an_alert_that_names_it(
    warehouse: Connection, account: int, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete_sync(warehouse)
    warehouse.execute("insert into ops.accounts (account_id) values (700)")
    warehouse.execute("update ops.accounts set created_at = now() - interval '30 days'")
    # account 700 mirrors nothing, so that its syncs are not late
    warehouse.execute("update ops.account_settings set resources = '{}' where account_id = 700")
    warehouse.execute(
        "insert into ops.account_days (account_id, day, api_calls) select account_id, today - n, 70000"
        " from ops.accounts cross join generate_series(1, 7) as n"
        " cross join (select (now() at time zone 'UTC')::date as today) as days"
    )
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_IP", "15/10")
    # each account uses one of them
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PROXIES", "http://proxy-a:3128,http://proxy-b:3128")
    get_settings.cache_clear()
    evaluate(warehouse, inbox)
    assert inbox.told == []
    # all calls of one account: its address does not hold them, although both together would
    warehouse.execute("update ops.account_days set api_calls = api_calls * 2 - 20000 where account_id = 701")
    evaluate(warehouse, inbox)
    assert inbox.told == [("budget_exceeded", None, False)]
    [text] = [message.text for message in inbox.messages]
    assert "proxy 1" in text or "proxy 2" in text
    assert "22.2 hours at the limit: 120,000 calls of 1 accounts, at most 129,600 a day" in text
    assert text.count("through address") == 1
    warehouse.execute("update ops.account_days set api_calls = 0 where account_id = 701")
    evaluate(warehouse, inbox)
    assert inbox.told[1:] == [("budget_exceeded", None, True)]


def test_trouble_of_a_dag_processor_is_an_alert_until_it_is_over(warehouse: Connection, inbox: Inbox) -> None:
    note_trouble("hostaway_sync.py", 9.0, 30.0, [])
    evaluate(warehouse, inbox)
    assert inbox.told == []
    note_trouble("hostaway_sync.py", 12.0, 30.0, [701, 705])
    evaluate(warehouse, inbox)
    assert inbox.told == [("accounts_missing", None, False), ("dag_import_slow", None, False)]
    assert "12.0 of 30 s" in inbox.messages[0].text
    assert "2 accounts have Dags and are not in the registry: 701, 705" in inbox.messages[0].text
    warehouse.execute("update ops.dag_processors set noted_at = now() - interval '16 minutes'")
    evaluate(warehouse, inbox)
    assert {(kind, ended) for kind, _, ended in inbox.told[2:]} == {
        ("accounts_missing", True),
        ("dag_import_slow", True),
    }


def test_a_paused_account_ends_its_alerts(warehouse: Connection, account: int, inbox: Inbox) -> None:
    complete_sync(warehouse)
    fail_sync(warehouse)
    evaluate(warehouse, inbox)
    disable_account(warehouse, 701)
    evaluate(warehouse, inbox)
    assert inbox.told == [("sync_failing", 701, False), ("sync_failing", 701, True)]
    enable_account(warehouse, 701)


class Servers:
    """What alerts are sent to: a program that takes JSON, Slack, and a mail server."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.mails: list[str] = []
        self.status = 200
        outer = self

        class Http(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append((self.path, body))
                self.send_response(outer.status)
                self.send_header("Location", f"http://localhost:{outer.http.server_address[1]}/elsewhere")
                self.end_headers()
                self.wfile.write(b"ok")

            def do_GET(self) -> None:
                outer.requests.append((self.path, None))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Tests are quiet."""

        class Smtp(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 test\r\n")
                while line := self.rfile.readline():
                    command = line.split()[0].upper()
                    if command == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        mail = b""
                        while (line := self.rfile.readline()) != b".\r\n":
                            mail += line
                        outer.mails.append(mail.decode())
                    self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")
                    if command == b"QUIT":
                        return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Http)
        self.smtp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp)
        self.smtp.daemon_threads = True
        for server in (self.http, self.smtp):
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self) -> None:
        for server in (self.http, self.smtp):
            server.shutdown()
            server.server_close()


@pytest.fixture
def servers(airflow: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    servers = Servers()
    http, smtp = servers.http.server_address[1], servers.smtp.server_address[1]
    connections = {
        "PAGER": {"conn_type": "http", "host": f"http://127.0.0.1:{http}/alerts"},
        "CHANNEL": {"conn_type": "slackwebhook", "host": f"http://127.0.0.1:{http}/", "password": "T0/B0/secret"},
        "SMTP_DEFAULT": {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": smtp,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "mirror@example.com"},
        },
    }
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    yield servers
    servers.close()


def test_a_message_reaches_mail_slack_and_a_program(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_notifiers(get_settings())
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__ALERT_EMAILS", "ops@example.com, night@example.com")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__ALERT_SLACK_CONNECTION", "channel")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__ALERT_HTTP_CONNECTION", "pager")
    get_settings.cache_clear()
    assert send(example_message(), get_settings()) == ["e-mail", "Slack", "HTTP"]
    [mail] = servers.mails
    assert "night@example.com" in mail
    assert "[Hostaway warning] Test" in mail
    bodies = dict(servers.requests)
    assert bodies["/alerts"]["alerts"][0]["kind"] == "test"
    assert "There is no problem" in bodies["/T0/B0/secret"]["text"]


def test_a_notifier_that_fails_is_named_without_what_it_knows(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", "http://user:planted-password@127.0.0.1:9/")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__ALERT_HTTP_CONNECTION", "pager")
    get_settings.cache_clear()
    with pytest.raises(AlertNotSent, match="HTTP") as error:
        send(example_message(), get_settings())
    assert "planted-password" not in str(error.value) + capsys.readouterr().out


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_alert_that_is_redirected_is_not_sent(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    servers.status = status
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__ALERT_HTTP_CONNECTION", "pager")
    get_settings.cache_clear()
    with pytest.raises(AlertNotSent, match="HTTP"):
        send(example_message(), get_settings())
    assert [path for path, _ in servers.requests] == ["/alerts"]


def test_an_outage_of_the_database_is_one_alert_and_its_end_another(
    servers: Servers, warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__ALERT_HTTP_CONNECTION", "pager")
    get_settings.cache_clear()
    complete_sync(warehouse)
    # Airflow's variables are written by tasks only
    noted: dict[str, str | None] = {}
    monkeypatch.setattr(memory, "recall", noted.get)
    monkeypatch.setattr(memory, "note", noted.__setitem__)
    there = os.environ["WAREHOUSE_URL"]
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://nouser@127.0.0.1:9/away")
    get_settings.cache_clear()
    for _ in range(2):
        with pytest.raises(WarehouseUnavailable):
            evaluate_and_send()
    monkeypatch.setenv("WAREHOUSE_URL", there)
    get_settings.cache_clear()
    for _ in range(2):
        evaluate_and_send()
    alerts = [alert for _, body in servers.requests for alert in body["alerts"]]
    assert [(alert["kind"], alert["ended_at"] is not None) for alert in alerts] == [
        ("database_unreachable", False),
        ("database_unreachable", True),
    ]


def test_the_list_of_alerts_tells_when_no_receiver_is_set(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    alerts_list()
    assert "No receiver of alerts is set" in capfd.readouterr().err
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__ALERT_HTTP_CONNECTION", "pager")
    get_settings.cache_clear()
    alerts_list()
    assert capfd.readouterr().err == ""
