"""An answer that never ends is given up, wherever it is slow; and what was wrong with a connection is said plainly."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sync_hostaway.core.exceptions import HostawayUnreachable
from sync_hostaway.core.settings import Settings
from sync_hostaway.hostaway import client as client_module
from sync_hostaway.hostaway.auth import Credentials, MemoryTokenStore, Token
from sync_hostaway.hostaway.client import HostawayClient

OK = b"HTTP/1.1 200 OK\r\n"
JSON = b'{"status": "success", "result": []}'


@contextmanager
def answering(at_once: bytes, slowly: bytes = b"", pause: float = 0.05) -> Iterator[str]:
    """URL of a server that sends the first bytes at once, and the others one by one, over and over."""
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(at_once)
            while slowly and not done.is_set():
                for byte in slowly:
                    connection.sendall(bytes([byte]))
                    if done.wait(pause):
                        break

    def listen() -> None:
        with suppress(OSError):
            while True:
                serve(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT", 0.2)
    monkeypatch.setattr(client_module, "RESPONSE_TIMEOUT", 1.0)
    monkeypatch.setattr(client_module, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(client_module, "TOKEN_SETTLING", 0.0)


def client_of(url: str, tmp_path: Path, max_seconds: float | None = None) -> HostawayClient:
    tokens = MemoryTokenStore()
    tokens.save(Token("of-a-test", 0, time.time() + 10**8))
    settings = Settings(api_url=url, home=tmp_path)
    return HostawayClient(
        Credentials(701, "secret-701"), token_store=tokens, settings=settings, single_try_timeout=max_seconds
    )


@pytest.mark.parametrize(
    ("at_once", "slowly"),
    [
        (b"", b"H"),
        (OK, b"X-A: b\r\n"),
        (OK + b"X-Long: ", b"x"),
        (OK + b"Content-Length: 1000000\r\n\r\n", b" "),
        (OK + b"\r\n", b" "),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b" " * 10)[:8], b"\0"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status", "headers", "header", "length", "until-close", "chunks", "gzip", "continue"],
)
@pytest.mark.parametrize("max_seconds", [None, 1.0])
def test_an_answer_byte_by_byte_is_given_up(
    tmp_path: Path, at_once: bytes, slowly: bytes, max_seconds: float | None
) -> None:
    with answering(at_once, slowly) as url, client_of(url, tmp_path, max_seconds) as client:
        began = time.monotonic()
        with pytest.raises(HostawayUnreachable, match="was not complete in time"):
            client.get("/v1/listings")
        # The limit is a second: of every client, or the max_seconds of the caller.
        assert 0.9 < time.monotonic() - began < 15


def test_an_answer_that_stops_is_given_up_after_the_read_timeout(tmp_path: Path) -> None:
    with answering(OK + b"Content-Length: 5\r\n\r\n", b"x", pause=20) as url, client_of(url, tmp_path) as client:
        began = time.monotonic()
        with pytest.raises(HostawayUnreachable, match="timed out"):
            client.get("/v1/listings")
        assert time.monotonic() - began < 15


def test_an_answer_that_is_slow_but_complete_in_time_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT", 10.0)
    monkeypatch.setattr(client_module, "RESPONSE_TIMEOUT", 30.0)
    head = OK + b"Content-Length: %d\r\n\r\n" % len(JSON)
    with answering(head, JSON, pause=0.01) as url, client_of(url, tmp_path) as client:
        assert client.get("/v1/listings").result == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "closed connection"),
        (b"no HTTP at all\r\n\r\n", "is not HTTP"),
        (b"\x1b[31mHTTP\r\n", "is not HTTP"),
        (OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n", "is not HTTP"),
        (OK + b"Content-Length: 100\r\n\r\n{", "ended early"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", "ended early"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nxx\r\n{", ""),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip", "cannot be decompressed"),
    ],
)
def test_what_was_wrong_with_a_connection_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, said: str
) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT", 10.0)
    monkeypatch.setattr(client_module, "RESPONSE_TIMEOUT", 30.0)
    with (
        answering(answer) as url,
        client_of(url, tmp_path) as client,
        pytest.raises(HostawayUnreachable) as caught,
    ):
        client.get("/v1/listings")
    text = str(caught.value)
    assert text.startswith("Cannot reach Hostaway: ")
    assert said in text
    # Neither a tuple or call of Python, nor what came.
    assert not re.search(r"\('|\",|'\)|[A-Za-z]+\(|<|\x1b|no HTTP|Errno", text), text
