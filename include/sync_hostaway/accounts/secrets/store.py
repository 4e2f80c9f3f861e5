"""The stores of credentials. Every implementation encrypts; none stores unencrypted text.

There are two kinds of secrets. API keys, which users provide, are in the store that the setting `secrets_store`
selects. Secrets that sync-hostaway generates (access tokens, webhook passwords) are always in the database, encrypted.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from psycopg.errors import ForeignKeyViolation

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.exceptions import ConfigurationError, UnknownAccount
from sync_hostaway.core.settings import get_settings

_QUERIES = load_queries(Path(__file__).parent.with_name("accounts.sql"))

CLIENT_SECRET = "client_secret"  # noqa: S105 - a name
ACCESS_TOKEN = "access_token"  # noqa: S105 - a name
WEBHOOK_PASSWORD = "webhook_password"  # noqa: S105 - a name


class SecretsStore(Protocol):
    """Keeps named secrets per account."""

    def get(self, account_id: int, name: str) -> str | None:
        """A secret, or None when the account has none of that name."""

    def put(self, account_id: int, name: str, value: str) -> None:
        """Store or replace a secret."""

    def delete(self, account_id: int, name: str) -> str | None:
        """Delete a secret, if it exists. Returns the place that still has it, if this place can only be read."""

    def remedy(self, account_id: int) -> str:
        """What an operator does when an account has no API key."""


def secrets_store(connection: Connection) -> SecretsStore:
    """The store that the setting `secrets_store` selects."""
    database = DatabaseSecretsStore(connection)
    if get_settings().secrets_store == "database":
        return database
    from sync_hostaway.accounts.secrets.airflow import AirflowSecretsStore

    return AirflowSecretsStore(database)


class DatabaseSecretsStore:
    """Fernet tokens in `ops.secrets`.

    With several keys, the first encrypts and all of them decrypt, so that keys can be rotated. It protects dumps and
    replicas of the database. It does not protect against a reader of both the database and the keys. Deleting a secret
    needs no key.
    """

    def __init__(self, connection: Connection, keys: list[str] | None = None) -> None:
        self._connection = connection
        self._given_keys = keys

    @cached_property
    def _keys(self) -> list[Fernet]:
        """The keys.

        :raises ConfigurationError: when there is no usable key.
        """
        try:
            return [Fernet(key) for key in self._given_keys or get_settings().fernet_keys()]
        except ValueError as error:
            raise ConfigurationError(
                "AIRFLOW__HOSTAWAY__SECRET_KEYS contains a text that is not a Fernet key "
                "(32 bytes, URL-safe base64; `sync-hostaway secrets new-key` prints one)"
            ) from error

    @property
    def _fernet(self) -> MultiFernet:
        return MultiFernet(self._keys)

    def get(self, account_id: int, name: str) -> str | None:
        """A secret, or None when the account has none of that name.

        :raises ConfigurationError: when there is no usable key, or none that can decrypt it.
        """
        fernet = self._fernet
        ciphertext = fetch_value(self._connection, _QUERIES["get_secret"], {"account_id": account_id, "name": name})
        if ciphertext is None:
            return None
        try:
            return fernet.decrypt(ciphertext).decode()
        except InvalidToken as error:
            raise _lost_key(account_id, name) from error

    def put(self, account_id: int, name: str, value: str) -> None:
        """Store or replace a secret.

        :raises UnknownAccount: when the account is not registered.
        """
        params = {"account_id": account_id, "name": name, "ciphertext": self._fernet.encrypt(value.encode())}
        try:
            self._connection.execute(_QUERIES["put_secret"], params)
        except ForeignKeyViolation:
            raise UnknownAccount.numbered(account_id) from None

    def delete(self, account_id: int, name: str) -> None:
        """Delete a secret, if it exists."""
        self._connection.execute(_QUERIES["delete_secret"], {"account_id": account_id, "name": name})

    def remedy(self, account_id: int) -> str:
        """What an operator does when an account has no API key."""
        return f"`sync-hostaway accounts rotate {account_id}` stores one"

    def rotate_key(self) -> int:
        """Encrypt every secret with the first key; returns the number of secrets that were encrypted again.

        One secret at a time, each in a transaction: it may be interrupted and repeated, and other processes wait for at
        most one row.

        :raises ConfigurationError: when no configured key can decrypt a secret; those before it are done.
        """
        done = 0
        for known in self._connection.execute(_QUERIES["list_secrets"]).fetchall():
            with self._connection.transaction():
                # Read again under the row's lock: it may have been replaced or deleted since.
                row = self._connection.execute(_QUERIES["lock_secret"], known).fetchone()
                if row is None or self._is_newest(row["ciphertext"]):
                    continue
                try:
                    ciphertext = self._fernet.rotate(row["ciphertext"])
                except InvalidToken as error:
                    raise _lost_key(known["account_id"], known["name"]) from error
                self._connection.execute(_QUERIES["reencrypt_secret"], {**known, "ciphertext": ciphertext})
                done += 1
        return done

    def _is_newest(self, ciphertext: bytes) -> bool:
        try:
            self._keys[0].decrypt(ciphertext)
        except InvalidToken:
            return False
        return True


def _lost_key(account_id: int, name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The {name} of account {account_id} was encrypted with a key that AIRFLOW__HOSTAWAY__SECRET_KEYS does not "
        f"hold. Add the old key after the new one, or store it again: `sync-hostaway accounts rotate {account_id}` "
        f"for an API key, `sync-hostaway webhooks rotate {account_id}` for a webhook password."
    )
