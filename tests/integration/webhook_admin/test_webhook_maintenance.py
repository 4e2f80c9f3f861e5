"""What maintenance makes up for: webhooks that are gone or off, deliveries that were lost, events that grow old."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from sync_hostaway.accounts.registry import add_account, client_for, disable_account
from sync_hostaway.accounts.webhook_endpoints import ensure_endpoint, find_endpoint
from sync_hostaway.core.db import Connection
from sync_hostaway.core.settings import Settings, get_settings
from sync_hostaway.events.account_inbox import seconds_until_due
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.endpoints import WEBHOOK_LOGS, WEBHOOKS, webhook
from sync_hostaway.hostaway.responses import Reply
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.webhook_admin.maintenance import (
    mark_requested,
    reconcile_webhooks,
    requested_catch_up_syncs,
)
from sync_hostaway.webhook_admin.registration import ensure_registered
from webhook_receiver import Receiver, add_bare_account, events, receiving

pytestmark = pytest.mark.integration


def state_of(warehouse: Connection, account_id: int) -> str | None:
    endpoint = find_endpoint(warehouse, account_id)
    return endpoint.state if endpoint else None


def state_reason_of(warehouse: Connection, account_id: int) -> str | None:
    endpoint = find_endpoint(warehouse, account_id)
    return endpoint.state_reason if endpoint else None


def an_hour_later(warehouse: Connection) -> None:
    """Let every webhook be due for its check. The platform itself was running all the time."""
    warehouse.execute("update ops.webhook_endpoints set checked_at = checked_at - interval '2 hours'")


def hostaways_webhooks(warehouse: Connection, account_id: int = 701) -> list[dict[str, Any]]:
    with client_for(warehouse, account_id, allow_disabled=True) as client:
        return list(client.get(WEBHOOKS).result)


def test_accounts_are_registered_and_taken_leave_of(
    receiver: Receiver, warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    add_account(warehouse, 702, "secret-702")
    assert reconcile_webhooks(warehouse)["registered"] == 2
    disable_account(warehouse, 702)
    assert reconcile_webhooks(warehouse) == {"registered": 0, "removed": 1, "failed": 0, "missed_events": 0}
    assert (state_of(warehouse, 701), state_of(warehouse, 702)) == ("registered", "unregistered")
    assert hostaways_webhooks(warehouse, 702) == []
    calls = simulator.control.stats()["total"]
    assert reconcile_webhooks(warehouse)["registered"] == 0
    assert simulator.control.stats()["total"] == calls, "what was checked within the hour costs nothing"


def test_without_an_address_of_ours_hostaway_stops_delivering(
    receiver: Receiver, warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile_webhooks(warehouse)
    assert len(hostaways_webhooks(warehouse)) == 1
    with monkeypatch.context() as without:
        # As where PUBLIC_BASE_URL was removed; a simulator on this machine would be given the local address.
        without.setattr(Settings, "webhook_base_url", None)
        with client_for(warehouse, 701) as client:
            ensure_registered(warehouse, client)
        # A shell without the setting ends no deliveries.
        assert (len(hostaways_webhooks(warehouse)), state_of(warehouse, 701)) == (1, "registered")
        assert "Hostaway still delivers" in (state_reason_of(warehouse, 701) or "")
        assert reconcile_webhooks(warehouse) == {"registered": 0, "removed": 1, "failed": 0, "missed_events": 0}
        assert (hostaways_webhooks(warehouse), state_of(warehouse, 701)) == ([], "polling")
        assert "Its webhook was removed at Hostaway" in (state_reason_of(warehouse, 701) or "")
        an_hour_later(warehouse)
        assert reconcile_webhooks(warehouse)["removed"] == 0
    an_hour_later(warehouse)
    assert reconcile_webhooks(warehouse)["registered"] == 1
    assert len(hostaways_webhooks(warehouse)) == 1


def test_an_account_in_trouble_holds_up_no_other(receiver: Receiver, warehouse: Connection, account: int) -> None:
    add_bare_account(warehouse, 5)
    assert reconcile_webhooks(warehouse) == {"registered": 1, "removed": 0, "failed": 1, "missed_events": 0}
    assert state_of(warehouse, 701) == "registered"


def test_an_unexpected_error_delays_no_other_account(receiver: Receiver, warehouse: Connection, account: int) -> None:
    add_account(warehouse, 702, "secret-702")
    ensure_endpoint(warehouse, 701)
    warehouse.execute(
        "alter table ops.webhook_endpoints add constraint unforeseen check (account_id <> 701 or checked_at is null)"
    )
    assert reconcile_webhooks(warehouse) == {"registered": 1, "removed": 0, "failed": 1, "missed_events": 0}
    assert state_of(warehouse, 702) == "registered"


def test_while_hostaway_has_trouble_no_account_waits_for_another(
    receiver: Receiver,
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for account_id in (702, 703, 704):
        if account_id > 702:
            simulator.control.add_account(account_id, f"secret-{account_id}", {"listings": 1, "reservations": 1})
        add_account(warehouse, account_id, f"secret-{account_id}")
    simulator.control.reset(only_stats=True)
    simulator.control.fault("status_5xx", match={"resource": "webhooks"}, times=0)
    ask, all_ask = HostawayClient.get, threading.Barrier(4)

    def ask_together(client: HostawayClient, *arguments: Any, **options: Any) -> Reply:
        # Breaks, and is said below, where one account is asked for after the other.
        all_ask.wait(60)
        return ask(client, *arguments, **options)

    monkeypatch.setattr(HostawayClient, "get", ask_together)
    assert reconcile_webhooks(warehouse)["failed"] == 4
    assert not all_ask.broken, "one account waited for another"
    assert simulator.control.calls("webhooks.list") == 4, "each is asked once; the next run asks again"


def test_a_webhook_that_was_switched_off_means_a_sync(
    receiver: Receiver, warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    reconcile_webhooks(warehouse)
    assert requested_catch_up_syncs(warehouse) == []
    with client_for(warehouse, 701) as client:
        client.write("PUT", webhook(hostaways_webhooks(warehouse)[0]["id"]), {"isEnabled": 0})
    an_hour_later(warehouse)
    reconcile_webhooks(warehouse)
    assert [row["isEnabled"] for row in hostaways_webhooks(warehouse)] == [1]
    (sync,) = requested_catch_up_syncs(warehouse)
    assert (sync.run.dag_id, sync.run.conf) == ("hostaway_sync__701", {"mode": "incremental"})
    assert requested_catch_up_syncs(warehouse)[0].run == sync.run, "asked for twice, it is the same run"
    mark_requested(warehouse, [sync])
    assert requested_catch_up_syncs(warehouse) == []


def test_just_what_could_not_be_delivered_is_fetched(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    reservations = [row["id"] for row in simulator.control.objects("reservations", 701)]
    arrived, lost, lost_then_arrived = reservations[:3]

    def change(id: int, note: str) -> None:
        simulator.control.patch("reservations", id, {"guestNote": note}, account_id=701)
        simulator.control.wait_delivered()

    with receiving(warehouse, 701) as receiver:
        monkeypatch.setenv("PUBLIC_BASE_URL", receiver.url)
        get_settings.cache_clear()
        reconcile_webhooks(warehouse)
        change(arrived, "one")
    change(lost, "two")
    change(lost, "three")
    change(lost_then_arrived, "four")
    with receiving(warehouse, 701) as receiver:
        monkeypatch.setenv("PUBLIC_BASE_URL", receiver.url)
        get_settings.cache_clear()
        an_hour_later(warehouse)
        with client_for(warehouse, 701) as client:
            client.write("PUT", webhook(hostaways_webhooks(warehouse)[0]["id"]), {"url": receiver.address})
        change(lost_then_arrived, "five")
        assert reconcile_webhooks(warehouse)["missed_events"] == 1
        kept = [(event["object_id"], event["state"]) for event in events(warehouse)]
        assert kept == [(arrived, "pending"), (lost_then_arrived, "pending"), (lost, "pending")]
        assert "delivery log" in events(warehouse)[-1]["reason"]
        an_hour_later(warehouse)
        assert reconcile_webhooks(warehouse)["missed_events"] == 0, "what was read is not read again"
        assert requested_catch_up_syncs(warehouse) == []


def test_a_lost_message_means_a_sync(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The log names the message but not its conversation, and there is no way to fetch a message alone.
    with receiving(warehouse, 701) as receiver:
        monkeypatch.setenv("PUBLIC_BASE_URL", receiver.url)
        get_settings.cache_clear()
        reconcile_webhooks(warehouse)
    thread = simulator.control.objects("conversations", 701)[0]["id"]
    simulator.control.create("messages", {"conversationId": thread, "isIncoming": 1, "body": "Hi"}, account_id=701)
    simulator.control.wait_delivered()
    with receiving(warehouse, 701) as receiver:
        monkeypatch.setenv("PUBLIC_BASE_URL", receiver.url)
        get_settings.cache_clear()
        an_hour_later(warehouse)
        assert reconcile_webhooks(warehouse)["missed_events"] == 0
    assert [sync.account_id for sync in requested_catch_up_syncs(warehouse)] == [701]


def test_a_delivery_log_that_cannot_be_read_is_said_and_tried_again(
    receiver: Receiver, warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("status_5xx", match={"resource": "webhookLogs"}, times=2)
    for _ in range(2):
        assert reconcile_webhooks(warehouse) == {"registered": 0, "removed": 0, "failed": 1, "missed_events": 0}
        assert state_of(warehouse, 701) == "registered"
        assert "delivery log cannot be read" in (state_reason_of(warehouse, 701) or "")
    assert reconcile_webhooks(warehouse)["registered"] == 1
    assert state_reason_of(warehouse, 701) is None
    assert reconcile_webhooks(warehouse)["registered"] == 0, "all is well, so it is looked at in an hour"


@pytest.fixture
def delivery_log(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Hostaway says when it is asked for its delivery log."""
    entries: list[dict[str, Any]] = []
    told = HostawayClient.get

    def odd(client: HostawayClient, path: str, *arguments: Any) -> Reply:
        reply = told(client, path, *arguments)
        return replace(reply, result=entries) if path == WEBHOOK_LOGS else reply

    monkeypatch.setattr(HostawayClient, "get", odd)
    return entries


def test_a_delivery_log_with_nonsense_means_a_sync(
    receiver: Receiver, warehouse: Connection, account: int, delivery_log: list[dict[str, Any]]
) -> None:
    reconcile_webhooks(warehouse)
    an_hour_later(warehouse)
    nonsense = {"id": 1, "event": ["x"], "object": {"name": "reservation"}, "objectId": 5, "responseStatus": 500}
    delivery_log.append(nonsense)
    assert reconcile_webhooks(warehouse) == {"registered": 1, "removed": 0, "failed": 0, "missed_events": 0}
    assert [sync.account_id for sync in requested_catch_up_syncs(warehouse)] == [701]


def test_a_delivery_that_arrived_hides_no_lost_one_of_an_unnamed_object(
    receiver: Receiver, warehouse: Connection, account: int, delivery_log: list[dict[str, Any]]
) -> None:
    reconcile_webhooks(warehouse)
    an_hour_later(warehouse)
    nameless = {"object": "conversationMessage", "event": "message.received", "objectId": None}
    delivery_log += [{**nameless, "id": 1, "responseStatus": 500}, {**nameless, "id": 2, "responseStatus": 200}]
    reconcile_webhooks(warehouse)
    assert [sync.account_id for sync in requested_catch_up_syncs(warehouse)] == [701]


def test_an_odd_entry_of_a_delivery_log_hides_none_behind_it(
    receiver: Receiver, warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile_webhooks(warehouse)
    an_hour_later(warehouse)
    told = HostawayClient.get
    lost = {"object": "reservation", "event": "reservation.updated", "responseStatus": 500}
    pages = [[{**lost, "id": id, "objectId": 20_000 + id} for id in range(200, 100, -1)]]
    pages += [[{**lost, "id": 100, "objectId": 20_100}]]
    pages[0][50] = {"objectId": "abc"}

    def in_pages(client: HostawayClient, path: str, params: Any = None, **options: Any) -> Reply:
        reply = told(client, path, params, **options)
        return replace(reply, result=pages[params["offset"] // 100]) if path == WEBHOOK_LOGS else reply

    monkeypatch.setattr(HostawayClient, "get", in_pages)
    assert reconcile_webhooks(warehouse)["missed_events"] == 100


def test_a_delivery_log_without_known_new_entries_is_reported(
    receiver: Receiver, warehouse: Connection, account: int, delivery_log: list[dict[str, Any]]
) -> None:
    delivery_log.append({"object": "reservation", "objectId": 5, "event": "reservation.updated", "responseStatus": 500})
    assert reconcile_webhooks(warehouse)["failed"] == 1
    assert "delivery log" in (state_reason_of(warehouse, 701) or "")


def test_a_disabled_account_whose_key_was_revoked_is_left_in_peace(
    receiver: Receiver, warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    reconcile_webhooks(warehouse)
    simulator.control.set_secret(701, "another")
    warehouse.execute("delete from ops.secrets where name = 'access_token'")
    disable_account(warehouse, 701)
    assert reconcile_webhooks(warehouse)["removed"] == 1
    calls = simulator.control.stats()["total"]
    assert reconcile_webhooks(warehouse) == {"registered": 0, "removed": 0, "failed": 0, "missed_events": 0}
    assert simulator.control.stats()["total"] == calls


def test_an_outage_longer_than_hostaways_retries_causes_a_sync(
    receiver: Receiver, warehouse: Connection, account: int
) -> None:
    reconcile_webhooks(warehouse)
    warehouse.execute("update ops.webhook_endpoints set last_heartbeat_at = now() - interval '50 minutes'")
    reconcile_webhooks(warehouse)
    assert requested_catch_up_syncs(warehouse) == []
    warehouse.execute("update ops.webhook_endpoints set last_heartbeat_at = now() - interval '61 minutes'")
    reconcile_webhooks(warehouse)
    assert [sync.account_id for sync in requested_catch_up_syncs(warehouse)] == [701]
    before = requested_catch_up_syncs(warehouse)
    mark_requested(warehouse, before)
    warehouse.execute(
        "update ops.webhook_endpoints set last_heartbeat_at = now() - interval '61 minutes', state = 'failed'"
    )
    reconcile_webhooks(warehouse)
    assert [sync.account_id for sync in requested_catch_up_syncs(warehouse)] == [701], (
        "also while Hostaway was in trouble"
    )
    assert requested_catch_up_syncs(warehouse) != before, "a sync of before the second outage does not make up for it"
    disable_account(warehouse, 701)
    assert requested_catch_up_syncs(warehouse) == [], "a disabled account is not synced"


def test_events_that_wait_are_noticed(receiver: Receiver, warehouse: Connection) -> None:
    assert seconds_until_due(warehouse) == float("inf")
    receiver.post({"object": "reservation", "data": {"id": 1}})
    warehouse.execute("update ops.webhook_events set next_try_at = now() - interval '5 minutes'")
    assert seconds_until_due(warehouse) <= -300
    warehouse.execute("update ops.accounts set state = 'disabled'")
    assert seconds_until_due(warehouse) == float("inf"), "those of a disabled account wait on purpose"
