"""No redirect is followed: where it leads gets no credentials, and its answer counts for nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sync_hostaway.airflow.client import AirflowApi
from sync_hostaway.core.exceptions import AirflowApiError, HostawayMalformedReply
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.auth import Credentials
from sync_hostaway.hostaway.client import HostawayClient

TOKEN = b'{"access_token": "of-a-stranger", "expires_in": 99999999, "status": "success", "result": [], "dags": []}'


@contextmanager
def server(status: int, location: str | None) -> Iterator[tuple[str, list[str]]]:
    """Its URL, and what it was asked for. Each answer is an access token."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(f"{self.command} {self.path}")
            self.send_response(status)
            if location is not None:
                self.send_header("Location", location.encode().decode("latin-1"))
            self.send_header("Content-Length", str(len(TOKEN)))
            self.end_headers()
            self.wfile.write(TOKEN)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the names of the standard library

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()
        thread.join()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("SYNC_HOSTAWAY_HOME", str(tmp_path))
    monkeypatch.setattr("sync_hostaway.hostaway.client.MAX_ATTEMPTS", 1)
    monkeypatch.setattr("sync_hostaway.hostaway.client.TOKEN_SETTLING", 0)
    yield monkeypatch
    get_settings.cache_clear()


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308, 399])
def test_the_client_secret_goes_nowhere_else(impatient: pytest.MonkeyPatch, status: int) -> None:
    with server(200, None) as (elsewhere, asked), server(status, f"{elsewhere}/v1/x?secret=s3cret") as (url, _):
        impatient.setenv("HOSTAWAY_API_URL", url)
        get_settings.cache_clear()
        with HostawayClient(Credentials(701, "s3cret")) as client, pytest.raises(HostawayMalformedReply) as error:
            client.check_credentials()
        assert f"leads to {elsewhere}: redirects are not followed" in str(error.value)
        assert "s3cret" not in str(error.value)
        assert asked == []


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://user:s3cret@evil.example/v1?x=s3cret", "https://evil.example:"),
        ("//evil.example/", "http://evil.example:"),
        ("http://evil.example\x1b/", r"http://evil.example\u001b:"),
        ("http://evil\u202e.example/", "leads to http://evil"),
        ("/elsewhere", "http://127.0.0.1:"),
        ("http://[::1", "an unreadable address:"),
        (None, "leads to http://127.0.0.1:"),
    ],
)
def test_an_error_names_the_host_and_nothing_more(impatient: pytest.MonkeyPatch, location: str, told: str) -> None:
    with server(307, location) as (url, _):
        impatient.setenv("HOSTAWAY_API_URL", url)
        get_settings.cache_clear()
        with HostawayClient(Credentials(701, "s3cret")) as client, pytest.raises(HostawayMalformedReply) as error:
            client.check_credentials()
    assert told in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_no_call_with_a_token_is_redirected(impatient: pytest.MonkeyPatch, method: str, status: int) -> None:
    from sync_hostaway.hostaway.auth import MemoryTokenStore, Token

    store = MemoryTokenStore()
    store.save(Token("a-token", 0.0, 1e12))
    with server(200, None) as (elsewhere, asked), server(status, elsewhere) as (url, _):
        impatient.setenv("HOSTAWAY_API_URL", url)
        get_settings.cache_clear()
        with (
            HostawayClient(Credentials(701, "s3cret"), token_store=store) as client,
            pytest.raises(HostawayMalformedReply, match="redirects are not followed"),
        ):
            client.get("/v1/listings") if method == "GET" else client.write(method, "/v1/unifiedWebhooks", {"a": 1})
        assert asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_login_of_airflow_goes_nowhere_else(status: int) -> None:
    with server(200, None) as (elsewhere, asked), server(status, elsewhere) as (url, _):
        for token in (None, "a-token"):
            with (
                AirflowApi(url, "admin", "s3cret", token=token) as api,
                pytest.raises(AirflowApiError, match=f"a redirect to {elsewhere}. The login is not sent there"),
            ):
                api.dags()
        assert asked == []
