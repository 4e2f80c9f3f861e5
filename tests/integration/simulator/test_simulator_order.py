"""The documented sort orders of reservations, and servers that keep to them badly."""

from __future__ import annotations

from typing import Any

import pytest

from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

RECEIVED, SENT = "lastConversationMessageReceivedDesc", "lastConversationMessageSentDesc"


def ids(client: Any, order: str | None = None, **params: Any) -> list[int]:
    given = {"sortOrder": order} if order else {}
    return [row["id"] for row in client.rows("reservations", **given, **params)]


def write_to(simulator: RunningSimulator, reservation_id: int, *, incoming: bool, **options: Any) -> None:
    threads = simulator.control.objects("conversations", 701, limit=1_000)
    thread = next(item["id"] for item in threads if item["reservationId"] == reservation_id)
    fields = {"conversationId": thread, "isIncoming": int(incoming)}
    simulator.control.create("messages", fields, account_id=701, emit=False, **options)


def test_a_message_moves_its_reservation_to_the_front_of_its_order(simulator: RunningSimulator, client: Any) -> None:
    simulator.control.advance_clock(86_400)
    last = next(id for id in reversed(ids(client, RECEIVED, limit=500)) if has_thread(simulator, id))
    sent = ids(client, SENT)
    write_to(simulator, last, incoming=True)
    assert ids(client, RECEIVED)[0] == last
    assert ids(client, SENT) == sent
    write_to(simulator, last, incoming=False)
    assert ids(client, SENT)[0] == last


def has_thread(simulator: RunningSimulator, reservation_id: int) -> bool:
    threads = simulator.control.objects("conversations", 701, limit=1_000)
    return any(item["reservationId"] == reservation_id for item in threads)


def test_a_message_may_leave_the_stamps_of_its_reservation_alone(simulator: RunningSimulator, client: Any) -> None:
    simulator.control.advance_clock(86_400)
    first = next(id for id in ids(client, limit=500) if has_thread(simulator, id))
    before = client.get(f"reservations/{first}").json()["result"]["updatedOn"]
    write_to(simulator, first, incoming=True, bump=False)
    assert client.get(f"reservations/{first}").json()["result"]["updatedOn"] == before
    assert ids(client, RECEIVED)[0] == first


def test_a_server_that_ignores_the_sort_order(simulator: RunningSimulator, client: Any) -> None:
    assert ids(client, RECEIVED) != ids(client)
    simulator.control.fault("ignore", parameter="sortOrder", times=0)
    assert ids(client, RECEIVED) == ids(client, SENT) == ids(client)


def test_a_server_that_gives_fewer_rows_than_asked(simulator: RunningSimulator, client: Any) -> None:
    simulator.control.fault("page_cap", rows=3, times=0)
    answer = client.get("reservations", limit=20).json()
    assert len(answer["result"]) == 3
    assert answer["count"] > 3


def test_rows_of_equal_stamps_change_places(simulator: RunningSimulator, client: Any) -> None:
    simulator.control.touch("reservations", 10, account_id=701)
    before = ids(client, limit=500)
    simulator.control.fault("swap_ties", times=0)
    swapped, again = ids(client, limit=500), ids(client, limit=500)
    assert swapped != before
    assert sorted(swapped) == sorted(before)
    assert again == before


def test_an_order_that_is_stale(simulator: RunningSimulator, client: Any) -> None:
    simulator.control.fault("stale_order", times=2)
    before = ids(client, limit=500)
    simulator.control.patch("reservations", before[-1], {"hostNote": "x"}, account_id=701)
    assert ids(client, limit=500) == before
    assert ids(client, limit=500)[0] == before[-1]


def test_a_list_the_other_way_round_and_one_without_a_field(simulator: RunningSimulator, client: Any) -> None:
    before = ids(client, limit=500)
    simulator.control.fault("reverse_order")
    assert ids(client, limit=500) == before[::-1]
    simulator.control.fault("blank", field="messageReceivedOn")
    assert all(row["messageReceivedOn"] is None for row in client.rows("conversations", limit=50))
