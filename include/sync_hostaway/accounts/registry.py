"""Registers, lists, disables and re-keys accounts. The command line and the HTTP API only call this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync_hostaway.accounts.secrets_store import ACCESS_TOKEN, CLIENT_SECRET, DatabaseSecretsStore
from sync_hostaway.accounts.snapshot import SnapshotAccount, read_snapshot, write_snapshot
from sync_hostaway.accounts.tokens import SharedTokenStore
from sync_hostaway.exceptions import InactiveAccount, UnknownAccount
from sync_hostaway.hostaway.auth import Credentials
from sync_hostaway.hostaway.budget import Priority, budget_for
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.settings import get_settings
from sync_hostaway.warehouse import Connection, load_queries

_QUERIES = load_queries(Path(__file__).with_name("accounts.sql"))


@dataclass(frozen=True)
class Account:
    """A registered account; never with its secret."""

    account_id: int
    name: str | None
    state: str
    state_reason: str | None
    options: dict[str, Any]
    created_at: datetime
    last_sync_at: datetime | None = None


def add_account(connection: Connection, account_id: int, client_secret: str, *, name: str | None = None) -> None:
    """Register an account after Hostaway accepted its credentials, or renew the secret of a registered one.

    :raises CredentialsRefused: when Hostaway does not accept them; nothing is stored then.
    """
    _check(account_id, client_secret)
    with connection.transaction():
        connection.execute(_QUERIES["put_account"], {"account_id": account_id, "name": name})
        _store_secret(connection, account_id, client_secret)
    refresh_snapshot(connection)


def rotate_secret(connection: Connection, account_id: int, client_secret: str) -> None:
    """Replace the secret of a registered account; the new one is checked before the old one goes.

    An account that Hostaway refused becomes active again; one that somebody disabled stays disabled.

    :raises UnknownAccount: when it is not registered.
    :raises CredentialsRefused: when Hostaway does not accept the new secret; the old one stays.
    """
    get_account(connection, account_id)
    _check(account_id, client_secret)
    with connection.transaction():
        _store_secret(connection, account_id, client_secret)
        connection.execute(_QUERIES["revive_refused"], {"account_id": account_id})
    refresh_snapshot(connection)


def disable_account(connection: Connection, account_id: int, reason: str | None = None) -> None:
    """Stop mirroring an account; its rows and its secret stay.

    :raises UnknownAccount: when it is not registered.
    """
    _set_state(connection, account_id, "disabled", reason)


def refuse_account(connection: Connection, client: HostawayClient, reason: str) -> None:
    """Stop the account of a client whose credentials Hostaway refused, so that nothing hammers.

    Nothing happens when the secret was replaced since the client got it, or when the client's account is not registered
    (a hook may bring credentials of its own). `rotate_secret` revives the account.
    """
    stored = DatabaseSecretsStore(connection).get(client.account_id, CLIENT_SECRET)
    if stored and client.uses(stored):
        _set_state(connection, client.account_id, "refused", reason)


def get_account(connection: Connection, account_id: int) -> Account:
    """One registered account.

    :raises UnknownAccount: when it is not registered.
    """
    row = connection.execute(_QUERIES["get_account"], {"account_id": account_id}).fetchone()
    if row is None:
        raise UnknownAccount(f"Account {account_id} is not registered: `sync-hostaway accounts add {account_id}`")
    return Account(**row)


def list_accounts(connection: Connection) -> list[Account]:
    """Every registered account, ordered by id."""
    return [Account(**row) for row in connection.execute(_QUERIES["list_accounts"])]


def client_for(connection: Connection, account_id: int, priority: Priority = Priority.FULL) -> HostawayClient:
    """A client with an account's stored credentials, and the access token and request budget all processes share.

    :param priority: how urgent its requests are.
    :raises UnknownAccount: when it is not registered.
    :raises InactiveAccount: when it is disabled or refused.
    """
    account = get_account(connection, account_id)
    if account.state != "active":
        because = f": {account.state_reason}" if account.state_reason else ""
        raise InactiveAccount(f"Account {account_id} is {account.state}{because}")
    secret = DatabaseSecretsStore(connection).get(account_id, CLIENT_SECRET)
    if secret is None:
        raise UnknownAccount(f"Account {account_id} has no stored secret: `sync-hostaway accounts rotate {account_id}`")
    return HostawayClient(
        Credentials(account_id, secret),
        token_store=SharedTokenStore(account_id),
        budget=budget_for(account_id, priority, get_settings()),
    )


def refresh_snapshot(connection: Connection) -> None:
    """Write the file that the Dags are made from.

    One process at a time, from reading the registry to writing the file: otherwise one that read early and wrote late
    would drop the account that another one added in between, and its Dag with it.
    """
    connection.execute(_QUERIES["lock_snapshot"])
    try:
        path = get_settings().snapshot_file
        mirrored = {known.account_id: known for known in read_snapshot(path)}
        for account in list_accounts(connection):
            # An account that is not in the registry stays: an empty registry is rather one that was not restored yet.
            # A refused one keeps its Dag: there its operator sees what is wrong.
            if account.state == "disabled":
                mirrored.pop(account.account_id, None)
            else:
                mirrored[account.account_id] = _in_snapshot(account)
        write_snapshot(path, sorted(mirrored.values(), key=lambda account: account.account_id))
    finally:
        connection.execute(_QUERIES["unlock_snapshot"])


def _check(account_id: int, client_secret: str) -> None:
    budget = budget_for(account_id, Priority.DELTA, get_settings())
    with HostawayClient(Credentials(account_id, client_secret), budget=budget) as client:
        client.check_credentials()


def _store_secret(connection: Connection, account_id: int, client_secret: str) -> None:
    store = DatabaseSecretsStore(connection)
    store.put(account_id, CLIENT_SECRET, client_secret)
    store.delete(account_id, ACCESS_TOKEN)


def _in_snapshot(account: Account) -> SnapshotAccount:
    registered_at = account.created_at.astimezone(UTC).isoformat()
    return SnapshotAccount(account.account_id, registered_at, account.name, account.options)


def _set_state(connection: Connection, account_id: int, state: str, reason: str | None) -> None:
    params = {"account_id": account_id, "state": state, "reason": reason}
    if connection.execute(_QUERIES["set_state"], params).fetchone() is None:
        raise UnknownAccount(f"Account {account_id} is not registered: `sync-hostaway accounts add {account_id}`")
    refresh_snapshot(connection)
