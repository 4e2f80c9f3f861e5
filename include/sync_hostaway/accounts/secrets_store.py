"""Where credentials are kept. Every implementation encrypts; none falls back to clear text."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from sync_hostaway.exceptions import ConfigurationError
from sync_hostaway.settings import get_settings
from sync_hostaway.warehouse import Connection, fetch_value, load_queries

_QUERIES = load_queries(Path(__file__).with_name("accounts.sql"))

CLIENT_SECRET = "client_secret"  # noqa: S105 - a name
ACCESS_TOKEN = "access_token"  # noqa: S105 - a name


class SecretsStore(Protocol):
    """Keeps named secrets per account."""

    def get(self, account_id: int, name: str) -> str | None:
        """A secret, or None when the account has none of that name."""

    def put(self, account_id: int, name: str, value: str) -> None:
        """Store or replace a secret."""

    def delete(self, account_id: int, name: str) -> None:
        """Forget a secret; forgetting an unknown one is fine."""


class DatabaseSecretsStore:
    """Fernet tokens in `ops.secrets`.

    With several keys, the first encrypts and all of them decrypt, so that keys can be rotated. It protects dumps and
    replicas of the database; whoever can read both the database and the keys can read the secrets.

    :raises ConfigurationError: when there is no usable key.
    """

    def __init__(self, connection: Connection, keys: list[str] | None = None) -> None:
        self._connection = connection
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys or get_settings().fernet_keys()])
        except ValueError as error:
            raise ConfigurationError(
                "AIRFLOW__HOSTAWAY__SECRET_KEYS holds something that is not a Fernet key "
                "(32 bytes, URL-safe base64; `sync-hostaway secrets new-key` prints one)"
            ) from error

    def get(self, account_id: int, name: str) -> str | None:
        """A secret, or None when the account has none of that name.

        :raises ConfigurationError: when no configured key can decrypt it.
        """
        ciphertext = fetch_value(self._connection, _QUERIES["get_secret"], {"account_id": account_id, "name": name})
        if ciphertext is None:
            return None
        try:
            return self._fernet.decrypt(ciphertext).decode()
        except InvalidToken as error:
            raise ConfigurationError(
                f"The {name} of account {account_id} was encrypted with a key that AIRFLOW__HOSTAWAY__SECRET_KEYS "
                "does not hold. Add the old key behind the new one, or store the secret again with "
                f"`sync-hostaway accounts rotate {account_id}`."
            ) from error

    def put(self, account_id: int, name: str, value: str) -> None:
        """Store or replace a secret."""
        ciphertext = self._fernet.encrypt(value.encode())
        self._connection.execute(
            _QUERIES["put_secret"], {"account_id": account_id, "name": name, "ciphertext": ciphertext}
        )

    def delete(self, account_id: int, name: str) -> None:
        """Forget a secret; forgetting an unknown one is fine."""
        self._connection.execute(_QUERIES["delete_secret"], {"account_id": account_id, "name": name})
