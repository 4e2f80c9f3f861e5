"""Registers one webhook per account at Hostaway; an existing one is reused.

A webhook is ours when its URL ends with the account's key. The part before the key does not matter. So a change of
PUBLIC_BASE_URL changes the webhook, and leaves no old one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog

from sync_hostaway.accounts import webhook_endpoints as endpoints
from sync_hostaway.accounts.registry import get_account, is_active
from sync_hostaway.accounts.webhook_endpoints import Endpoint
from sync_hostaway.core.db import Connection, advisory_lock
from sync_hostaway.core.exceptions import (
    ConfigurationError,
    HostawayError,
    HostawayMalformedReply,
    HostawayNotFound,
    HostawayTransientError,
)
from sync_hostaway.core.mounts import MOUNT
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.endpoints import WEBHOOKS, webhook
from sync_hostaway.hostaway.values import as_id

log = structlog.get_logger(__name__)

_REGISTRATION = "webhook registration"
"""The name of the lock of an account: two processes at the same time would create two webhooks."""

POLLING = "PUBLIC_BASE_URL is not set, so Hostaway cannot deliver. Polls and syncs find changes"

LEFT_REGISTERED = (
    "PUBLIC_BASE_URL is not set, but Hostaway still delivers: hostaway_maintenance removes the webhook within ten "
    "minutes, where the setting is missing too"
)


@dataclass(frozen=True)
class Registration:
    """The result of a registration.

    :param state: `registered`, or `polling` without a public URL.
    """

    account_id: int
    state: str
    url: str | None = None
    reason: str | None = None


def ensure_registered(connection: Connection, client: HostawayClient) -> Registration:
    """Make sure that Hostaway delivers an account's events. Safe to repeat: costs one call when nothing has changed.

    Hostaway tests the URL during the call, so the API server must be running. If the webhook was switched off or
    deleted, changes were not delivered: then an incremental sync is requested.

    :raises ConfigurationError: when Hostaway does not accept such a PUBLIC_BASE_URL.
    :raises HostawayError: when Hostaway refuses or does not answer. The error is also stored in
        `ops.webhook_endpoints`.
    """
    account_id = client.account_id
    endpoint = endpoints.ensure_endpoint(connection, account_id)
    try:
        base = get_settings().webhook_base_url
        if base is None:
            state, reason = ("polling", POLLING) if endpoint.hostaway_id is None else ("registered", LEFT_REGISTERED)
            endpoints.set_state(connection, account_id, state, reason)
            return Registration(account_id, "polling", reason=reason)
        with advisory_lock(connection, _REGISTRATION, account_id):
            return _register(connection, client, base)
    except HostawayTransientError as error:
        # The webhook stays registered: Hostaway may still deliver.
        endpoints.save_check_error(connection, account_id, str(error))
        raise
    except (ConfigurationError, HostawayError) as error:
        endpoints.set_state(connection, account_id, "failed", str(error))
        raise


def rotate(connection: Connection, account_id: int, *, now: bool = False) -> None:
    """Give an account's webhook a new password; the next registration sends it to Hostaway.

    :param now: revoke the old password at once. Deliveries get 401 until Hostaway has the new one. Hostaway does not
        repeat them: an incremental sync reads the lost changes.
    :raises UnknownAccount: when it is not registered.
    """
    get_account(connection, account_id)
    with advisory_lock(connection, _REGISTRATION, account_id):
        endpoints.ensure_endpoint(connection, account_id)
        endpoints.rotate_password(connection, account_id, end_old=now)
        if now:
            endpoints.request_catch_up_sync(connection, account_id)


def remove_webhook(connection: Connection, client: HostawayClient) -> bool:
    """Remove the webhook because PUBLIC_BASE_URL is no longer set; returns whether there was one.

    Only for `hostaway_maintenance`: a shell without the setting must not remove the webhook of a server that has it.

    :raises HostawayError: when Hostaway refuses or does not answer.
    """
    with advisory_lock(connection, _REGISTRATION, client.account_id):
        endpoint = endpoints.find_endpoint(connection, client.account_id)
        if endpoint is None or endpoint.hostaway_id is None:
            return False
        for row in _own_webhooks(client, endpoint):
            _delete(client, row["id"])
        endpoints.set_unregistered(connection, client.account_id)
        endpoints.set_state(connection, client.account_id, "polling", f"{POLLING}. Its webhook was removed at Hostaway")
        log.warning("webhook_removed", account_id=client.account_id, reason=POLLING)
        return True


def unregister(connection: Connection, client: HostawayClient) -> bool:
    """Remove the webhook of an account; returns whether it is removed.

    Not if the account was enabled in the meantime.

    :raises HostawayError: when Hostaway refuses or does not answer.
    """
    with advisory_lock(connection, _REGISTRATION, client.account_id):
        endpoint = endpoints.find_endpoint(connection, client.account_id)
        if is_active(connection, client.account_id):
            return False
        if endpoint:
            for row in _own_webhooks(client, endpoint):
                _delete(client, row["id"])
            endpoints.set_unregistered(connection, client.account_id)
        return True


def _register(connection: Connection, client: HostawayClient, base: str) -> Registration:
    password = endpoints.password_for(connection, endpoints.ensure_endpoint(connection, client.account_id))
    # Only now: a password that was lost has just been replaced, and Hostaway does not have the new one.
    endpoint = endpoints.ensure_endpoint(connection, client.account_id)
    url = f"{base}{MOUNT}/{endpoint.endpoint_key}"
    wanted = {"isEnabled": 1, "url": url, "login": endpoint.login, "password": password}
    ours = sorted(_own_webhooks(client, endpoint), key=lambda row: (row.get("url") != url, not _is_on(row), row["id"]))
    kept = ours[0] if ours else None
    was_off = not _is_on(kept) if kept else endpoint.hostaway_id is not None
    if was_off:
        # Before the request: if its response is lost, the next attempt finds the webhook switched on.
        endpoints.request_catch_up_sync(connection, client.account_id)
    if kept is None:
        made = client.write("POST", WEBHOOKS, wanted, secrets=[password]).result
        hostaway_id = as_id(made.get("id")) if isinstance(made, dict) else None
        if hostaway_id is None:
            raise HostawayMalformedReply(f"Hostaway's answer names no id of the new webhook: {type(made).__name__}")
    else:
        hostaway_id = kept["id"]
        if not endpoint.password_is_sent or _differs(kept, wanted):
            client.write("PUT", webhook(hostaway_id), wanted, secrets=[password])
        for other in ours[1:]:
            _delete(client, other["id"])
    endpoints.set_registered(connection, client.account_id, url=url, hostaway_id=hostaway_id, password=password)
    log.info("webhook_registered", account_id=client.account_id, hostaway_id=hostaway_id, is_new=kept is None)
    return Registration(client.account_id, "registered", url)


def _own_webhooks(client: HostawayClient, endpoint: Endpoint) -> list[dict[str, Any]]:
    rows = client.get(WEBHOOKS).result
    if not isinstance(rows, list):
        raise HostawayMalformedReply(f"Hostaway's webhooks are not a list but {type(rows).__name__}")
    known = [{**row, "id": as_id(row.get("id"))} for row in rows if isinstance(row, dict)]
    return [
        row
        for row in known
        if row["id"]
        and (row["id"] == endpoint.hostaway_id or _path(row.get("url")).endswith(f"/{endpoint.endpoint_key}"))
    ]


def _path(url: Any) -> str:
    try:
        return urlsplit(url).path if isinstance(url, str) else ""
    except ValueError:
        return ""


def _is_on(row: dict[str, Any]) -> bool:
    return bool(row.get("isEnabled"))


def _differs(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a webhook needs a change. A password that is missing or masked with stars counts as ours."""
    shown = row.get("password")
    is_shown = isinstance(shown, str) and bool(shown.strip("*"))
    names = ("url", "login", "password") if is_shown else ("url", "login")
    return not _is_on(row) or any(row.get(name) != wanted[name] for name in names)


def _delete(client: HostawayClient, hostaway_id: int) -> None:
    with suppress(HostawayNotFound):
        client.write("DELETE", webhook(hostaway_id))
