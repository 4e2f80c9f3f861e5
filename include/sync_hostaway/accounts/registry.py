"""Registers, lists, disables and re-keys accounts. The command line and the HTTP API only call this."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from psycopg.types.json import Jsonb

from sync_hostaway.accounts.api_key import clean_api_key
from sync_hostaway.accounts.credentials import store_credentials, token_for_credentials
from sync_hostaway.accounts.options import AccountOptions
from sync_hostaway.accounts.secrets.store import CLIENT_SECRET, secrets_store
from sync_hostaway.accounts.token_store import SharedTokenStore
from sync_hostaway.core.db import Connection, fetch_value, load_queries, warehouse_clock
from sync_hostaway.core.exceptions import (
    InactiveAccount,
    InvalidOptions,
    InvalidValue,
    UnknownAccount,
)
from sync_hostaway.core.settings import Settings, get_settings
from sync_hostaway.core.text import visible
from sync_hostaway.hostaway.auth import Credentials
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.rate_limiter import Priority, RateLimits, rate_limiter_for
from sync_hostaway.hostaway.values import LARGEST_ID, as_id

_QUERIES = load_queries(Path(__file__).with_name("accounts.sql"))


@dataclass(frozen=True)
class Account:
    """A registered account, without its secret.

    :param resumed_at: when it last became active again, after a new API key or a pause; None: it always was active.
    """

    account_id: int
    name: str | None
    state: str
    state_reason: str | None
    options: dict[str, Any]
    created_at: datetime
    resumed_at: datetime | None = None

    @property
    def settings(self) -> Settings:
        """The settings with the options of this account.

        :raises InvalidOptions: when one of its options is wrong.
        """
        return AccountOptions.of(self.account_id, self.options).applied_to(get_settings())


def add_account(
    connection: Connection,
    account_id: int,
    client_secret: str,
    *,
    name: str | None = None,
    options: dict[str, Any] | None = None,
    changed_by: str | None = None,
) -> bool:
    """Register an account after Hostaway accepted its credentials, or renew the secret of a registered one.

    Returns whether it is new.

    :param name: for operators; None keeps the present name.
    :param options: see `AccountOptions`; options that are left out do not change.
    :param changed_by: the operator, for `ops.account_changes`.
    :raises CredentialsRejected: when Hostaway does not accept them; nothing is stored then.
    :raises InvalidValue: when the id cannot be an account id, when the name is not one line of 1 to 200 characters, or
        when the key holds what no key can; blanks and quotes around it are removed.
    :raises InvalidOptions: when the options are wrong; nothing is stored then.
    """
    if as_id(account_id) is None:
        # Checked before the key is sent to Hostaway: no table could store the account.
        raise InvalidValue(f"An account id is a number from 1 to {LARGEST_ID}")
    AccountOptions.of(account_id, options or {})
    name = _single_line("name", name, 200)
    client_secret = clean_api_key(client_secret)
    token = token_for_credentials(account_id, client_secret, "Nothing was stored")
    with connection.transaction():
        connection.execute(_QUERIES["note_who_changes"], {"changed_by": changed_by or ""})
        is_new = bool(fetch_value(connection, _QUERIES["put_account"], {"account_id": account_id, "name": name}))
        if options:
            _merge_options(connection, account_id, options)
        store_credentials(connection, account_id, client_secret, token)
    note_settings(connection)
    return is_new


@dataclass(frozen=True)
class AccountChanges:
    """Changes of an account; the defaults change nothing.

    :param client_secret: a new API key.
    :param options: by name; None resets an option to the setting. See `AccountOptions`.
    :param name: another name, or none, where `is_renamed`.
    :param state: with the reason, where it is disabled.
    :param changed_by: the operator, for `ops.account_changes`.
    """

    client_secret: str | None = field(default=None, repr=False)
    options: dict[str, Any] = field(default_factory=dict)
    name: str | None = None
    is_renamed: bool = False
    state: Literal["active", "disabled"] | None = None
    reason: str | None = None
    changed_by: str | None = None


def change_account(connection: Connection, account_id: int, changes: AccountChanges) -> None:
    """Make all changes, or none if one of them is refused.

    A new secret is checked before it replaces the old one. It makes an account active whose credentials were rejected;
    a disabled account stays disabled. Running syncs continue with the token from the check.

    :raises UnknownAccount: when it is not registered.
    :raises CredentialsRejected: when Hostaway does not accept the new secret.
    :raises InvalidValue: when the key contains characters that keys do not have (see `clean_api_key`), or when the name
        or the reason is not one line of text.
    :raises InvalidOptions: when the options would be wrong.
    :raises InactiveAccount: when it should become active, but its credentials were rejected: only a new secret helps.
    """
    get_account(connection, account_id)
    name, reason = _single_line("name", changes.name, 200), _single_line("reason", changes.reason, 500)
    secret = clean_api_key(changes.client_secret) if changes.client_secret is not None else None
    token = token_for_credentials(account_id, secret, "The stored key was not changed") if secret else None
    params = {"account_id": account_id}
    with connection.transaction():
        connection.execute(_QUERIES["note_who_changes"], {"changed_by": changes.changed_by or ""})
        connection.execute(_QUERIES["lock_account"], params)
        if token:
            connection.execute(_QUERIES["reactivate_rejected"], params)
        if changes.options:
            _merge_options(connection, account_id, changes.options)
        if changes.is_renamed:
            connection.execute(_QUERIES["rename"], {**params, "name": name})
        if changes.state == "active" and get_account(connection, account_id).state == "credentials_rejected":
            raise InactiveAccount(
                f"Hostaway rejects the credentials of account {account_id}: store a new API key instead "
                f"(`sync-hostaway accounts rotate {account_id}`)"
            )
        if changes.state:
            connection.execute(_QUERIES["set_state"], {**params, "state": changes.state, "reason": reason})
        if secret and token:
            # The last step, because a store outside of the warehouse does not roll back.
            store_credentials(connection, account_id, secret, token)
    note_settings(connection)


def _single_line(what: str, text: str | None, longest: int) -> str | None:
    # As in api/http/inputs.py: PostgreSQL stores no NUL, and Airflow cannot read a Dag whose display name is too long.
    if text is None or (what == "reason" and not text):
        return text
    text = text.strip()
    if not 1 <= len(text) <= longest or any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise InvalidValue(f"The {what} of an account is one line of 1 to {longest} characters")
    return text


def rotate_secret(connection: Connection, account_id: int, client_secret: str) -> None:
    """Replace the secret of a registered account; the new one is checked first.

    See `change_account`.
    """
    change_account(connection, account_id, AccountChanges(client_secret=client_secret))


def disable_account(connection: Connection, account_id: int, reason: str | None = None) -> None:
    """Stop mirroring an account; its rows and its secret stay.

    :raises UnknownAccount: when it is not registered.
    """
    change_account(connection, account_id, AccountChanges(state="disabled", reason=reason))


def enable_account(connection: Connection, account_id: int) -> None:
    """Mirror a disabled account again; an active one does not change.

    :raises UnknownAccount: when it is not registered.
    :raises InactiveAccount: when its credentials were rejected: only a new secret helps.
    """
    change_account(connection, account_id, AccountChanges(state="active"))


def rename_account(connection: Connection, account_id: int, name: str | None) -> None:
    """Give an account another name, or none.

    :raises UnknownAccount: when it is not registered.
    """
    change_account(connection, account_id, AccountChanges(name=name, is_renamed=True))


def change_options(connection: Connection, account_id: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Change some of an account's options and return all of them.

    :param changes: by name; null resets an option to the setting. See `AccountOptions`.
    :raises UnknownAccount: when it is not registered.
    :raises InvalidOptions: when they would be wrong; nothing is changed then.
    """
    change_account(connection, account_id, AccountChanges(options=changes))
    return get_account(connection, account_id).options


def mark_credentials_rejected(connection: Connection, client: HostawayClient, reason: str) -> None:
    """Stop the account of a client whose credentials Hostaway rejected, so that no more requests are sent.

    This has no effect if the secret was replaced in the meantime, or if the client's account is not registered (a hook
    may have its own credentials). `rotate_secret` reactivates the account.
    """
    stored = secrets_store(connection).get(client.account_id, CLIENT_SECRET)
    if stored and client.uses(stored):
        params = {"account_id": client.account_id, "state": "credentials_rejected", "reason": reason}
        connection.execute(_QUERIES["set_state"], params)
        note_settings(connection)


def get_account(connection: Connection, account_id: int) -> Account:
    """One registered account.

    :raises UnknownAccount: when it is not registered.
    """
    row = connection.execute(_QUERIES["get_account"], {"account_id": account_id}).fetchone()
    if row is None:
        raise UnknownAccount.numbered(account_id)
    return Account(**row)


def is_active(connection: Connection, account_id: int) -> bool:
    """Whether an account is registered and active: neither disabled nor with rejected credentials."""
    row = connection.execute(_QUERIES["get_account"], {"account_id": account_id}).fetchone()
    return row is not None and row["state"] == "active"


def list_accounts(connection: Connection) -> list[Account]:
    """Every registered account, ordered by id."""
    return [Account(**row) for row in connection.execute(_QUERIES["list_accounts"])]


def client_for(
    connection: Connection,
    account_id: int,
    priority: Priority = Priority.FULL,
    *,
    single_try_timeout: float | None = None,
    allow_disabled: bool = False,
    shares_connection: bool = False,
) -> HostawayClient:
    """A client with an account's stored credentials and options, and with the shared access token and request budget.

    :param priority: how urgent its requests are.
    :param single_try_timeout: see `HostawayClient`.
    :param allow_disabled: permit a disabled account, to remove its webhook.
    :param shares_connection: the client reads and renews its token with `connection`, which must not be in a
        transaction during requests. By default it opens connections for that.
    :raises UnknownAccount: when it is not registered.
    :raises InactiveAccount: when it is disabled or its credentials were rejected.
    :raises InvalidOptions: when its options are wrong.
    """
    account = get_account(connection, account_id)
    if account.state != "active" and not (allow_disabled and account.state == "disabled"):
        because = f": {visible(account.state_reason)}" if account.state_reason else ""
        remedy = "rotate" if account.state == "credentials_rejected" else "enable"
        raise InactiveAccount(
            f"Account {account_id} is {account.state}{because} (`sync-hostaway accounts {remedy} {account_id}`)"
        )
    store = secrets_store(connection)
    secret = store.get(account_id, CLIENT_SECRET)
    if secret is None:
        raise UnknownAccount(f"Account {account_id} has no API key: {store.remedy(account_id)}")
    settings = account.settings
    return HostawayClient(
        Credentials(account_id, secret),
        token_store=SharedTokenStore(account_id, connection if shares_connection else None),
        rate_limiter=rate_limiter_for(account_id, priority, settings),
        settings=settings,
        single_try_timeout=single_try_timeout,
        now=warehouse_clock(connection),
    )


def note_settings(connection: Connection) -> None:
    """Write the settings of each account, with its options applied, into `ops.account_settings`, for the status views.

    An account whose options this version refuses gets the settings of all accounts.
    """
    accounts = list_accounts(connection)
    found = [settings_of(account) for account in accounts]
    limits = [RateLimits.of(settings).account for settings in found]
    connection.execute(
        _QUERIES["put_settings"],
        {
            "account_ids": [account.account_id for account in accounts],
            "resources": [",".join(settings.resources) for settings in found],
            "stale_after": [settings.schedule.longest_without_sync for settings in found],
            "sync_every_hours": [settings.sync_every_hours for settings in found],
            "calls_per_second": [limit.calls / limit.seconds if limit else None for limit in limits],
        },
    )


def settings_of(account: Account) -> Settings:
    """The settings with an account's options; without them if this version refuses the options."""
    # Wrong options must not hide the status of the account.
    with suppress(InvalidOptions):
        return account.settings
    return get_settings()


def _merge_options(connection: Connection, account_id: int, changes: dict[str, Any]) -> dict[str, Any]:
    row = connection.execute(_QUERIES["lock_account"], {"account_id": account_id}).fetchone()
    if row is None:
        raise UnknownAccount.numbered(account_id)
    merged = {name: value for name, value in {**row["options"], **changes}.items() if value is not None}
    options = AccountOptions.of(account_id, merged).model_dump(mode="json", exclude_unset=True)
    connection.execute(_QUERIES["set_options"], {"account_id": account_id, "options": Jsonb(options)})
    return options
