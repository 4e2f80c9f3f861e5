"""Access tokens that all processes share: encrypted in the SecretsStore, renewed by one process at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sync_hostaway.accounts.secrets.store import ACCESS_TOKEN, secrets_store
from sync_hostaway.core.db import Connection, advisory_lock, connect
from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.hostaway.auth import Token


class SharedTokenStore:
    """A `TokenStore` in the warehouse.

    :param connection: the connection to use. Without it, each use opens one: a client reads its token once, and a token
        is renewed about twice a year.
    """

    def __init__(self, account_id: int, connection: Connection | None = None) -> None:
        self._account_id = account_id
        self._connection = connection

    def load(self) -> Token | None:
        """The stored token, if there is one."""
        with self._connected() as connection:
            try:
                stored = secrets_store(connection).get(self._account_id, ACCESS_TOKEN)
            except ConfigurationError:
                # Its encryption key is missing. A new token costs one request, because it is derived from the API key.
                stored = None
        return Token(**json.loads(stored)) if stored else None

    def save(self, token: Token) -> None:
        """Replace the stored token."""
        with self._connected() as connection:
            secrets_store(connection).put(self._account_id, ACCESS_TOKEN, dump_token(token))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One process at a time renews the token."""
        with self._connected() as connection, advisory_lock(connection, "access token", self._account_id):
            yield

    def _connected(self) -> AbstractContextManager[Connection]:
        return nullcontext(self._connection) if self._connection else connect()


def dump_token(token: Token) -> str:
    """A token in the form in which the SecretsStore stores it; a secret."""
    return json.dumps({"value": token.value, "issued_at": token.issued_at, "expires_at": token.expires_at})
