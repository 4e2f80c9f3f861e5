"""Messages without an answer are looked for without a caller, and their text is deleted: nothing is sent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from api_helpers import a_minute_later, appear, outbox, posts, send
from sync_hostaway.accounts.registry import disable_account
from sync_hostaway.core.db import Connection, advisory_lock, connect
from sync_hostaway.messaging.outbox_maintenance import reconcile_outbox
from sync_hostaway.privacy.erase import erase_guest
from sync_hostaway.simulator import RunningSimulator
from waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("simulator")]


@pytest.fixture
def unanswered(client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int) -> int:
    """The conversation of `key-1`, a message that Hostaway did not answer a minute ago."""
    simulator.control.fault("status_5xx", match={"method": "POST", "resource": "messages"})
    assert send(client, reservation, "key-1").status_code == 504
    a_minute_later(warehouse)
    return int(outbox(warehouse)["conversation_id"])


def settled(**counts: int) -> dict[str, int]:
    return {"sent": 0, "open": 0, "given_up": 0, **counts}


def test_a_message_without_a_repeated_request_is_found_in_its_conversation(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int, unanswered: int
) -> None:
    assert reconcile_outbox(warehouse) == settled(open=1)
    late = appear(simulator, unanswered, seconds_ago=60)
    assert reconcile_outbox(warehouse) == settled(sent=1)
    assert (outbox(warehouse)["message_id"], outbox(warehouse)["body"]) == (late, "")
    assert warehouse.execute("select object_id from ops.webhook_events").fetchall() == [{"object_id": late}]
    assert send(client, reservation, "key-1").json()["message_id"] == late
    assert posts(simulator) == 1


@pytest.mark.parametrize("state", ["unknown", "sending"])
def test_a_message_that_is_not_found_stays_unknown_and_leaves_no_text_after_a_day(
    client: TestClient,
    warehouse: Connection,
    simulator: RunningSimulator,
    reservation: int,
    unanswered: int,
    state: str,
) -> None:
    warehouse.execute("update ops.outbox set state = %s", (state,))
    a_minute_later(warehouse, 90)
    assert reconcile_outbox(warehouse) == settled()
    assert outbox(warehouse)["body"]
    a_minute_later(warehouse, 24 * 60)
    assert reconcile_outbox(warehouse) == settled(given_up=1)
    entry = outbox(warehouse)
    assert (entry["state"], entry["body"]) == ("unknown", "")
    assert reconcile_outbox(warehouse) == settled()
    answer = send(client, reservation, "key-1")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:sync-hostaway:problem:message-unknown")
    assert "A new key sends it" in answer.json()["detail"]
    assert posts(simulator) == 1


def test_a_conversation_that_is_deleted_proves_nothing(
    client: TestClient, warehouse: Connection, simulator: RunningSimulator, reservation: int, unanswered: int
) -> None:
    simulator.control.delete("conversations", unanswered, account_id=701)
    assert reconcile_outbox(warehouse) == settled(open=1)
    assert send(client, reservation, "key-1").json()["state"] == "unknown"
    a_minute_later(warehouse, 24 * 60)
    assert reconcile_outbox(warehouse) == settled(given_up=1)
    assert posts(simulator) == 1


def test_what_cannot_be_looked_up_now_is_left_for_later(
    warehouse: Connection, warehouse_dsn: str, simulator: RunningSimulator, unanswered: int
) -> None:
    for fault in ("status_429", "status_5xx"):
        simulator.control.fault(fault, match={"method": "GET", "resource": "messages"})
        assert reconcile_outbox(warehouse) == settled(open=1)
    with connect(warehouse_dsn) as sender, advisory_lock(sender, "outbox key-1", 701):
        assert reconcile_outbox(warehouse) == settled(open=1)
    disable_account(warehouse, 701)
    assert reconcile_outbox(warehouse) == settled()
    assert outbox(warehouse)["state"] == "unknown"


def test_an_erased_guest_leaves_no_text_of_a_message_without_an_answer(
    warehouse: Connection, simulator: RunningSimulator, reservation: int, unanswered: int
) -> None:
    erase_guest(warehouse, 701, reservation)
    entry = outbox(warehouse)
    assert (entry["state"], entry["body"]) == ("failed", "")
    assert "the guest was erased" in entry["reason"]
    assert reconcile_outbox(warehouse) == settled()


def test_a_guest_who_is_erased_while_the_thread_is_read_gets_nothing(
    client: TestClient,
    warehouse: Connection,
    simulator: RunningSimulator,
    reservation: int,
    unanswered: int,
    answer_now: threading.Event,
) -> None:
    simulator.control.fault("slow", match={"method": "GET", "resource": "messages"})
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(send, client, reservation, "key-1")
        eventually(lambda: simulator.control.faults()[-1]["applied"])
        erase_guest(warehouse, 701, reservation)
        answer_now.set()
        assert answer.result().status_code == 422
    assert posts(simulator) == 1


@pytest.mark.parametrize(("hostaway", "outcome", "status"), [("slow", "sent", 200), ("status_5xx", "failed", 422)])
def test_a_guest_may_be_erased_while_a_message_is_on_its_way(
    client: TestClient,
    warehouse: Connection,
    simulator: RunningSimulator,
    reservation: int,
    answer_now: threading.Event,
    hostaway: str,
    outcome: str,
    status: int,
) -> None:
    on_sending = {"method": "POST", "resource": "messages"}
    simulator.control.fault("slow", match=on_sending)
    if hostaway != "slow":
        simulator.control.fault(hostaway, match=on_sending)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(send, client, reservation, "key-1")
        eventually(lambda: posts(simulator) == 1)
        erase_guest(warehouse, 701, reservation)
        assert outbox(warehouse)["state"] == "failed"
        answer_now.set()
        assert answer.result().status_code == status
    entry = outbox(warehouse)
    assert (entry["state"], entry["body"]) == (outcome, "")
