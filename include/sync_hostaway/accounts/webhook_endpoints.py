"""The address and the credentials under which Hostaway delivers to an account.

An endpoint has an unguessable key in its URL, a login and a random password. Only Hostaway and the SecretsStore have
the password; the table has its digest. After a rotation, the old password is accepted for some time after Hostaway
received the new one, so that no delivery is refused.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sync_hostaway.accounts.secrets.store import WEBHOOK_PASSWORD, DatabaseSecretsStore
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import ConfigurationError

_QUERIES = load_queries(Path(__file__).with_name("webhook_endpoints.sql"))
_RANDOM_BYTES = 32

LOGIN = "sync-hostaway"


@dataclass(frozen=True)
class Endpoint:
    """Where and how Hostaway reaches an account.

    :param url: the URL that was sent to Hostaway; None before the first registration.
    :param hostaway_id: Hostaway's id of the webhook.
    :param password_is_sent: whether Hostaway has the newest password.
    :param log_read_to: newest entry of Hostaway's delivery log that was read.
    """

    account_id: int
    endpoint_key: str
    login: str
    password_digest: bytes = field(repr=False)
    url: str | None
    hostaway_id: int | None
    state: str
    state_reason: str | None
    password_is_sent: bool
    log_read_to: int
    checked_at: datetime | None


def digest(text: bytes) -> bytes:
    """The digest that is stored and compared in place of a password or a login."""
    return hashlib.sha256(text).digest()


def find_endpoint(connection: Connection, account_id: int) -> Endpoint | None:
    """An account's endpoint, if it has one."""
    row = connection.execute(_QUERIES["get_endpoint"], {"account_id": account_id}).fetchone()
    return Endpoint(**row) if row else None


def ensure_endpoint(connection: Connection, account_id: int) -> Endpoint:
    """An account's endpoint, created when it has none. Concurrent calls get the same one."""
    with connection.transaction():
        password = secrets.token_urlsafe(_RANDOM_BYTES)
        params = {
            "account_id": account_id,
            "endpoint_key": secrets.token_urlsafe(_RANDOM_BYTES),
            "login": LOGIN,
            "password_digest": digest(password.encode()),
        }
        if connection.execute(_QUERIES["add_endpoint"], params).fetchone():
            DatabaseSecretsStore(connection).put(account_id, WEBHOOK_PASSWORD, password)
    endpoint = find_endpoint(connection, account_id)
    if endpoint is None:
        raise AssertionError("unreachable: the row was inserted, or existed before")
    return endpoint


def rotate_password(connection: Connection, account_id: int, *, end_old: bool = False) -> None:
    """Give an endpoint a new random password. The next registration sends it to Hostaway; until then both are valid.

    :param end_old: revoke the old password at once, for a leaked one.
    """
    password = secrets.token_urlsafe(_RANDOM_BYTES)
    with connection.transaction():
        DatabaseSecretsStore(connection).put(account_id, WEBHOOK_PASSWORD, password)
        params = {"account_id": account_id, "password_digest": digest(password.encode()), "end_old": end_old}
        connection.execute(_QUERIES["replace_password"], params)


def password_for(connection: Connection, endpoint: Endpoint) -> str:
    """The password to send to Hostaway. A password that is lost or cannot be decrypted is replaced."""
    store = DatabaseSecretsStore(connection)
    password = None
    with suppress(ConfigurationError):
        password = store.get(endpoint.account_id, WEBHOOK_PASSWORD)
    if password is None or digest(password.encode()) != endpoint.password_digest:
        rotate_password(connection, endpoint.account_id)
        password = store.get(endpoint.account_id, WEBHOOK_PASSWORD)
    if password is None:
        raise AssertionError("unreachable: it was just stored")
    return password


def forget_old_passwords(connection: Connection) -> int:
    """Stop accepting old passwords that Hostaway no longer uses; returns the number of endpoints."""
    return connection.execute(_QUERIES["forget_old_passwords"]).rowcount


def set_registered(connection: Connection, account_id: int, *, url: str, hostaway_id: int, password: str) -> None:
    """Save that Hostaway delivers to a URL with a password."""
    params = {
        "account_id": account_id,
        "url": url,
        "hostaway_id": hostaway_id,
        "password_digest": digest(password.encode()),
    }
    connection.execute(_QUERIES["set_registered"], params)


def request_catch_up_sync(connection: Connection, account_id: int) -> None:
    """Request an incremental sync for lost deliveries of unknown objects; `hostaway_maintenance` starts it."""
    connection.execute(_QUERIES["request_catch_up_sync"], {"account_id": account_id})


def set_unregistered(connection: Connection, account_id: int) -> None:
    """Save that Hostaway has no webhook for the account."""
    connection.execute(_QUERIES["set_unregistered"], {"account_id": account_id})


def save_check_error(connection: Connection, account_id: int, reason: str) -> None:
    """Save why the check of the webhook failed. A registered webhook stays registered."""
    connection.execute(_QUERIES["save_check_error"], {"account_id": account_id, "reason": reason})


def set_state(connection: Connection, account_id: int, state: str, reason: str) -> None:
    """Save a state and why Hostaway delivers nothing (`polling`, `failed`), or another error (`registered`)."""
    connection.execute(_QUERIES["set_state"], {"account_id": account_id, "state": state, "reason": reason})
