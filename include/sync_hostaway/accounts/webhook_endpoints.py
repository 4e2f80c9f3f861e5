"""The address and the credentials under which Hostaway delivers to an account.

An endpoint has an unguessable key in its URL, and a login and a random password that only Hostaway and the SecretsStore
hold; the table has the password's digest. An old password is accepted until Hostaway has had the new one for long
enough, so that no delivery is refused while it is rotated.
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

    :param url: the URL that Hostaway was told, None before it was told any.
    :param hostaway_id: Hostaway's id of the webhook.
    :param password_is_sent: whether Hostaway has the newest password.
    :param log_read_to: newest entry of Hostaway's delivery log that was looked at.
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
    """What is kept and compared in place of a password or a login."""
    return hashlib.sha256(text).digest()


def find_endpoint(connection: Connection, account_id: int) -> Endpoint | None:
    """An account's endpoint, if it has one."""
    row = connection.execute(_QUERIES["get_endpoint"], {"account_id": account_id}).fetchone()
    return Endpoint(**row) if row else None


def ensure_endpoint(connection: Connection, account_id: int) -> Endpoint:
    """An account's endpoint, made when it has none. Two who ask at once get the same one."""
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
        raise AssertionError("unreachable: it was inserted or there already")
    return endpoint


def rotate_password(connection: Connection, account_id: int, *, end_old: bool = False) -> None:
    """Give an endpoint a new random password. Hostaway learns it at its next registration; until then both are valid.

    :param end_old: no password but the new one is valid from now on, for one that was leaked.
    """
    password = secrets.token_urlsafe(_RANDOM_BYTES)
    with connection.transaction():
        DatabaseSecretsStore(connection).put(account_id, WEBHOOK_PASSWORD, password)
        params = {"account_id": account_id, "password_digest": digest(password.encode()), "end_old": end_old}
        connection.execute(_QUERIES["replace_password"], params)


def password_for(connection: Connection, endpoint: Endpoint) -> str:
    """The password to tell Hostaway. One that the SecretsStore has lost, or cannot decrypt any more, is replaced."""
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
    """Stop accepting passwords that Hostaway cannot use any more; returns of how many endpoints."""
    return connection.execute(_QUERIES["forget_old_passwords"]).rowcount


def set_registered(connection: Connection, account_id: int, *, url: str, hostaway_id: int, password: str) -> None:
    """Note that Hostaway delivers to a URL, with a password."""
    params = {
        "account_id": account_id,
        "url": url,
        "hostaway_id": hostaway_id,
        "password_digest": digest(password.encode()),
    }
    connection.execute(_QUERIES["set_registered"], params)


def request_catch_up_sync(connection: Connection, account_id: int) -> None:
    """Note that deliveries were lost which nobody can name; `hostaway_maintenance` asks for a sync."""
    connection.execute(_QUERIES["request_catch_up_sync"], {"account_id": account_id})


def set_unregistered(connection: Connection, account_id: int) -> None:
    """Note that Hostaway delivers nothing any more."""
    connection.execute(_QUERIES["set_unregistered"], {"account_id": account_id})


def save_check_error(connection: Connection, account_id: int, reason: str) -> None:
    """Note why Hostaway could not be asked: one that delivers goes on doing so."""
    connection.execute(_QUERIES["save_check_error"], {"account_id": account_id, "reason": reason})


def set_state(connection: Connection, account_id: int, state: str, reason: str) -> None:
    """Note what is wrong: why Hostaway delivers nothing (`polling`, `failed`), or what else does (`registered`)."""
    connection.execute(_QUERIES["set_state"], {"account_id": account_id, "state": state, "reason": reason})
