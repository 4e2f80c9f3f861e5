"""The API over HTTP: tokens, envelopes, paging, filters, single objects, limits."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from sync_hostaway.simulator import Limit, RunningSimulator, SimulatorConfig, Sizes, running
from sync_hostaway.simulator.http import tokens

pytestmark = pytest.mark.integration

DENIED = "The resource owner or authorization server denied the request."


def test_token_exchange_is_bare_oauth(simulator: RunningSimulator, client: Any) -> None:
    body = client.exchange(701, "secret-701").json()
    assert set(body) == {"token_type", "expires_in", "access_token"}
    assert body["access_token"].count(".") == 2
    wrong = client.exchange(701, "nope")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert client.exchange(999, "secret-701").status_code == 401


def test_new_token_works_only_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=time.time, monotonic=lambda: seconds[-1]))
    config = SimulatorConfig(sizes=Sizes(listings=1, reservations=1), token_delay=0.3)
    with running(config) as server, requests.Session() as session:
        form = {"grant_type": "client_credentials", "client_id": 701, "client_secret": "secret-701"}
        token = session.post(f"{server.url}/v1/accessTokens", data=form, timeout=10).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        for early_on in (0.0, 0.29):
            seconds.append(early_on)
            early = session.get(f"{server.url}/v1/users", headers=headers, timeout=10)
            assert (early.status_code, early.json()) == (403, {"status": "fail", "message": DENIED})
        seconds.append(0.3)
        assert session.get(f"{server.url}/v1/users", headers=headers, timeout=10).ok


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic eDp5"])
def test_calls_without_a_good_token_are_forbidden(simulator: RunningSimulator, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = requests.get(f"{simulator.url}/v1/listings", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["message"]) == (403, DENIED)


def test_revoked_token_is_refused_while_another_still_works(simulator: RunningSimulator, client: Any) -> None:
    other = client.exchange(701, "secret-701").json()["access_token"]
    revoked = client.call("DELETE", "accessTokens", params={"token": other})
    assert revoked.json() == {"status": "success", "result": []}
    headers = {"Authorization": f"Bearer {other}"}
    assert requests.get(f"{simulator.url}/v1/users", headers=headers, timeout=10).status_code == 403
    assert client.get("users").status_code == 200


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("listings", {"limit", "offset", "count"}),
        ("reservations", {"limit", "offset", "count"}),
        ("conversations", {"limit", "offset", "count", "page", "totalPages"}),
        ("reviews", {"count", "offset"}),
        ("webhooks/unifiedWebhooks", set()),
    ],
)
def test_envelopes_carry_what_each_list_really_has(client: Any, path: str, keys: set[str]) -> None:
    body = client.get(path).json()
    assert set(body) == {"status", "result"} | keys
    assert body["status"] == "success"


@pytest.mark.parametrize(
    ("path", "params", "rows", "limit"),
    [
        ("reservations", {}, 100, 100),
        ("reservations", {"limit": 1000}, 260, 500),
        ("reservations", {"limit": 30, "offset": 250}, 10, 30),
        ("reservations", {"limit": 30, "offset": 900}, 0, 30),
        ("reservations", {"limit": "many"}, 100, 100),
        ("reservations", {"limit": 50, "page": 3}, 50, 50),
        ("conversations", {"limit": 700}, 240, 500),
        ("listings", {"limit": 500}, 12, 200),
    ],
)
def test_paging(client: Any, path: str, params: dict[str, Any], rows: int, limit: int) -> None:
    body = client.get(path, **params).json()
    assert (len(body["result"]), body["limit"]) == (rows, limit)


def test_past_the_end_is_success_with_page_numbers(client: Any) -> None:
    conversation = client.rows("conversations", limit=1)[0]["id"]
    body = client.get(f"conversations/{conversation}/messages", offset=100).json()
    assert (body["result"], body["offset"], body["page"], body["totalPages"]) == ([], 100, 2, 1)


def test_cursor_walk_restarts_when_its_row_changes(simulator: RunningSimulator, client: Any) -> None:
    first = client.rows("reservations", limit=10)
    walked = client.rows("reservations", limit=10, afterId=first[-1]["id"], offset=100)
    assert not {row["id"] for row in first} & {row["id"] for row in walked}
    simulator.control.patch("reservations", first[-1]["id"], {"hostNote": "moved to the front"})
    again = client.rows("reservations", limit=10, afterId=first[-1]["id"])
    assert again[0]["id"] == first[0]["id"]
    simulator.control.delete("reservations", first[-1]["id"])
    assert client.rows("reservations", limit=10, afterId=first[-1]["id"])[0]["id"] == first[0]["id"]


@pytest.mark.parametrize(
    ("path", "params", "check"),
    [
        ("reservations", {"channelId": 2002}, lambda row: row["channelId"] == 2002),
        ("reservations", {"arrivalStartDate": "2026-01-01"}, lambda row: row["arrivalDate"] >= "2026-01-01"),
        ("reservations", {"departureEndDate": "2025-12-31"}, lambda row: row["departureDate"] <= "2025-12-31"),
        ("reservations", {"latestActivityStart": "2026-03-01"}, lambda row: row["latestActivityOn"] >= "2026-03-01"),
        ("reservations", {"isStarred": 0}, lambda row: row["isStarred"] == 0),
        ("listings", {"country": "Spain"}, lambda row: row["country"] == "Spain"),
        ("listings", {"specialStatus[]": "active"}, lambda row: row["specialStatus"] is None),
        ("reviews", {"type": "guest-to-host"}, lambda row: row["type"] == "guest-to-host"),
        ("reviews", {"ratingMin": 9}, lambda row: row["rating"] >= 9),
        ("tasks", {"status": "completed"}, lambda row: row["status"] == "completed"),
    ],
)
def test_filters(client: Any, path: str, params: dict[str, Any], check: Any) -> None:
    everything = client.rows(path, limit=500)
    found = client.rows(path, limit=500, **params)
    assert [row["id"] for row in found] == [row["id"] for row in everything if _safe(check, row)]
    assert client.get(path, **params).json()["count"] == len(found)


def _safe(check: Any, row: dict[str, Any]) -> bool:
    try:
        return bool(check(row))
    except TypeError:
        return False


@pytest.mark.parametrize(
    "params", [{"listingMapId": 1}, {"updatedOnStart": "2026-05-01"}, {"arrivalStartDate": "soon"}]
)
def test_unknown_and_malformed_parameters_are_ignored(client: Any, params: dict[str, Any]) -> None:
    assert client.get("reservations", **params).json()["count"] == 260


def test_reservation_orders(client: Any) -> None:
    newest = [(row["updatedOn"], row["id"]) for row in client.rows("reservations", limit=500)]
    oldest = [(row["updatedOn"], row["id"]) for row in client.rows("reservations", limit=500, sortOrder="updatedOn")]
    assert newest == sorted(newest, reverse=True)
    assert oldest == newest[::-1]


def test_lean_answers_leave_attachments_empty(client: Any) -> None:
    full = {row["id"]: row for row in client.rows("reservations", limit=500, includeResources=1)}
    lean = client.rows("reservations", limit=500)
    assert any(row["customFieldValues"] for row in full.values())
    assert all(row["hostProxyEmail"] for row in full.values())
    assert not any(row["customFieldValues"] or row["reservationFees"] or row["hostProxyEmail"] for row in lean)
    assert {row["remainingBalance"] for row in lean} == {None}
    assert client.rows("reservations", limit=1, includePayments=1)[0]["remainingBalance"] is not None
    assert "cancellationPolicyDetails" in client.rows("reservations", limit=1, includeCancellationPolicy=1)[0]
    single = client.get(f"reservations/{lean[0]['id']}").json()["result"]
    assert single["financeField"]
    assert lean[0]["financeField"] == []


def test_single_objects_and_404(client: Any) -> None:
    for path in ("listings", "reservations", "conversations", "reviews", "tasks", "coupons"):
        row = client.rows(path, limit=1)[0]
        assert client.get(f"{path}/{row['id']}").json()["result"]["id"] == row["id"]
        missing = client.get(f"{path}/1")
        assert (missing.status_code, missing.json()["message"]) == (404, "Resource not found")
    user = client.rows("users")[0]["id"]
    assert client.get(f"user/{user}").json()["result"][0]["id"] == user


def test_messages_default_to_sent_ones(simulator: RunningSimulator, client: Any) -> None:
    total = sent = 0
    for conversation in client.rows("conversations", limit=500):
        path = f"conversations/{conversation['id']}/messages"
        visible = client.rows(path)
        assert {row["status"] for row in visible} <= {"sent"}
        sent += len(visible)
        total += len(client.rows(path, includeScheduledMessages=1))
    counts = simulator.control.truth(ids=False)["counts"]
    assert (total, sent) == (counts["messages"], counts["sentMessages"])
    assert sent < total


def test_sending_a_message_shows_up_everywhere(client: Any) -> None:
    conversation = client.rows("conversations", limit=1)[0]
    path = f"conversations/{conversation['id']}/messages"
    sent = client.call("POST", path, json={"body": "Hello 👋"}).json()["result"]
    assert (sent["body"], sent["status"], sent["isIncoming"]) == ("Hello 👋", "sent", 0)
    assert client.rows(path)[-1]["id"] == sent["id"]
    assert client.rows("conversations", limit=1)[0]["messageSentOn"] == sent["date"]
    assert client.rows("reservations", limit=1)[0]["id"] == conversation["reservationId"]
    assert client.call("POST", path, json={}).status_code == 400


def test_sending_has_a_limit_of_its_own(client: Any) -> None:
    conversation = client.rows("conversations", limit=1)[0]["id"]
    path = f"conversations/{conversation}/messages"
    answers = [client.call("POST", path, json={"body": "x"}) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert answers[-1].headers["X-RateLimit-Applied"] == "endpoint"
    assert client.get(path).status_code == 200


def test_conversations_of_a_reservation(client: Any) -> None:
    conversation = client.rows("conversations", limit=1)[0]
    found = client.rows(f"reservations/{conversation['reservationId']}/conversations")
    assert [row["id"] for row in found] == [conversation["id"]]
    assert client.rows("conversations", reservationId=conversation["reservationId"]) == found


def test_calendar_is_inclusive_and_has_no_listing_id(client: Any) -> None:
    listing = client.rows("listings", limit=1)[0]["id"]
    days = client.rows(f"listings/{listing}/calendar", startDate="2026-05-01", endDate="2026-05-31")
    assert [day["date"] for day in days] == [f"2026-05-{number:02d}" for number in range(1, 32)]
    assert "listingMapId" not in days[0]
    assert client.get(f"listings/{listing}/calendar", startDate="x").status_code == 400


@pytest.mark.parametrize(
    ("limits", "applied"),
    [({"ip_limit": Limit(5, 60)}, "ip"), ({"account_limit": Limit(5, 60)}, "account")],
)
def test_rate_limits(login: Any, limits: dict[str, Any], applied: str) -> None:
    sizes = Sizes(listings=1, reservations=1)
    with running(SimulatorConfig(sizes=sizes, token_delay=0, **limits)) as server:
        client = login(server.url)
        answers = [client.get("users") for _ in range(7)]
        refused = [answer for answer in answers if answer.status_code == 429]
        # The token exchange counts for the address.
        assert len(refused) == (3 if applied == "ip" else 2)
        headers = refused[0].headers
        assert headers["X-RateLimit-Applied"] == applied
        assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("5", "0")
        assert 0 < int(headers["X-RateLimit-Retry-After"]) - time.time() <= 62
        assert refused[0].json()["message"].startswith("This error occurs because a server detects")
        assert server.control.stats()["rateLimited"] == {"701": len(refused)}
