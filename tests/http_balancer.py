"""A load balancer for HTTP, as a reverse proxy before several API servers is one."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

_FORWARDED = ("Authorization", "Content-Type")


class Balancer(ThreadingHTTPServer):
    """Sends requests to its servers in turn.

    A request that a server does not answer gets 502, and its client has to repeat it. This server gets no other one.

    :param answered: requests that each server has answered.
    :param unanswered: requests that got 502.
    """

    def __init__(self, servers: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.servers = deque(servers)
        self.answered: Counter[str] = Counter()
        self.unanswered = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        with self._lock:
            server = self.servers[0]
            self.servers.rotate(-1)
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(method, f"{server}{path}", headers=headers, data=body, timeout=20)
        except requests.RequestException:
            with self._lock, suppress(ValueError):
                self.servers.remove(server)
            self.unanswered += 1
            return 502, b""
        self.answered[server] += 1
        return answer.status_code, answer.content


class _Handler(BaseHTTPRequestHandler):
    server: Balancer

    def do_GET(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: self.headers[name] for name in _FORWARDED if name in self.headers}
        status, content = self.server.forward(self.command, self.path, headers, body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Tests read no log of it."""


@contextmanager
def balancer(servers: list[str]) -> Iterator[Balancer]:
    """A balancer in the background; its servers may start later."""
    with Balancer(servers) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()
