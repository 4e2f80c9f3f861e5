"""Access tokens shared by every process of an account: encrypted in the SecretsStore, renewed by one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sync_hostaway.accounts.secrets_store import ACCESS_TOKEN, secrets_store
from sync_hostaway.exceptions import ConfigurationError
from sync_hostaway.hostaway.auth import Token
from sync_hostaway.warehouse import connect, load_queries

_QUERIES = load_queries(Path(__file__).with_name("accounts.sql"))


class SharedTokenStore:
    """A `TokenStore` in the warehouse.

    It opens a connection per use: a token is read once per process and renewed about twice a year.
    """

    def __init__(self, account_id: int) -> None:
        self._account_id = account_id

    def load(self) -> Token | None:
        """The stored token, if there is one."""
        with connect() as connection:
            try:
                stored = secrets_store(connection).get(self._account_id, ACCESS_TOKEN)
            except ConfigurationError:
                # Its key is gone, or not here yet. It is derived from the API key: a new one costs one request.
                stored = None
        return Token(**json.loads(stored)) if stored else None

    def save(self, token: Token) -> None:
        """Replace the stored token."""
        with connect() as connection:
            secrets_store(connection).put(self._account_id, ACCESS_TOKEN, dump_token(token))

    def lock(self) -> AbstractContextManager[object]:
        """An advisory lock: PostgreSQL releases it when the holder dies."""
        return self._locked()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with connect() as connection:
            connection.execute(_QUERIES["lock_token"], {"account_id": self._account_id})
            try:
                yield
            finally:
                connection.execute(_QUERIES["unlock_token"], {"account_id": self._account_id})


def dump_token(token: Token) -> str:
    """A token as the SecretsStore keeps it; a secret."""
    return json.dumps({"value": token.value, "issued_at": token.issued_at, "expires_at": token.expires_at})
