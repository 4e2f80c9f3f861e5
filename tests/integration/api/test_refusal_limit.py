"""Many wrong credentials get 429; right ones from the same address are still accepted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api_helpers import Issue, Login, RecordedRuns
from sync_hostaway.api.app import create_app
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.rate_limiter import RateLimit

pytestmark = pytest.mark.integration

TOKEN = "shw_1_" + "0" * 64
WRONG: dict[str, dict[str, str]] = {
    "none": {},
    "odd": {"Authorization": "Bearer x"},
    "unknown": {"Authorization": f"Bearer {TOKEN}"},
    "other scheme": {"Authorization": "Basic YTpi"},
}


@pytest.fixture
def limited(warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch, recorded_runs: RecordedRuns) -> Any:
    """The API with a limit of three refusals an hour."""
    monkeypatch.setattr("sync_hostaway.api.app.REFUSAL_LIMIT", RateLimit(3, 3600))
    get_settings.cache_clear()
    with TestClient(create_app(recorded_runs), raise_server_exceptions=False) as client:
        yield client


def statuses(client: TestClient, method: str, path: str, headers: dict[str, str], times: int = 5) -> list[int]:
    return [client.request(method, path, headers=headers).status_code for _ in range(times)]


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/listings"), ("POST", "/v1/send-message")])
def test_wrong_api_tokens_are_limited_and_right_ones_accepted(
    limited: TestClient, issue: Issue, method: str, path: str, wrong: dict[str, str]
) -> None:
    assert statuses(limited, method, path, wrong) == [401, 401, 401, 429, 429]
    answer = limited.request(method, path, headers=wrong)
    assert answer.json()["type"] == "urn:sync-hostaway:problem:too-many-refusals"
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    # Tokens of which this server has never heard, each for the first time.
    for account_id in (701, 702):
        good = {"Authorization": f"Bearer {issue(account_id)}"}
        assert statuses(limited, "GET", "/v1/listings", good, 2) == [200, 200]
    assert statuses(limited, method, path, wrong, 1) == [429], "good ones of others do not end it"


@pytest.mark.usefixtures("warehouse")
def test_wrong_tokens_of_operators_are_limited_and_right_ones_accepted(limited: TestClient, login: Login) -> None:
    for path in ("/v1/accounts", "/v1/accounts/701"):
        for wrong in ({}, {"Authorization": "Bearer x.y.z"}, {"Cookie": "_token=x.y.z"}):
            assert set(statuses(limited, "GET", path, wrong)) <= {401, 429}
        answer = limited.get(path)
        assert (answer.status_code, int(answer.headers["Retry-After"]) > 3500) == (429, True)
        assert statuses(limited, "GET", path, login("op"), 2) == [200, 200]
    assert statuses(limited, "GET", "/v1/accounts/702", {}) == [401, 401, 401, 429, 429], "each path has its own count"


def test_what_is_refused_for_other_reasons_is_not_counted(limited: TestClient, issue: Issue) -> None:
    good = {"Authorization": f"Bearer {issue(701)}"}
    assert statuses(limited, "GET", "/v1/listings?limit=x", good) == [422] * 5
    assert statuses(limited, "GET", "/v1/reservations/999999", good) == [404] * 5
    assert statuses(limited, "GET", "/v1/listings", {}, 1) == [401]


def test_a_flood_of_wrong_tokens_keeps_no_right_one_out(limited: TestClient, issue: Issue) -> None:
    good = [{"Authorization": f"Bearer {issue(701)}"} for _ in range(3)]
    with ThreadPoolExecutor(16) as threads:
        flood = [
            threads.submit(limited.get, "/v1/listings", headers={"Authorization": f"Bearer shw_1_{number:064x}"})
            for number in range(200)
        ]
        accepted = [limited.get("/v1/listings", headers=headers).status_code for headers in good for _ in range(2)]
        refused = {answer.result().status_code for answer in flood}
    assert accepted == [200] * 6
    assert refused == {401, 429}
