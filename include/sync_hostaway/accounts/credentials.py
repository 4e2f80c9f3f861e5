"""The credentials of an account: checked with Hostaway before they are stored."""

from __future__ import annotations

from sync_hostaway.accounts.secrets.store import ACCESS_TOKEN, CLIENT_SECRET, secrets_store
from sync_hostaway.accounts.token_store import dump_token
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import CredentialsRejected
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.auth import Credentials, MemoryTokenStore, Token
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.rate_limiter import Priority, rate_limiter_for

# Seconds. An operator waits; their HTTP request holds a place of the API server, and proxies give up after a minute.
_TIME_LIMIT = 15.0


def token_for_credentials(account_id: int, client_secret: str, otherwise: str) -> Token:
    """The access token that Hostaway returns for credentials.

    :param otherwise: the part of the error about the stored account.
    :raises CredentialsRejected: when Hostaway does not accept them.
    :raises HostawayTransientError: when Hostaway does not answer in time.
    """
    rate_limiter = rate_limiter_for(account_id, Priority.DELTA, get_settings())
    tokens = MemoryTokenStore()
    with HostawayClient(
        Credentials(account_id, client_secret),
        token_store=tokens,
        rate_limiter=rate_limiter,
        time_limit=_TIME_LIMIT,
    ) as client:
        try:
            client.check_credentials()
        except CredentialsRejected:
            raise CredentialsRejected(
                f"Hostaway does not accept this API key for account {account_id}. {otherwise}. Compare account id and "
                "key with Hostaway's page Settings > Hostaway API, and run the command again with the right ones"
            ) from None
    token = tokens.load()
    if token is None:
        raise AssertionError("unreachable: without an exception, the client has saved its token")
    return token


def store_credentials(connection: Connection, account_id: int, client_secret: str, token: Token) -> None:
    """Store the API key of an account, and the access token that its check returned."""
    store = secrets_store(connection)
    store.put(account_id, CLIENT_SECRET, client_secret)
    store.put(account_id, ACCESS_TOKEN, dump_token(token))
