"""The webhook receiver behind a real HTTP server, and fixtures for a simulator that delivers to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
import requests
import uvicorn
from fastapi import FastAPI

from sync_hostaway.accounts.webhook_endpoints import Endpoint, ensure_endpoint, password_for
from sync_hostaway.core.db import Connection
from sync_hostaway.core.mounts import MOUNT
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events.receiver import create_app
from sync_hostaway.simulator import RunningSimulator, SimulatorConfig, Sizes, running
from waiting import eventually


@dataclass
class RecordingTrigger:
    """Takes requests for runs, like an Airflow of which nothing ever begins."""

    asked: list[str] = field(default_factory=list)

    def request_run(
        self, dag_id: str, run_id: str, *, conf: dict[str, Any] | None = None, run_after: datetime | None = None
    ) -> str:
        self.asked.append(dag_id)
        return "queued"

    def is_waiting(self, dag_id: str, until: datetime) -> bool:
        return bool(self.asked)

    def request_parse(self, account_id: int) -> None:
        """Airflow reads its files when it likes."""


class Server(uvicorn.Server):
    """Serves an app as Airflow's API server does: mounted, with its lifespan run by the outer app."""

    def __init__(self, app: FastAPI) -> None:
        outer = FastAPI(lifespan=app.router.lifespan_context)
        outer.mount(MOUNT, app)
        super().__init__(uvicorn.Config(outer, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=2))
        self._thread = threading.Thread(target=self.run, daemon=True)

    @property
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()
        return f"http://{host}:{port}"

    def __enter__(self) -> Server:
        self._thread.start()
        eventually(lambda: self.started or not self._thread.is_alive())
        assert self.started, "the server ended while it started"
        return self

    def __exit__(self, *_: object) -> None:
        self.should_exit = True
        self._thread.join(timeout=30)


@dataclass
class Receiver:
    """The receiver over HTTP, and the credentials of account 701."""

    url: str
    endpoint: Endpoint
    password: str
    trigger: RecordingTrigger

    @property
    def address(self) -> str:
        return f"{self.url}{MOUNT}/{self.endpoint.endpoint_key}"

    def post(self, body: Any, **options: Any) -> requests.Response:
        """Deliver a body (bytes, or what becomes JSON) with the right credentials, unless told otherwise."""
        auth = options.pop("auth", (self.endpoint.login.encode(), self.password.encode()))
        what: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
        return requests.post(options.pop("url", self.address), auth=auth, timeout=30, **what, **options)


@contextmanager
def receiving(connection: Connection, account_id: int, trigger: RecordingTrigger | None = None) -> Iterator[Receiver]:
    """A receiver with the settings of this moment."""
    trigger = trigger or RecordingTrigger()
    endpoint = ensure_endpoint(connection, account_id)
    with Server(create_app(trigger)) as server:
        yield Receiver(server.url, endpoint, password_for(connection, endpoint), trigger)


def events(connection: Connection, columns: str = "*") -> list[dict[str, Any]]:
    """The inbox, oldest first."""
    return list(connection.execute(f"select {columns} from ops.webhook_events order by event_id"))


def add_bare_account(connection: Connection, account_id: int) -> None:
    """Create an account without credentials, if it does not exist. A receiver needs no more."""
    connection.execute("insert into ops.accounts (account_id) values (%s) on conflict do nothing", [account_id])


@pytest.fixture
def fast_simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSimulator]:
    """A small simulator with account 701. One second stands for the hour in which it retries a delivery."""
    sizes = Sizes(listings=3, reservations=20, conversations=12)
    config = SimulatorConfig(sizes=sizes, token_delay=0.0, webhook_time_scale=0.0002)
    with running(config) as server:
        monkeypatch.setenv("HOSTAWAY_API_URL", server.url)
        monkeypatch.setattr("sync_hostaway.hostaway.client.TOKEN_SETTLING", 0)
        monkeypatch.setattr("sync_hostaway.hostaway.client.MAX_RETRY_WAIT", 0.05)
        get_settings.cache_clear()
        yield server


@pytest.fixture
def receiver(warehouse: Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A running receiver. PUBLIC_BASE_URL points to it, so that webhooks are registered with its address."""
    add_bare_account(warehouse, 701)
    with receiving(warehouse, 701) as served:
        monkeypatch.setenv("PUBLIC_BASE_URL", served.url)
        get_settings.cache_clear()
        yield served
