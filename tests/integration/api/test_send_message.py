"""Guest messages: sent once per idempotency key, also after repeated requests, lost answers and kills."""

from __future__ import annotations

import html
import socket
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from api_helpers import RecordedRuns, a_minute_later, appear, outbox, posts, send
from sync_hostaway.accounts import registry
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.embedded import HOST
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.rate_limiter import RateLimit
from sync_hostaway.simulator import RunningSimulator
from waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("simulator")]


def thread(simulator: RunningSimulator, conversation_id: int, text: str = "Your room is ready.") -> list[Any]:
    """What Hostaway has of a message."""
    token = httpx.post(
        f"{simulator.url}/v1/accessTokens",
        data={"grant_type": "client_credentials", "client_id": "701", "client_secret": "secret-701"},
    ).json()["access_token"]
    rows = httpx.get(
        f"{simulator.url}/v1/conversations/{conversation_id}/messages",
        headers={"Authorization": f"Bearer {token}"},
        params={"limit": 500},
    ).json()["result"]
    return [row for row in rows if row["body"] == text]


def test_a_message_is_sent_lands_at_once_and_is_asked_into_the_tables(
    client: TestClient,
    warehouse: Connection,
    simulator: RunningSimulator,
    reservation: int,
    recorded_runs: RecordedRuns,
) -> None:
    answer = send(client, reservation, "key-1")
    assert answer.status_code == 200, answer.text
    sent = answer.json()
    assert (sent["state"], sent["reservation_id"], sent["channel_type"]) == ("sent", reservation, "channel")
    [message] = thread(simulator, sent["conversation_id"])
    assert (message["id"], message["communicationType"]) == (sent["message_id"], "channel")
    landed = warehouse.execute(
        "select payload ->> 'body' as body from landing.messages where entity_id = %s", (str(sent["message_id"]),)
    ).fetchall()
    assert landed == [{"body": "Your room is ready."}]
    events = warehouse.execute("select event, object_id, state from ops.webhook_events").fetchall()
    assert events == [{"event": "message.sent", "object_id": sent["message_id"], "state": "pending"}]
    assert [asked[0] for asked in recorded_runs.runs] == ["hostaway_delta"]
    assert outbox(warehouse)["body"] == ""


def test_a_repeated_request_gets_the_same_answer_and_sends_nothing(
    client: TestClient, simulator: RunningSimulator, reservation: int
) -> None:
    first, again = send(client, reservation, "key-1"), send(client, reservation, "key-1")
    assert (again.status_code, again.json()) == (200, first.json())
    assert posts(simulator) == 1
    assert send(client, reservation, "key-2").json()["message_id"] != first.json()["message_id"]


def test_a_key_of_another_message_is_refused(client: TestClient, simulator: RunningSimulator, reservation: int) -> None:
    send(client, reservation, "key-1")
    for other in (
        send(client, reservation, "key-1", "Other"),
        send(client, reservation, "key-1", channel_type="email"),
    ):
        assert (other.status_code, other.json()["type"]) == (422, "urn:sync-hostaway:problem:idempotency-key-reused")
    assert posts(simulator) == 1


def test_parallel_requests_with_one_key_send_one_message(
    client: TestClient, simulator: RunningSimulator, reservation: int, answer_now: threading.Event
) -> None:
    simulator.control.fault("slow", match={"method": "POST", "resource": "messages"})
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(send, client, reservation, "key-1") for _ in range(6)]
        eventually(lambda: posts(simulator) == 1 and any(answer.done() for answer in asked))
        answer_now.set()
    answers = [answer.result() for answer in asked]
    statuses = sorted(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    assert posts(simulator) == 1
    assert send(client, reservation, "key-1").status_code == 200
    assert posts(simulator) == 1


@pytest.mark.parametrize("fault", ["cut_json", "html_200"])
def test_an_answer_that_is_lost_is_found_in_the_thread(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int, fault: str
) -> None:
    sent_before = {"cut_json": 1, "html_200": 0}[fault]
    simulator.control.fault(fault, match={"method": "POST", "resource": "messages"})
    answer = send(client, reservation, "key-1")
    entry = outbox(warehouse)
    assert len(thread(simulator, entry["conversation_id"])) == sent_before
    assert (answer.status_code, entry["state"]) == ((200, "sent") if sent_before else (504, "unknown"))


def test_an_unknown_message_is_never_sent_again(
    client: TestClient,
    warehouse: Connection,
    simulator: RunningSimulator,
    reservation: int,
    answer_now: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The token of all that follows: of the first request, nothing but the message waits for an answer.
    with registry.client_for(warehouse, 701) as account:
        account.check_credentials()
    simulator.control.fault("slow", match={"method": "POST", "resource": "messages"})
    with monkeypatch.context() as impatient:
        impatient.setattr("sync_hostaway.hostaway.client.READ_TIMEOUT", 1)
        get_settings.cache_clear()
        answer = send(client, reservation, "key-1")
    get_settings.cache_clear()
    assert (answer.status_code, answer.json()["state"]) == (504, "unknown")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    for minutes in (0, 1, 2, 60, 12 * 60):
        a_minute_later(warehouse, minutes)
        answer = send(client, reservation, "key-1")
        assert (answer.status_code, answer.json()["state"]) == (504, "unknown")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    conversation_id = outbox(warehouse)["conversation_id"]
    assert thread(simulator, conversation_id) == []
    # A slow gateway carries the request out now.
    late = appear(simulator, conversation_id, seconds_ago=0)
    answer = send(client, reservation, "key-1")
    assert (answer.status_code, answer.json().get("message_id")) == (200, late)
    assert (posts(simulator), len(thread(simulator, conversation_id))) == (1, 1)


TEXT = "Olá José, o café é às 8h – naïve “coração” ❤️ & <b> 1 < 2.\nSee you!"


@pytest.mark.parametrize("minutes", [0, 2, 24 * 60 - 2, 24 * 60 + 1])
@pytest.mark.parametrize(
    ("shown", "is_known"),
    [
        (unicodedata.normalize("NFD", TEXT), True),
        (f"<div dir='auto'>{html.escape(html.escape(TEXT))}<br></div>".replace("\n", "\r\n"), True),
        (f"{TEXT}\n\nSent with Hostaway", True),
        ("Good morning", False),
    ],
    ids=["decomposed", "html", "signature", "another text"],
)
def test_the_guest_gets_one_message_in_any_form_and_at_any_time(
    client: TestClient,
    warehouse: Connection,
    simulator: RunningSimulator,
    reservation: int,
    shown: str,
    is_known: bool,
    minutes: int,
) -> None:
    simulator.control.fault("status_5xx", match={"method": "POST", "resource": "messages"})
    assert send(client, reservation, "key-1", TEXT).status_code == 504
    a_minute_later(warehouse, minutes)
    late = appear(simulator, outbox(warehouse)["conversation_id"], seconds_ago=0, text=shown)
    answer = send(client, reservation, "key-1", TEXT)
    expected = (200, "sent", late) if is_known else (504, "unknown", None)
    assert (answer.status_code, answer.json()["state"], answer.json().get("message_id")) == expected
    assert posts(simulator) == 1


@pytest.mark.parametrize("is_incoming", [1, "1", True, "true", "TRUE", " 1 ", "yes", 2])
def test_a_guest_who_repeats_our_words_is_not_taken_for_us(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int, is_incoming: Any
) -> None:
    simulator.control.fault("status_5xx", match={"method": "POST", "resource": "messages"})
    assert send(client, reservation, "key-1").status_code == 504
    stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    values = {"body": "Your room is ready.", "isIncoming": is_incoming, "insertedOn": stamp, "date": stamp}
    values["conversationId"] = outbox(warehouse)["conversation_id"]
    simulator.control.create("messages", values, account_id=701)
    assert send(client, reservation, "key-1").json()["state"] == "unknown"
    assert posts(simulator) == 1


def test_a_new_key_is_the_way_out_of_an_unknown_message(
    client: TestClient, simulator: RunningSimulator, reservation: int
) -> None:
    simulator.control.fault("status_5xx", match={"method": "POST", "resource": "messages"})
    answer = send(client, reservation, "key-1")
    assert "A new key sends it again, and the guest may then get it twice." in answer.json()["detail"]
    assert send(client, reservation, "key-2").status_code == 200
    assert posts(simulator) == 2


def test_a_message_that_could_not_be_sent_leaves_no_trace(
    client: TestClient,
    warehouse: Connection,
    simulator: RunningSimulator,
    reservation: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The stored token is denied, and there is no new one.
    with registry.client_for(warehouse, 701) as account:
        account.check_credentials()
    simulator.control.fault("expire_token", match={"method": "POST", "resource": "messages"})
    simulator.control.fault("status_5xx", match={"method": "POST", "path": "accessTokens"}, times=0)
    assert send(client, reservation, "key-1").status_code == 503
    assert posts(simulator) == 1
    assert warehouse.execute("select from ops.outbox").fetchall() == []
    # Neither a token, nor a connection.
    warehouse.execute("delete from ops.secrets where name = 'access_token'")
    assert send(client, reservation, "key-1").status_code == 503
    simulator.control.clear_faults()
    with monkeypatch.context() as elsewhere, socket.socket() as silent:
        # Nothing listens there.
        silent.bind((HOST, 0))
        elsewhere.setenv("HOSTAWAY_API_URL", f"http://{HOST}:{silent.getsockname()[1]}")
        get_settings.cache_clear()
        assert send(client, reservation, "key-1").status_code == 503
    get_settings.cache_clear()
    assert warehouse.execute("select from ops.outbox").fetchall() == []
    assert send(client, reservation, "key-1").status_code == 200


def test_an_equal_message_of_another_person_is_not_taken_for_ours(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int
) -> None:
    first = send(client, reservation, "key-1").json()
    simulator.control.fault("status_5xx", match={"method": "POST", "resource": "messages"})
    assert send(client, reservation, "key-2").status_code == 504
    late = appear(simulator, first["conversation_id"], seconds_ago=0)
    second = send(client, reservation, "key-2").json()
    assert second["message_id"] == late != first["message_id"]
    assert len(thread(simulator, first["conversation_id"])) == 2


def test_a_refusal_of_hostaway_is_final_for_its_key(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int
) -> None:
    simulator.control.fault("forbid", match={"method": "POST", "resource": "messages"}, message="Guest has left")
    for _ in range(2):
        answer = send(client, reservation, "key-1")
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:sync-hostaway:problem:message-refused")
        said = "The message has failed: Hostaway answered HTTP 403: Guest has left. A new attempt needs a new key."
        assert answer.json()["detail"] == said
    assert posts(simulator) == 1
    assert send(client, reservation, "key-2").status_code == 200


def test_a_throttled_message_leaves_no_trace_and_may_be_sent_again(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int
) -> None:
    simulator.control.fault("status_429", match={"method": "POST", "resource": "messages"})
    answer = send(client, reservation, "key-1")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert send(client, reservation, "key-1").status_code == 200
    assert outbox(warehouse)["attempts"] == 1


def test_an_answer_that_is_no_refusal_leaves_the_outcome_open(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int
) -> None:
    for number, status in enumerate((202, 302, 408)):
        simulator.control.fault("status_5xx", match={"method": "POST", "resource": "messages"}, status=status)
        answer = send(client, reservation, f"key-{number}")
        assert (status, answer.status_code, answer.json()["state"]) == (status, 504, "unknown")
    entry = outbox(warehouse)
    late = appear(simulator, entry["conversation_id"], seconds_ago=0)
    answer = send(client, reservation, "key-0")
    assert (answer.status_code, answer.json().get("message_id")) == (200, late)


def test_the_accounts_limit_holds_over_all_processes(
    client: TestClient, simulator: RunningSimulator, reservation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_hostaway.messaging.outbox_store.SEND_LIMIT", RateLimit(5, 60))
    get_settings.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: send(client, reservation, f"key-{number}"), range(8)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 5 + [429] * 3
    assert posts(simulator) == 5
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_an_account_whose_messages_hang_holds_up_no_other(
    client: TestClient,
    warehouse: Connection,
    simulator: RunningSimulator,
    issue: Any,
    reservation: int,
    answer_now: threading.Event,
) -> None:
    row = warehouse.execute(
        "select min(reservation_id) as theirs from hostaway.conversations where account_id = 702"
    ).fetchone()
    assert row
    on_sending = {"method": "POST", "resource": "messages", "account": 701}
    simulator.control.fault("slow", match=on_sending, times=0)
    with ThreadPoolExecutor(16) as pool:
        hanging = [pool.submit(send, client, reservation, f"key-{number}", f"{number}") for number in range(16)]
        eventually(lambda: posts(simulator) >= 2)
        body = {"reservation_id": row["theirs"], "message": "Hello", "channel_type": "channel"}
        headers = {"Authorization": f"Bearer {issue(702)}", "Idempotency-Key": "theirs"}
        assert client.post("/v1/send-message", json=body, headers=headers).status_code == 200
        assert not any(answer.done() for answer in hanging)
        answer_now.set()
    assert {answer.result().status_code for answer in hanging} == {200}


def test_without_a_landed_conversation_hostaway_is_asked_for_one(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int
) -> None:
    warehouse.execute("delete from hostaway.messages where account_id = 701")
    warehouse.execute("delete from hostaway.conversations where account_id = 701")
    assert send(client, reservation, "key-1").status_code == 200
    without = warehouse.execute(
        "select r.entity_id::bigint as reservation_id from landing.reservations as r"
        " where r.account_id = 701 and not exists (select from landing.conversations as c where c.account_id = 701"
        " and c.payload ->> 'reservationId' = r.entity_id) limit 1"
    ).fetchone()
    assert without
    answer = send(client, without["reservation_id"], "key-2")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:sync-hostaway:problem:no-conversation")


def test_a_message_to_another_accounts_guest_is_404_and_not_sent(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator
) -> None:
    row = warehouse.execute(
        "select min(reservation_id) as theirs from hostaway.reservations where account_id = 702"
    ).fetchone()
    assert row
    assert send(client, row["theirs"], "key-1").status_code == 404
    assert simulator.control.calls("messages.create") == 0


def test_one_account_cannot_see_the_keys_of_another(
    client: TestClient, warehouse: Connection, issue: Any, reservation: int
) -> None:
    send(client, reservation, "key-1")
    row = warehouse.execute(
        "select min(reservation_id) as ours from hostaway.conversations where account_id = 702"
    ).fetchone()
    assert row
    client.headers["Authorization"] = f"Bearer {issue(702)}"
    assert send(client, row["ours"], "key-1").status_code == 200


def test_an_inactive_account_sends_nothing(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int
) -> None:
    simulator.control.set_secret(701, "new-secret")
    warehouse.execute("delete from ops.secrets where name = 'access_token'")
    assert send(client, reservation, "key-1").status_code == 409
    row = warehouse.execute("select state from ops.accounts where account_id = 701").fetchone()
    assert row == {"state": "credentials_rejected"}
    assert send(client, reservation, "key-1").status_code == 409
    assert posts(simulator) == 0


def test_a_request_that_cannot_be_right_is_refused(
    client: TestClient, simulator: RunningSimulator, reservation: int
) -> None:
    cases: list[tuple[str | None, dict[str, Any]]] = [
        (None, {}),
        ("with space", {}),
        ("k" * 256, {}),
        ("key", {"message": " \n"}),
        ("key", {"message": "\N{ZERO WIDTH SPACE}\N{WORD JOINER}\N{NO-BREAK SPACE}\ufeff"}),
        ("key", {"message": "a\x00b"}),
        ("key", {"message": "a" * 10_001}),
        ("key", {"channel_type": "pigeon"}),
        ("key", {"reservation_id": 0}),
        ("key", {"extra": 1}),
    ]
    for key, fields in cases:
        body = {"reservation_id": reservation, "message": "Hello", "channel_type": "channel", **fields}
        headers = {"Idempotency-Key": key} if key else {}
        answer = client.post("/v1/send-message", json=body, headers=headers)
        assert (key, fields, answer.status_code) == (key, fields, 422)
    lone_surrogate = rb'{"reservation_id": 1, "message": "\ud800", "channel_type": "channel"}'
    for content in (b"{", lone_surrogate, b"\xff", b"[]"):
        answer = client.post("/v1/send-message", content=content, headers={"Idempotency-Key": "key"})
        assert (content, answer.status_code in (400, 422)) == (content, True)
    assert posts(simulator) == 0


SERVER = """
import socket, sys, uvicorn
from api_helpers import RecordedRuns
from sync_hostaway.api.app import create_app
uvicorn.Server(uvicorn.Config(create_app(RecordedRuns()), log_level="warning")).run(
    sockets=[socket.socket(fileno=int(sys.argv[1]))]
)
"""


@contextmanager
def api_process(folder: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The API in a process of its own, ready to serve, and its URL."""
    with socket.create_server((HOST, 0)) as listening:
        number = listening.fileno()
        url = f"http://{HOST}:{listening.getsockname()[1]}"
        process = subprocess.Popen([sys.executable, "-c", SERVER, str(number)], cwd=folder, pass_fds=[number])

    def answers() -> bool:
        assert process.poll() is None
        with suppress(httpx.TransportError):
            httpx.get(f"{url}/nowhere")
            return True
        return False

    try:
        eventually(answers)
        yield process, url
    finally:
        process.kill()
        process.wait()


@contextmanager
def no_message_is_settled(dsn: str) -> Iterator[None]:
    """Writes of sent messages wait until the end of this block."""
    lock = 4_711
    with connect(dsn) as holder:
        holder.execute(
            f"create function pg_temp.wait() returns trigger language plpgsql as"
            f" $$ begin perform pg_advisory_xact_lock({lock}); return new; end $$"
        )
        holder.execute(
            "create trigger wait before update on ops.outbox"
            " for each row when (new.state = 'sent') execute function pg_temp.wait()"
        )
        holder.execute("select pg_advisory_lock(%s)", [lock])
        yield


@pytest.mark.parametrize("moment", ["before Hostaway has it", "after Hostaway has it"])
def test_a_killed_process_sends_no_message_twice_and_loses_none(
    client: TestClient,
    warehouse: Connection,
    warehouse_dsn: str,
    simulator: RunningSimulator,
    reservation: int,
    answer_now: threading.Event,
    moment: str,
    request: pytest.FixtureRequest,
) -> None:
    is_sent = moment.startswith("after")
    if not is_sent:
        simulator.control.fault("slow", match={"method": "POST", "resource": "messages"})
    headers = {"Authorization": client.headers["Authorization"], "Idempotency-Key": "key-1"}
    body = {"reservation_id": reservation, "message": "Your room is ready.", "channel_type": "channel"}
    with (
        no_message_is_settled(warehouse_dsn),
        api_process(str(request.config.rootpath / "tests")) as (process, url),
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(httpx.post, f"{url}/v1/send-message", json=body, headers=headers, timeout=60)
        eventually(lambda: warehouse.execute("select from ops.outbox where state = 'sending'").fetchone() is not None)
        # The outcome cannot be written: this is where the process dies.
        eventually(lambda: thread(simulator, outbox(warehouse)["conversation_id"]) if is_sent else posts(simulator))
        _kill(process, warehouse)
        with pytest.raises(httpx.TransportError):
            answer.result()
    entry = outbox(warehouse)
    assert entry["state"] == "sending"
    simulator.control.clear_faults()
    again = send(client, reservation, "key-1")
    if not is_sent:
        assert (again.status_code, again.json()["state"]) == (504, "unknown")
        a_minute_later(warehouse, 5)
        assert send(client, reservation, "key-1").status_code == 504
        # Hostaway carries it out, though nothing waits for its answer any more.
        appear(simulator, entry["conversation_id"], seconds_ago=0)
        again = send(client, reservation, "key-1")
    assert again.status_code == 200, again.text
    assert again.json()["message_id"] == thread(simulator, entry["conversation_id"])[0]["id"]
    assert len(thread(simulator, entry["conversation_id"])) == 1
    assert posts(simulator) == 1


def _kill(process: subprocess.Popen[bytes], warehouse: Connection) -> None:
    """kill -9; and its sessions end, as they do when PostgreSQL notices."""
    process.kill()
    process.wait()
    end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sync-hostaway outbox'"
    eventually(lambda: not warehouse.execute(end).fetchall())
