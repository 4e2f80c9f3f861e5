"""Access tokens: exchanged once, cached, renewed by one caller at a time when Hostaway denies one."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import requests

from sync_hostaway.core.exceptions import CredentialsRejected, HostawayMalformedReply
from sync_hostaway.core.redirects import is_redirect
from sync_hostaway.hostaway import endpoints, responses

# A token is renewed this long before it expires, so that it does not expire between two pages of a list.
_RENEW_BEFORE_SECONDS = 3600.0
# Characters that a header can have.
_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Credentials:
    """Account id (the OAuth client_id) and API key of one Hostaway account."""

    account_id: int
    client_secret: str

    def __repr__(self) -> str:
        return f"Credentials(account_id={self.account_id}, client_secret=***)"


@dataclass(frozen=True)
class Token:
    """An access token; times are Unix seconds of our clock."""

    value: str
    issued_at: float
    expires_at: float

    def __repr__(self) -> str:
        return f"Token(***, issued_at={self.issued_at}, expires_at={self.expires_at})"

    @property
    def is_fresh(self) -> bool:
        """Whether it is valid for long enough to be used."""
        return self.expires_at - _RENEW_BEFORE_SECONDS > time.time()


class TokenStore(Protocol):
    """A store of tokens, shared by processes."""

    def load(self) -> Token | None:
        """The stored token, if there is one."""

    def save(self, token: Token) -> None:
        """Replace the stored token."""

    def lock(self) -> AbstractContextManager[object]:
        """Held while a token is renewed, so that one process renews and the others wait for it."""


class MemoryTokenStore:
    """Keeps the token in this process only."""

    def __init__(self) -> None:
        self._token: Token | None = None

    def load(self) -> Token | None:
        """The stored token, if there is one."""
        return self._token

    def save(self, token: Token) -> None:
        """Replace the stored token."""
        self._token = token

    def lock(self) -> AbstractContextManager[object]:
        """No lock is needed: `TokenProvider` renews in one thread at a time."""
        return nullcontext()


class TokenProvider:
    """Returns the current token of one account, and renews it on demand.

    :param exchange: gets a new token from Hostaway.
    :param settling: seconds until Hostaway accepts a new token; before that, it answers 403.
    """

    def __init__(self, exchange: Callable[[], Token], store: TokenStore, settling: float) -> None:
        self._settling = settling
        self._exchange = exchange
        self._store = store
        self._lock = threading.Lock()
        self._token: Token | None = None

    def current(self) -> Token:
        """The token to use now."""
        token = self._token
        if token and token.is_fresh:
            return token
        return self.renew(rejected=token)

    def known_values(self) -> list[str]:
        """Token values that must not appear in any message."""
        token = self._token
        return [token.value] if token else []

    def renew(self, rejected: Token | None) -> Token:
        """Replace a token that Hostaway denied. Concurrent callers get the token of the first one."""
        with self._lock:
            if self._token and self._token.is_fresh and self._token != rejected:
                return self._token
            self._token = self._stored_other_than(rejected)
            if self._token is None:
                with self._store.lock():
                    self._token = self._stored_other_than(rejected) or self._exchange_and_save()
            self._wait_until_accepted(self._token)
            return self._token

    def _wait_until_accepted(self, token: Token) -> None:
        # Never longer than for a new token: the clock that stamped it may be ahead of ours, or ours was set back.
        pause = min(token.issued_at + self._settling - time.time(), self._settling)
        if pause > 0:
            time.sleep(pause)

    def _stored_other_than(self, rejected: Token | None) -> Token | None:
        token = self._store.load()
        if token and token.is_fresh and (rejected is None or token.value != rejected.value):
            return token
        return None

    def _exchange_and_save(self) -> Token:
        token = self._exchange()
        self._store.save(token)
        return token


def exchange_credentials(post: Callable[[dict[str, str]], requests.Response], credentials: Credentials) -> Token:
    """Get a new access token for an account.

    :param post: sends a form to the token endpoint.
    :raises CredentialsRejected: when Hostaway does not accept the account id with this API key.
    """
    requested_at = time.time()
    response = post(
        {
            "grant_type": "client_credentials",
            "client_id": str(credentials.account_id),
            "client_secret": credentials.client_secret,
            "scope": "general",
        }
    )
    if is_redirect(response):
        # A redirect is not Hostaway's response to the credentials.
        responses.read_reply(response)
    # Only OAuth error codes count: a 400 or 403 may come from a firewall in between, and an account with rejected
    # credentials needs an operator.
    body = _oauth_body(response)
    if response.status_code == requests.codes.unauthorized or body.get("error") == "invalid_client":
        raise CredentialsRejected(account_id=credentials.account_id, url=endpoints.ACCESS_TOKENS)
    if response.status_code != requests.codes.ok:
        responses.read_reply(response)
    value, seconds = body.get("access_token"), _seconds(body.get("expires_in"))
    if not isinstance(value, str) or not _TOKEN.fullmatch(value) or not math.isfinite(seconds):
        raise HostawayMalformedReply(
            f"The token response lacks a usable access_token or expires_in: it has {sorted(body) or 'no JSON object'}",
            account_id=credentials.account_id,
            url=endpoints.ACCESS_TOKENS,
        )
    return Token(value, time.time(), requested_at + seconds)


def _seconds(value: Any) -> float:
    """A number or its text; NaN for any other value."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _oauth_body(response: requests.Response) -> dict[str, Any]:
    try:
        body = responses.decode(response.content)
    except HostawayMalformedReply:
        return {}
    return body if isinstance(body, dict) else {}
