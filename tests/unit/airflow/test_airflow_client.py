"""The client of Airflow's REST API logs in, reads every page, and reports errors."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sync_hostaway.airflow.client import AirflowApi
from sync_hostaway.core.exceptions import AirflowApiError

DAGS = [{"dag_id": f"dag-{number}"} for number in range(250)]


class Handler(BaseHTTPRequestHandler):
    """Three pages of Dags, behind a login whose first token is already worthless."""

    logins = 0

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if self.headers["Authorization"] != "Bearer token-2":
            self.answer(401, {"detail": "expired"})
        elif url.path == "/api/v2/dags":
            start = int(parse_qs(url.query)["offset"][0])
            self.answer(200, {"dags": DAGS[start : start + 100], "total_entries": len(DAGS)})
        elif url.path == "/api/v2/importErrors":
            self.answer(200, b"<html>")
        else:
            self.answer(404, {"detail": "not there"})

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if sent["password"] != "right":
            self.answer(401, {"detail": "Invalid credentials"})
            return
        type(self).logins += 1
        self.answer(201, {"access_token": f"token-{self.logins}"})

    def answer(self, status: int, body: dict[str, Any] | bytes) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    Handler.logins = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_page_with_a_token_that_expired(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with AirflowApi(url, "admin", "right") as api:
        assert api.dags() == DAGS
    assert Handler.logins == 2


def test_an_airflow_elsewhere_is_asked_through_the_proxy_of_the_environment(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, url)
    with AirflowApi("http://airflow.invalid", "admin", "right") as api:
        assert api.dags() == DAGS


def test_refused_values_are_named(url: str) -> None:
    with (
        AirflowApi(url, "admin", "right") as api,
        pytest.raises(AirflowApiError, match="a%2Fb/dagRuns/c answered 404") as no,
    ):
        api.dag_run("a/b", "c")
    assert no.value.status == 404


def test_a_wrong_password_is_not_told(url: str) -> None:
    with AirflowApi(url, "admin", "wrong") as api, pytest.raises(AirflowApiError, match="answered 401") as no:
        api.dags()
    assert "wrong" not in str(no.value)


def test_something_that_is_not_json(url: str) -> None:
    with AirflowApi(url, "admin", "right") as api, pytest.raises(AirflowApiError, match="not JSON: <html>"):
        api.import_errors()


def test_no_worker_runs() -> None:
    with AirflowApi("http://127.0.0.1:1", "admin", "x") as api, pytest.raises(AirflowApiError, match="does not answer"):
        api.health()
