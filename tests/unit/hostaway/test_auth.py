"""One token for everybody: renewed by one, waited for by the others."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sync_hostaway.core.exceptions import HostawayMalformedReply
from sync_hostaway.hostaway.auth import Credentials, MemoryTokenStore, Token, TokenProvider, exchange_credentials


class Exchange:
    """Counts how often a token was fetched."""

    def __init__(self, lifetime: float = 86_400) -> None:
        self.count = 0
        self._lifetime = lifetime
        self._lock = threading.Lock()

    def __call__(self) -> Token:
        with self._lock:
            self.count += 1
            now = time.time()
            return Token(f"token {self.count}", now, now + self._lifetime)


def test_many_threads_that_were_denied_renew_once() -> None:
    exchange = Exchange()
    provider = TokenProvider(exchange, MemoryTokenStore(), settling=0)
    rejected = provider.current()
    with ThreadPoolExecutor(16) as pool:
        renewed = list(pool.map(lambda _: provider.renew(rejected), range(64)))
    assert exchange.count == 2
    assert {token.value for token in renewed} == {"token 2"}


def test_a_token_that_another_process_stored_is_taken_over() -> None:
    exchange, store = Exchange(), MemoryTokenStore()
    mine = TokenProvider(exchange, store, settling=0)
    rejected = mine.current()
    TokenProvider(exchange, store, settling=0).renew(rejected)
    assert mine.renew(rejected).value == "token 2"
    assert exchange.count == 2


def test_a_token_near_its_end_is_renewed_before_it_is_denied() -> None:
    exchange = Exchange(lifetime=60)
    provider = TokenProvider(exchange, MemoryTokenStore(), settling=0)
    provider.current()
    provider.current()
    assert exchange.count == 2


def test_a_new_token_is_not_used_before_hostaway_accepts_it() -> None:
    provider = TokenProvider(Exchange(), MemoryTokenStore(), settling=0.3)
    token = provider.current()
    assert time.time() >= token.issued_at + 0.3


def test_a_token_of_a_clock_that_is_ahead_is_waited_for_no_longer_than_any_other() -> None:
    """The clock of this machine was set back, or the token was fetched by a machine whose clock is ahead."""
    store, now = MemoryTokenStore(), time.time()
    store.save(Token("token", issued_at=now + 3600, expires_at=now + 86_400))
    began = time.monotonic()
    assert TokenProvider(Exchange(), store, settling=0.1).current().value == "token"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token": null, "expires_in": 60}',
        b'{"access_token": "", "expires_in": 60}',
        b'{"access_token": {"a": 1}, "expires_in": 60}',
        b'{"access_token": "hunter2\\r\\nX: 1", "expires_in": 60}',
        '{"access_token": "hunter2\u00e9", "expires_in": 60}'.encode(),
        b'{"access_token": "hunter2", "expires_in": NaN}',
        b'{"access_token": "hunter2", "expires_in": Infinity}',
        b'{"access_token": "hunter2", "expires_in": 1e999}',
        b'{"access_token": "hunter2", "expires_in": "soon"}',
        b'{"access_token": "hunter2"}',
        b"[]",
    ],
)
def test_an_unusable_token_is_an_error_of_the_answer(body: bytes) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = 200, body
    with pytest.raises(HostawayMalformedReply, match="access_token or expires_in") as error:
        exchange_credentials(lambda _: answer, Credentials(701, "s3cret"))
    assert "hunter2" not in str(error.value)


def test_neither_secret_nor_token_shows_in_a_repr() -> None:
    assert "hunter2" not in repr(Credentials(701, "hunter2"))
    assert "hunter2" not in repr(Token("hunter2", 0, 0))
