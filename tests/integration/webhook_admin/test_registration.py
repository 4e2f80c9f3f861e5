"""The webhook is registered at Hostaway once, again after changes, and not for a disabled account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet

from sync_hostaway.accounts.registry import client_for, disable_account, enable_account
from sync_hostaway.accounts.webhook_endpoints import Endpoint, digest, find_endpoint
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import ConfigurationError, HostawayError, HostawayServerError
from sync_hostaway.core.mounts import MOUNT
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.endpoints import WEBHOOKS, webhook
from sync_hostaway.hostaway.responses import Reply
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.webhook_admin.maintenance import requested_catch_up_syncs, unregister_webhook
from sync_hostaway.webhook_admin.registration import ensure_registered, rotate, unregister
from webhook_receiver import Receiver, events

pytestmark = pytest.mark.integration


@pytest.fixture
def client(warehouse: Connection, account: int) -> Iterator[HostawayClient]:
    with client_for(warehouse, account) as client:
        yield client


def endpoint_of(warehouse: Connection) -> Endpoint:
    endpoint = find_endpoint(warehouse, 701)
    assert endpoint
    return endpoint


def webhooks(client: HostawayClient) -> list[dict[str, Any]]:
    return list(client.get(WEBHOOKS).result)


def first_reservation(simulator: RunningSimulator) -> int:
    return int(simulator.control.objects("reservations", 701)[0]["id"])


def synced_again(warehouse: Connection) -> list[int]:
    """Accounts that a sync is asked for, because deliveries were lost."""
    return [sync.account_id for sync in requested_catch_up_syncs(warehouse)]


def hide_passwords(client: HostawayClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Hostaway show stars in place of passwords."""
    told = client.get

    def starred(path: str, *arguments: Any, **options: Any) -> Reply:
        reply = told(path, *arguments, **options)
        return replace(reply, result=[{**row, "password": "********"} for row in reply.result])

    monkeypatch.setattr(client, "get", starred)


def deliver(simulator: RunningSimulator, fields: dict[str, Any]) -> None:
    simulator.control.patch("reservations", first_reservation(simulator), fields, account_id=701)
    simulator.control.wait_delivered()


def test_hostaway_delivers_what_changes(
    receiver: Receiver, warehouse: Connection, client: HostawayClient, simulator: RunningSimulator
) -> None:
    assert ensure_registered(warehouse, client).state == "registered"
    deliver(simulator, {"status": "cancelled"})
    (event,) = events(warehouse)
    assert event["object_id"] == first_reservation(simulator)


def test_registering_again_costs_one_call_and_changes_nothing(
    receiver: Receiver, warehouse: Connection, client: HostawayClient
) -> None:
    ensure_registered(warehouse, client)
    before = webhooks(client)
    calls = client.stats.calls
    ensure_registered(warehouse, client)
    assert client.stats.calls == calls + 1
    assert webhooks(client) == before


def test_a_webhook_that_exists_already_is_taken_over(
    receiver: Receiver, warehouse: Connection, client: HostawayClient
) -> None:
    # Such as after the warehouse was restored from an older backup; a webhook of others is left alone.
    made = [client.write("POST", WEBHOOKS, {"url": receiver.address}).result["id"] for _ in range(3)]
    foreign = client.write("POST", WEBHOOKS, {"url": f"{receiver.url}{MOUNT}/of-others"}).result["id"]
    ensure_registered(warehouse, client)
    assert [row["id"] for row in webhooks(client)] == [made[0], foreign]
    assert endpoint_of(warehouse).hostaway_id == made[0]


def test_what_hostaway_switched_off_is_switched_on_again(
    receiver: Receiver, warehouse: Connection, client: HostawayClient, simulator: RunningSimulator
) -> None:
    ensure_registered(warehouse, client)
    client.write("PUT", webhook(webhooks(client)[0]["id"]), {"isEnabled": 0})
    ensure_registered(warehouse, client)
    assert [row["isEnabled"] for row in webhooks(client)] == [1]
    deliver(simulator, {"guestNote": "late"})
    assert len(events(warehouse)) == 1
    assert synced_again(warehouse) == [701]


def test_a_deleted_webhook_is_registered_again_and_causes_a_sync(
    receiver: Receiver, warehouse: Connection, client: HostawayClient
) -> None:
    ensure_registered(warehouse, client)
    assert synced_again(warehouse) == [], "before the first registration, nothing was lost"
    client.write("DELETE", webhook(webhooks(client)[0]["id"]))
    ensure_registered(warehouse, client)
    assert len(webhooks(client)) == 1
    assert synced_again(warehouse) == [701]


def test_a_sync_is_wanted_though_the_answer_was_lost_that_the_webhook_is_on_again(
    receiver: Receiver, warehouse: Connection, client: HostawayClient, simulator: RunningSimulator
) -> None:
    ensure_registered(warehouse, client)
    client.write("PUT", webhook(webhooks(client)[0]["id"]), {"isEnabled": 0})
    simulator.control.fault("cut_json", match={"resource": "webhooks", "method": "PUT"})
    with pytest.raises(HostawayError):
        ensure_registered(warehouse, client)
    assert [row["isEnabled"] for row in webhooks(client)] == [1]
    assert synced_again(warehouse) == [], "it waits until the webhook is known to be back"
    ensure_registered(warehouse, client)
    assert synced_again(warehouse) == [701]


def test_a_registered_webhook_stays_registered_when_hostaway_does_not_answer(
    receiver: Receiver, warehouse: Connection, client: HostawayClient, simulator: RunningSimulator
) -> None:
    ensure_registered(warehouse, client)
    simulator.control.fault("status_5xx", match={"path": WEBHOOKS}, times=0)
    with pytest.raises(HostawayServerError):
        ensure_registered(warehouse, client)
    endpoint = endpoint_of(warehouse)
    assert endpoint.state == "registered"
    assert "503" in (endpoint.state_reason or "")


def test_changed_credentials_are_corrected(
    receiver: Receiver, warehouse: Connection, client: HostawayClient, simulator: RunningSimulator
) -> None:
    ensure_registered(warehouse, client)
    client.write("PUT", webhook(webhooks(client)[0]["id"]), {"password": "mistyped"})
    ensure_registered(warehouse, client)
    deliver(simulator, {"guestNote": "late"})
    assert len(events(warehouse)) == 1


def test_rotating_the_password_loses_no_delivery(
    receiver: Receiver, warehouse: Connection, client: HostawayClient, simulator: RunningSimulator
) -> None:
    ensure_registered(warehouse, client)
    rotate(warehouse, 701)
    deliver(simulator, {"guestNote": "before Hostaway was told"})
    ensure_registered(warehouse, client)
    deliver(simulator, {"guestNote": "after"})
    assert len(events(warehouse)) == 2
    assert endpoint_of(warehouse).password_is_sent


@pytest.mark.parametrize("loss", ["it is gone", "its key is gone"])
def test_a_password_that_is_lost_is_replaced_though_hostaway_shows_none(
    receiver: Receiver,
    warehouse: Connection,
    client: HostawayClient,
    simulator: RunningSimulator,
    monkeypatch: pytest.MonkeyPatch,
    loss: str,
) -> None:
    with monkeypatch.context() as patched:
        hide_passwords(client, patched)
        ensure_registered(warehouse, client)
        if loss == "it is gone":
            warehouse.execute("delete from ops.secrets where name = 'webhook_password'")
        else:
            foreign = Fernet(Fernet.generate_key()).encrypt(b"any text")
            warehouse.execute("update ops.secrets set ciphertext = %s where name = 'webhook_password'", [foreign])
        ensure_registered(warehouse, client)
    (row,) = webhooks(client)
    assert digest(row["password"].encode()) == endpoint_of(warehouse).password_digest
    assert endpoint_of(warehouse).password_is_sent
    deliver(simulator, {"guestNote": "late"})
    assert len(events(warehouse)) == 1


def test_a_new_base_url_moves_the_webhook(
    receiver: Receiver, warehouse: Connection, client: HostawayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_registered(warehouse, client)
    monkeypatch.setenv("PUBLIC_BASE_URL", receiver.url.replace("127.0.0.1", "localhost"))
    get_settings.cache_clear()
    ensure_registered(warehouse, client)
    (row,) = webhooks(client)
    assert row["url"] == receiver.address.replace("127.0.0.1", "localhost")


def test_a_url_that_does_not_answer_is_refused_and_noted(
    warehouse: Connection, client: HostawayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", "http://127.0.0.1:9")
    get_settings.cache_clear()
    with pytest.raises(HostawayError, match="unreachable"):
        ensure_registered(warehouse, client)
    endpoint = endpoint_of(warehouse)
    assert endpoint.state == "failed"
    assert "unreachable" in (endpoint.state_reason or "")
    assert not endpoint.password_is_sent


def test_a_public_url_with_a_port_is_refused_by_ourselves(
    warehouse: Connection, client: HostawayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://airflow.example.com:8443/base")
    get_settings.cache_clear()
    with pytest.raises(ConfigurationError, match=r"has port 8443.*https://airflow\.example\.com/base"):
        ensure_registered(warehouse, client)
    assert endpoint_of(warehouse).state == "failed"


def test_without_a_public_url_there_is_polling_only(
    warehouse: Connection, client: HostawayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTAWAY_API_URL", "https://api.hostaway.example")
    get_settings.cache_clear()
    registration = ensure_registered(warehouse, client)
    assert registration.state == endpoint_of(warehouse).state == "polling"
    assert "PUBLIC_BASE_URL is not set" in (registration.reason or "")


def test_a_disabled_account_is_unsubscribed(
    receiver: Receiver, warehouse: Connection, client: HostawayClient, simulator: RunningSimulator
) -> None:
    ensure_registered(warehouse, client)
    disable_account(warehouse, 701)
    unregister_webhook(warehouse, 701)
    assert webhooks(client) == []
    assert endpoint_of(warehouse).state == "unregistered"
    deliver(simulator, {"guestNote": "late"})
    assert not events(warehouse)


def test_unregistering_twice_or_what_is_gone_is_fine(
    receiver: Receiver, warehouse: Connection, client: HostawayClient
) -> None:
    disable_account(warehouse, 701)
    unregister(warehouse, client)
    ensure_registered(warehouse, client)
    client.write("DELETE", webhook(webhooks(client)[0]["id"]))
    unregister(warehouse, client)
    unregister(warehouse, client)
    assert endpoint_of(warehouse).hostaway_id is None


def test_an_account_that_was_enabled_in_between_keeps_its_webhook(
    receiver: Receiver, warehouse: Connection, client: HostawayClient
) -> None:
    """A slow process that found the account disabled."""
    ensure_registered(warehouse, client)
    disable_account(warehouse, 701)
    enable_account(warehouse, 701)
    unregister(warehouse, client)
    assert len(webhooks(client)) == 1
    assert endpoint_of(warehouse).state == "registered"


def test_no_message_and_no_log_has_the_password(
    receiver: Receiver, warehouse: Connection, client: HostawayClient, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_registered(warehouse, client)
    receiver.post({}, auth=(b"sync-hostaway", b"wrong"))
    assert receiver.password not in repr(endpoint_of(warehouse))
    written = capsys.readouterr()
    assert receiver.password not in written.out + written.err
