"""Control over HTTP: truth, changes, faults, accounts, webhooks, the running process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import requests

from sync_hostaway.simulator import ControlError, RunningSimulator, SimulatorConfig, Sizes, running

pytestmark = pytest.mark.integration


def test_truth_agrees_with_the_api(simulator: RunningSimulator, client: Any) -> None:
    truth = simulator.control.truth(701, start="2026-05-01", end="2026-05-10")
    for resource in ("listings", "reservations", "conversations", "users"):
        assert sorted(row["id"] for row in client.rows(resource, limit=500)) == truth["ids"][resource]
    assert truth["counts"]["calendarDays"] == 12 * 10
    photos = sum(len(row["listingImages"]) for row in client.rows("listings"))
    assert truth["counts"]["photos"] == photos
    id = truth["ids"]["reservations"][0]
    listed = next(row for row in client.rows("reservations", limit=500, includeResources=1) if row["id"] == id)
    full = simulator.control.object("reservations", id)
    assert {key: full[key] for key in listed if key not in ("financeField", "remainingBalance")} == {
        key: value for key, value in listed.items() if key not in ("financeField", "remainingBalance")
    }


def test_patch_moves_a_row_to_the_front(simulator: RunningSimulator, client: Any) -> None:
    last = client.rows("reservations", limit=500)[-1]
    patched = simulator.control.patch("reservations", last["id"], {"status": "cancelled", "guestName": "a\x00b\ud83d"})
    first = client.rows("reservations", limit=1)[0]
    assert (first["id"], first["status"], first["guestName"]) == (last["id"], "cancelled", "a\x00b\ud83d")
    assert first["updatedOn"] == patched["updatedOn"] > last["updatedOn"]
    quiet = simulator.control.patch("reservations", last["id"], {"totalPrice": 1}, bump=False)
    assert quiet["updatedOn"] == patched["updatedOn"]
    with pytest.raises(ControlError, match="404"):
        simulator.control.patch("reservations", 1, {})


def test_objects_can_be_created_and_deleted(simulator: RunningSimulator, client: Any) -> None:
    control = simulator.control
    listing = control.create("listings", {"name": "New house"})
    reservation = control.create("reservations", {"listingMapId": listing["id"], "guestName": "Ada"})
    thread = control.create("conversations", {"reservationId": reservation["id"]})
    message = control.create("messages", {"conversationId": thread["id"], "body": "Hi"})
    assert client.get(f"listings/{listing['id']}").json()["result"]["name"] == "New house"
    assert client.rows("reservations", limit=1)[0]["guestName"] == "Ada"
    found = client.rows(f"conversations/{thread['id']}/messages")
    assert [(row["id"], row["isIncoming"]) for row in found] == [(message["id"], 1)]
    control.delete("reservations", reservation["id"])
    assert client.get(f"reservations/{reservation['id']}").status_code == 404
    assert client.get(f"conversations/{thread['id']}").status_code == 404


def test_touch_bumps_a_share_of_rows_at_once(simulator: RunningSimulator, client: Any) -> None:
    ids = simulator.control.touch("reservations", 10)
    assert len(ids) == 26
    front = client.rows("reservations", limit=26)
    assert {row["id"] for row in front} == set(ids)
    assert any(row["latestActivityOn"] < row["updatedOn"] for row in front)


def test_orphans_until_revealed() -> None:
    config = SimulatorConfig(sizes=Sizes(listings=5, reservations=100, orphan_share=0.2), token_delay=0)
    with running(config) as server:
        before = server.control.truth(ids=False)["counts"]["listings"]
        revealed = server.control.reveal()
        assert server.control.truth(ids=False)["counts"]["listings"] == before + len(revealed)


def test_accounts_come_and_go(simulator: RunningSimulator, client: Any) -> None:
    control = simulator.control
    control.add_account(703, "secret-703", {"listings": 2, "reservations": 5})
    assert client.exchange(703, "secret-703").status_code == 200
    control.set_secret(703, "rotated")
    assert client.exchange(703, "secret-703").status_code == 401
    control.remove_account(701)
    assert client.get("users").status_code == 403
    assert control.health()["accounts"] == [702, 703]


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "options", "check"),
    [
        (
            "status_429",
            {"retry_after": 3},
            lambda r: r.status_code == 429 and int(r.headers["X-RateLimit-Retry-After"]),
        ),
        ("status_5xx", {"status": 502}, lambda r: r.status_code == 502),
        ("html_200", {}, lambda r: r.status_code == 200 and r.text.startswith("<!DOCTYPE")),
        ("fail_200", {}, lambda r: r.status_code == 200 and r.json()["status"] == "fail"),
        (
            "forbid",
            {"message": "Dates are not available"},
            lambda r: r.json().get("message") == "Dates are not available",
        ),
        ("half_page", {}, lambda r: len(r.json()["result"]) == 10 and r.json()["limit"] == 20),
        ("count_off", {"by": -7}, lambda r: r.json()["count"] == 253),
        ("half_page", {"keep": 0}, lambda r: r.json()["result"] == []),
        ("count_off", {"by": 0, "form": "absent"}, lambda r: "count" not in r.json()),
        ("count_off", {"by": 0, "form": "text"}, lambda r: r.json()["count"] == "260"),
        ("spell", {}, lambda r: all(isinstance(row["id"], float) for row in r.json()["result"])),
        ("spell", {"form": "padded"}, lambda r: str(r.json()["result"][0]["id"]).startswith("0")),
        ("spell", {"field": "arrivalDate", "form": "slashes"}, lambda r: "/" in r.json()["result"][0]["arrivalDate"]),
        ("cut_json", {"close": False}, lambda r: r.status_code == 200 and not is_json(r.text)),
        ("drift", {"insert": 3, "delete": 1}, lambda r: r.json()["count"] == 262),
        ("bad_row", {"defect": "missing_id"}, lambda r: "id" not in r.json()["result"][0]),
        ("bad_row", {"defect": "impossible_date"}, lambda r: r.json()["result"][0]["arrivalDate"] == "2026-02-31"),
        ("bad_row", {"defect": "unknown_status"}, lambda r: r.json()["result"][0]["status"] == "teleported"),
        ("bad_row", {"defect": "string_for_number"}, lambda r: isinstance(r.json()["result"][0]["totalPrice"], str)),
        ("bad_row", {"defect": "nul_char"}, lambda r: "\x00" in r.json()["result"][0]["guestName"]),
        ("bad_row", {"defect": "lone_surrogate"}, lambda r: "\ud83d" in r.json()["result"][0]["guestName"]),
    ],
)
def test_faults_hit_the_wanted_call_only(
    simulator: RunningSimulator, client: Any, kind: str, options: dict[str, Any], check: Any
) -> None:
    match = {"resource": "reservations", "method": "GET", "account": 701}
    simulator.control.fault(kind, match=match, after=1, **options)
    assert not check(client.get("reservations", limit=20))
    assert check(client.get("reservations", limit=20))
    assert client.get("reservations", limit=20).status_code == 200
    assert simulator.control.faults()[0]["applied"] == 1


def test_repeated_ids(simulator: RunningSimulator, client: Any) -> None:
    first = client.rows("reservations", limit=20)
    simulator.control.fault("repeat_ids")
    assert client.rows("reservations", limit=20, offset=40) == first
    assert client.rows("reservations", limit=20, offset=40) != first


@pytest.mark.parametrize(("kind", "options"), [("reset", {}), ("cut_json", {"close": True})])
def test_transport_faults(simulator: RunningSimulator, client: Any, kind: str, options: dict[str, Any]) -> None:
    simulator.control.fault(kind, match={"path": "^/v1/reservations"}, **options)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.get("reservations")
    assert client.get("reservations").status_code == 200


def test_expired_token_needs_a_new_one(simulator: RunningSimulator, client: Any) -> None:
    simulator.control.fault("expire_token")
    assert client.get("users").status_code == 403
    assert client.get("users").status_code == 403
    client.session.headers["Authorization"] = f"Bearer {client.exchange(701, 'secret-701').json()['access_token']}"
    assert client.get("users").status_code == 200


def test_slow_answers(simulator: RunningSimulator, client: Any) -> None:
    simulator.control.fault("slow", seconds=0.2)
    started = time.monotonic()
    assert client.get("users").status_code == 200
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(
    "rule", [{"kind": "nonsense"}, {"kind": "slow", "second": 1}, {"kind": "bad_row", "defect": "x"}]
)
def test_misspelt_faults_are_refused(simulator: RunningSimulator, rule: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match="400"):
        simulator.control.add_faults([rule])


def test_calls_are_counted_per_account_and_kind(simulator: RunningSimulator, client: Any) -> None:
    client.get("reservations")
    client.get("reservations", offset=100)
    client.get("listings")
    assert simulator.control.calls("reservations.list", 701) == 2
    assert simulator.control.calls("reservations.list", 702) == 0
    assert simulator.control.calls("accessTokens.create") == 1


class Receiver:
    """A webhook endpoint: answers with the next of `statuses`, then 200, and keeps what it got."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.got: Queue[tuple[dict[str, Any], str | None]] = Queue()
        self.probes: list[tuple[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                receiver.probes.append(("GET", self.headers.get("Authorization")))
                self._answer(200)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if "event" not in body:
                    receiver.probes.append(("POST", body))
                    self._answer(200)
                    return
                receiver.got.put((body, self.headers.get("Authorization")))
                self._answer(receiver.statuses.pop(0) if receiver.statuses else 200)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def events(self, count: int) -> list[dict[str, Any]]:
        return [self.got.get(timeout=10)[0] for _ in range(count)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def register(client: Any, receiver: Receiver) -> int:
    body = {"isEnabled": 1, "url": receiver.url, "login": "user", "password": "word"}
    answer = client.call("POST", "webhooks/unifiedWebhooks", json=body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["result"]["id"])


def test_webhooks_are_probed_stored_and_removed(client: Any, receiver: Receiver) -> None:
    id = register(client, receiver)
    assert receiver.probes == [("GET", None), ("POST", {"data": "test"})]
    path = f"webhooks/unifiedWebhooks/{id}"
    changed = client.call("PUT", path, json={"isEnabled": 0}).json()["result"]
    assert (changed["isEnabled"], changed["url"]) == (0, receiver.url)
    assert client.call("DELETE", path).status_code == 200
    assert client.rows("webhooks/unifiedWebhooks") == []
    for url in ("http://127.0.0.1:9/closed", "http://hooks.example:8443/x", "nonsense"):
        assert client.call("POST", "webhooks/unifiedWebhooks", json={"url": url}).status_code == 400


def test_changes_are_delivered_with_basic_auth(simulator: RunningSimulator, client: Any, receiver: Receiver) -> None:
    register(client, receiver)
    thread = client.rows("conversations", limit=1)[0]
    simulator.control.patch("reservations", thread["reservationId"], {"status": "cancelled"})
    body, auth = receiver.got.get(timeout=10)
    assert set(body) == {"object", "event", "accountId", "data"}
    assert (body["event"], body["accountId"], body["data"]["status"]) == ("reservation.updated", 701, "cancelled")
    assert body["data"]["financeField"]
    assert auth == requests.auth._basic_auth_str("user", "word")
    simulator.control.create("messages", {"conversationId": thread["id"], "body": "Hi"})
    simulator.control.create("messages", {"conversationId": thread["id"], "body": "from host", "isIncoming": 0})
    simulator.control.create("reservations")
    simulator.control.wait_delivered()
    assert sorted(event["event"] for event in receiver.events(2)) == ["message.received", "reservation.created"]
    assert receiver.got.empty()
    logs = client.rows("unifiedWebhookLogs")
    assert {(row["event"], row["responseStatus"]) for row in logs} >= {("reservation.updated", 200)}


@pytest.mark.parametrize(
    ("statuses", "attempts"), [([500, 429, 503], 4), ([500] * 4, 4), ([401], 1), ([404], 1), ([], 1)]
)
def test_retries(
    simulator: RunningSimulator, client: Any, receiver: Receiver, statuses: list[int], attempts: int
) -> None:
    register(client, receiver)
    receiver.statuses = list(statuses)
    simulator.control.create("reservations")
    simulator.control.wait_delivered()
    assert receiver.got.qsize() == attempts
    logged = [row["responseStatus"] for row in reversed(client.rows("unifiedWebhookLogs"))]
    assert logged == [*statuses, 200][:attempts]


def test_webhook_is_disabled_after_failing_for_long(login: Any, receiver: Receiver) -> None:
    config = SimulatorConfig(sizes=Sizes(listings=1, reservations=3), token_delay=0, webhook_time_scale=0)
    with running(config) as server:
        client = login(server.url)
        id = register(client, receiver)
        receiver.statuses = [500] * 8
        for _ in range(2):
            server.control.create("reservations")
            server.control.wait_delivered()
        assert client.get(f"webhooks/unifiedWebhooks/{id}").json()["result"]["isEnabled"] == 0


def test_duplicates_and_overtaking(simulator: RunningSimulator, client: Any, receiver: Receiver) -> None:
    register(client, receiver)
    simulator.control.disorder(duplicates=1)
    twice = simulator.control.create("reservations")["id"]
    assert [event["data"]["id"] for event in receiver.events(2)] == [twice, twice]
    simulator.control.disorder(overtaken=1)
    late, early = (simulator.control.create("reservations")["id"] for _ in range(2))
    assert [event["data"]["id"] for event in receiver.events(2)] == [early, late]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_serves_until_stopped(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "url"
    command = [sys.executable, "-m", "sync_hostaway.simulator", "--port", "0", "--ready-file", str(ready)]
    command += ["--listings", "2", "--reservations", "10", "--accounts", "801:key", "--ip-limit", "15/10"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = ready.read_text().strip()
        assert url in line
        assert requests.get(f"{url}/_control/health", timeout=10).json()["accounts"] == [801]
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


def test_command_refuses_bad_options_without_showing_secrets() -> None:
    command = [sys.executable, "-m", "sync_hostaway.simulator", "--accounts", "701=hidden"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "hidden" not in done.stderr
