"""Polls: what they cost, what they find, and what becomes of an account whose heads cannot be relied on."""

from __future__ import annotations

import pytest

import polling_handler
from polling_harness import ACCOUNT, Polling
from sync_hostaway.accounts.registry import change_options
from sync_hostaway.accounts.status import account_status
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.simulator import RunningSimulator, Sizes

pytestmark = pytest.mark.integration


def test_a_poll_in_which_nothing_changed_costs_three_calls(polling: Polling) -> None:
    polling.calls()
    result = polling.poll()
    assert polling.calls() == 3
    assert [(poll.calls, poll.events, poll.method) for poll in result.accounts] == [(3, 0, "heads")]


def test_a_change_and_messages_of_both_directions_land(polling: Polling) -> None:
    threads = polling.threads()
    polling.control.patch("reservations", threads[5]["reservationId"], {"hostNote": "late"}, account_id=ACCOUNT)
    received = polling.write(threads[-1]["id"])
    polling.pause(1)
    sent = polling.write(threads[-2]["id"], incoming=False)
    result = polling.poll()
    assert polling.landed("reservations")[threads[5]["reservationId"]]["hostNote"] == "late"
    assert {received, sent} <= polling.landed("messages").keys()
    assert polling.sees_all() == set()
    assert {(event["source"], event["state"]) for event in polling.events()} == {("poll", "done")}
    assert result.accounts[0].events == len(polling.events())


def test_a_second_message_to_the_newest_conversation_lands(polling: Polling) -> None:
    thread = polling.threads()[3]["id"]
    polling.write(thread)
    polling.poll()
    polling.pause()
    again = polling.write(thread)
    polling.poll()
    assert again in polling.landed("messages")


def test_what_a_sync_has_read_costs_a_poll_nothing(polling: Polling) -> None:
    polling.control.touch("reservations", 20, account_id=ACCOUNT)
    polling.pause()
    polling.sync(Resource.RESERVATIONS)
    polling.calls()
    polling.poll()
    assert polling.events() == []
    assert polling.calls() == 3


def test_a_new_reservation_with_a_conversation_lands_with_its_messages(polling: Polling) -> None:
    created = polling.control.create("reservations", {}, account_id=ACCOUNT, emit=False)
    fields = {"reservationId": created["id"]}
    thread = polling.control.create("conversations", fields, account_id=ACCOUNT, emit=False)["id"]
    message = polling.write(thread)
    polling.poll()
    assert created["id"] in polling.landed("reservations")
    assert thread in polling.landed("conversations")
    assert message in polling.landed("messages")


def test_deleted_reservations_let_others_slide_up_and_nothing_is_read(polling: Polling) -> None:
    for reservation in list(polling.landed("reservations"))[:5]:
        polling.control.delete("reservations", reservation, account_id=ACCOUNT)
    polling.calls()
    polling.poll()
    assert polling.events() == []
    assert polling.calls() == 3


def test_a_killed_poll_loses_nothing(polling: Polling) -> None:
    """Heads are replaced in the transaction that puts the events: one without the other cannot be."""
    polling.warehouse.execute(
        "create function ops.refuse_for_the_test() returns trigger language plpgsql as"
        " $$ begin raise 'no events today'; end $$;"
        " create trigger refuse_for_the_test before insert on ops.webhook_events"
        " for each row execute function ops.refuse_for_the_test()"
    )
    message = polling.write(polling.threads()[7]["id"])
    assert polling.poll().accounts[0].error
    polling.warehouse.execute("drop trigger refuse_for_the_test on ops.webhook_events")
    polling.poll()
    assert message in polling.landed("messages")
    assert polling.state()["error"] is None


@pytest.mark.parametrize("changes", [30, 60])
def test_changes_between_the_first_sync_and_the_first_poll_land(mirrored: Polling, changes: int) -> None:
    mirrored.control.touch("reservations", changes, account_id=ACCOUNT)
    for thread in mirrored.threads()[:30]:
        mirrored.write(thread["id"])
    mirrored.poll()
    assert mirrored.sees_all() == set()


@pytest.mark.parametrize("sizes", [Sizes(listings=1, reservations=0, conversations=0)])
def test_the_first_reservations_of_an_account_land_with_their_messages(polling: Polling) -> None:
    for _ in range(30):
        created = polling.control.create("reservations", {}, account_id=ACCOUNT, emit=False)
        fields = {"reservationId": created["id"]}
        polling.write(polling.control.create("conversations", fields, account_id=ACCOUNT, emit=False)["id"])
    polling.poll()
    assert polling.sees_all() == set()
    assert len(polling.landed("messages")) >= 30


@pytest.mark.parametrize("polling_option", ["always", "list"])
def test_a_poll_during_the_first_sync_leaves_conversations_to_it(
    warehouse: Connection, simulator: RunningSimulator, account: int, polling_option: str
) -> None:
    change_options(warehouse, account, {"polling": polling_option})
    polling = Polling(warehouse, simulator)
    polling.sync(Resource.RESERVATIONS, mode=Mode.FULL)
    polling.pause()
    polling.calls()
    polling.poll()
    assert polling.calls() <= 3
    assert polling.landed("conversations") == {}
    polling.write(polling.threads()[5]["id"])
    polling.sync(Resource.CONVERSATIONS, Resource.MESSAGES, mode=Mode.FULL)
    polling.write(polling.threads()[3]["id"])
    polling.pause()
    polling.warehouse.execute("update ops.polls set listed_at = null")
    polling.poll()
    assert polling.sees_all() == set()


@pytest.mark.parametrize("changes", [30, 60])
def test_changes_since_the_last_list_land_when_heads_are_used_again(polling: Polling, changes: int) -> None:
    polling.warehouse.execute(
        "update ops.polls set method = 'list', reason = 'a test', listed_at = now() - interval '1 hour',"
        " list_until = clock_timestamp()"
    )
    polling.control.touch("reservations", changes, account_id=ACCOUNT)
    for thread in polling.threads()[:30]:
        polling.write(thread["id"])
    polling.poll()
    assert polling.sees_all() == set()
    assert polling.state()["method"] == "heads"
    finds_a_change_and_a_message(polling)


@pytest.mark.parametrize("sizes", [Sizes(listings=4, reservations=700, conversations=150)])
def test_more_changes_than_a_poll_reads_are_read_by_lists(polling: Polling) -> None:
    polling.control.touch("reservations", 700, account_id=ACCOUNT)
    polling.pause()
    threads = polling.threads()
    messages = {polling.write(thread["id"]) for thread in threads}
    polling.pause()
    polling.calls()
    assert polling.poll().accounts[0].method == "list"
    assert polling.calls() < 200, "the lists, and the messages of each conversation"
    assert polling.sees_all() == set()
    assert messages <= polling.landed("messages").keys()
    finds_a_change_and_a_message(polling)


def finds_a_change_and_a_message(polling: Polling) -> None:
    """The heads are used again: the next poll finds changes, and need not read the lists."""
    polling.pause()
    threads = polling.threads()
    polling.control.patch("reservations", threads[3]["reservationId"], {"hostNote": "late"}, account_id=ACCOUNT)
    polling.write(threads[5]["id"])
    assert polling.poll().accounts[0].method == "heads"
    assert polling.sees_all() == set()


@pytest.mark.parametrize("changes_per_call", [1, 10])
def test_changes_while_a_head_is_read_are_no_disorder(polling: Polling, changes_per_call: int) -> None:
    polling.control.fault("drift", update=changes_per_call, match={"path": "/v1/reservations\\?"}, times=0)
    for _ in range(15):
        polling.control.touch("reservations", 40, account_id=ACCOUNT)
        polling.pause(5)
        polling.poll()
    polling.control.clear_faults()
    polling.pause()
    polling.poll()
    assert polling.sees_all() == set()
    assert polling.state()["method"] == "heads"


def test_hostaway_gives_fewer_rows_than_asked_for(polling: Polling) -> None:
    polling.control.fault("page_cap", rows=2, times=0)
    threads = polling.threads()
    messages = {polling.write(thread["id"]) for thread in threads[:7]}
    polling.poll()
    assert messages <= polling.landed("messages").keys()
    assert polling.sees_all() == set()


@pytest.mark.parametrize("by", [-40, 40])
def test_hostaway_counts_wrongly(polling: Polling, by: int) -> None:
    polling.control.fault("count_off", by=by, match={"path": "/v1/reservations\\?"}, times=0)
    polling.control.touch("reservations", 60, account_id=ACCOUNT)
    polling.poll()
    assert polling.sees_all() == set()


def test_a_server_that_ignores_the_sort_order_is_noticed(polling: Polling) -> None:
    polling.control.fault("ignore", parameter="sortOrder", times=0)
    message = polling.write(polling.threads()[9]["id"])
    result = polling.poll()
    assert result.accounts[0].method == "list"
    assert message in polling.landed("messages")
    state = polling.state()
    assert (state["method"], state["reason"]) == ("list", "Hostaway ignores the sort order by messages")
    status = account_status(polling.warehouse, ACCOUNT)
    assert status.status == "warning"
    assert status.reason == "polled by lists, once an hour: Hostaway ignores the sort order by messages"
    polling.calls()
    polling.poll()
    assert polling.calls() == 0, "lists are read once an hour"


def test_reservations_that_do_not_come_newest_first_are_noticed(polling: Polling) -> None:
    polling.control.fault("reverse_order", match={"path": "/v1/reservations\\?limit"}, times=0)
    polling.poll()
    assert polling.state()["reason"] == "reservations do not come newest change first"


def test_an_order_that_is_stale_for_a_while_costs_time_and_no_message(polling: Polling) -> None:
    match = {"path": "lastConversationMessage"}
    polling.control.fault("stale_order", match=match, times=2)
    polling.poll()
    polling.pause()
    message = polling.write(polling.threads()[4]["id"], bump=False)
    polling.control.clear_faults()
    polling.poll()
    assert message in polling.landed("messages")


def test_ties_that_change_places_are_read_until_messages_are_known_to_move_stamps(polling: Polling) -> None:
    threads = polling.threads()
    for thread in threads[:4]:
        polling.write(thread["id"])
    polling.poll()
    polling.pause()
    polling.poll()
    polling.control.fault("swap_ties", times=0)
    polling.pause()
    polling.poll()
    assert polling.state()["stamps_move"] is True
    polling.pause()
    polling.calls()
    polling.poll()
    assert polling.calls() == 3


def test_a_message_that_no_head_shows_is_detected_by_the_next_list(polling: Polling) -> None:
    """A second message to the front row that moves no stamp: the list shows it, and the heads are used no more."""
    thread = polling.threads()[6]["id"]
    polling.write(thread)
    polling.pause()
    polling.poll()
    polling.pause()
    hidden = polling.write(thread, bump=False)
    polling.pause()
    polling.poll()
    assert hidden not in polling.landed("messages")
    polling.pause()
    results = polling.sync()
    assert hidden in polling.landed("messages")
    state = polling.state()
    assert (state["method"], state["missed"]) == ("list", 1)
    assert f"conversations, such as {thread}" in state["reason"]
    assert all(result.is_complete for result in results)
    note = polling.value(
        "select note from ops.sync_runs where resource = 'conversations' order by sync_run_id desc limit 1"
    )
    assert "the heads had missed 1 conversations" in note


def test_nothing_is_called_missed_where_nothing_was(polling: Polling) -> None:
    threads = polling.threads()
    for thread in threads[:5]:
        polling.write(thread["id"])
        polling.control.patch("reservations", thread["reservationId"], {"hostNote": "x"}, account_id=ACCOUNT)
    polling.pause()
    polling.poll()
    polling.pause()
    for thread in threads[5:9]:
        polling.write(thread["id"], incoming=False)
    polling.sync()
    polling.sync(mode=Mode.FULL)
    assert (polling.state()["method"], polling.state()["missed"]) == ("heads", 0)


def test_an_event_handler_is_called_for_each_new_message(polling: Polling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__EVENT_HANDLER", "polling_handler:Handler")
    get_settings.cache_clear()
    polling_handler.calls.clear()
    thread = polling.threads()[2]
    new = [polling.write(thread["id"]), polling.write(thread["id"], incoming=False)]
    polling.poll()
    messages = [(before, after["id"]) for event, before, after in polling_handler.calls if event == "messages.polled"]
    assert sorted(messages, key=str) == [(None, number) for number in sorted(new)]
    others = [after["id"] for event, _, after in polling_handler.calls if event == "reservation.polled"]
    assert others == [thread["reservationId"]]


@pytest.mark.parametrize(
    ("state", "reason", "option", "polled"),
    [
        ("registered", None, None, False),
        ("registered", "Its delivery log cannot be read", None, True),
        ("polling", None, None, True),
        ("failed", "unreachable", None, True),
        ("registered", None, "always", True),
        ("polling", None, "off", False),
    ],
)
def test_accounts_are_polled_where_no_webhook_is_healthy(
    polling: Polling, state: str, reason: str | None, option: str | None, polled: bool
) -> None:
    polling.warehouse.execute(
        "insert into ops.webhook_endpoints (account_id, endpoint_key, login, password_digest, state, state_reason,"
        " hostaway_id, url) values (%s, 'key', 'login', sha256('x'), %s, %s, 5, 'https://example.com')",
        [ACCOUNT, state, reason],
    )
    change_options(polling.warehouse, ACCOUNT, {"polling": option})
    assert [poll.account_id for poll in polling.poll().accounts] == ([ACCOUNT] if polled else [])
