"""A simulator over real HTTP, and a logged-in client for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import requests

from sync_hostaway.simulator import RunningSimulator, SimulatorConfig, Sizes, running


class Client:
    """A client of the simulated API, authenticated for one account."""

    def __init__(self, url: str, account_id: int = 701, secret: str = "secret-701") -> None:
        self.url = url
        self.session = requests.Session()
        self.token = self.exchange(account_id, secret).json().get("access_token")
        self.session.headers["Authorization"] = f"Bearer {self.token}"

    def exchange(self, account_id: int, secret: str) -> requests.Response:
        form = {"grant_type": "client_credentials", "client_id": account_id, "client_secret": secret}
        return requests.post(f"{self.url}/v1/accessTokens", data={**form, "scope": "general"}, timeout=10)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}/v1/{path}", timeout=10, **options)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params)

    def rows(self, path: str, **params: Any) -> list[dict[str, Any]]:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["result"])


@pytest.fixture
def login() -> Iterator[Callable[[str], Client]]:
    """Makes a client of account 701 for the simulator at a URL."""
    made: list[Client] = []

    def make(url: str) -> Client:
        made.append(Client(url))
        return made[-1]

    yield make
    for client in made:
        client.session.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningSimulator]:
    """One simulator per module; `simulator` puts it back to the start."""
    sizes = Sizes(listings=12, reservations=260, conversations=240)
    config = SimulatorConfig(sizes=sizes, anchor=date(2026, 5, 20), token_delay=0.0, webhook_time_scale=0.0005)
    with running(config) as server:
        yield server


@pytest.fixture
def simulator(shared: RunningSimulator) -> RunningSimulator:
    shared.control.reset()
    return shared


@pytest.fixture
def client(simulator: RunningSimulator, login: Callable[[str], Client]) -> Client:
    return login(simulator.url)
