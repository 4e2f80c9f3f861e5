"""Requests that change something: what their errors say, and what not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sync_hostaway.core.exceptions import HostawayRefused
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.auth import Credentials
from sync_hostaway.hostaway.client import HostawayClient

pytestmark = pytest.mark.integration

TOKEN = {"token_type": "Bearer", "expires_in": 600, "access_token": "token-of-the-echo"}


class Echo(BaseHTTPRequestHandler):
    """Gives a token to everybody, and refuses everything else by repeating what it was sent."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_exchange = self.path.endswith("/accessTokens")
        answer = json.dumps(TOKEN if is_exchange else {"status": "fail", "message": f"cannot take {sent}"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("HOSTAWAY_API_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr("sync_hostaway.hostaway.client.TOKEN_SETTLING", 0)
        get_settings.cache_clear()
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("echo")
def test_a_refusal_repeats_no_secret_of_the_request() -> None:
    body = {"url": "https://a.example", "password": "hush-hush"}
    with HostawayClient(Credentials(701, "secret-701")) as client, pytest.raises(HostawayRefused) as refused:
        client.write("POST", "/v1/webhooks/unifiedWebhooks", body, secrets=["hush-hush"])
    assert "a.example" in str(refused.value)
    assert "hush-hush" not in str(refused.value)
