"""No route of any mounted app reads a body before it knows who sends it, nor more of it than the route takes."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from api_helpers import Issue, Login, RecordedRuns
from sync_hostaway.accounts.api_tokens import ApiToken
from sync_hostaway.accounts.webhook_endpoints import LOGIN, ensure_endpoint, password_for
from sync_hostaway.api import fastapi_apps as mounts
from sync_hostaway.api.app import create_app
from sync_hostaway.api.auth.api_token import require_token
from sync_hostaway.api.http import guarded
from sync_hostaway.api.http.guarded import GuardedRoute, guarded_router, require_guards
from sync_hostaway.core.db import Connection
from sync_hostaway.events import receiver
from sync_hostaway.events.parse import TEST_REQUEST_SIZE

pytestmark = pytest.mark.integration

PART = 4096
# What a mounted app may take in one step beyond its limit.
SLACK = 2 * PART
LARGEST = 131_072


@dataclass
class Body:
    """A JSON body of 40 MB, sent in parts without telling its length; `taken`: bytes that the app asked for."""

    taken: int = 0

    async def parts(self) -> AsyncIterator[bytes]:
        self.taken += PART
        yield b'{"message": "' + b"x" * (PART - 13)
        while self.taken < 40_000_000:
            self.taken += PART
            yield b"x" * PART


def operations(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of every route, whether or not it documents a body."""
    for route in app.routes:
        assert isinstance(route, APIRoute)
        for method in sorted(route.methods):
            values = dict.fromkeys(route.param_convertors, "701") | {"token_id": "0" * 12}
            yield method, route.path_format.format_map(values)


def taken_of_every_route(app: FastAPI, headers: dict[str, str]) -> dict[tuple[str, str], tuple[int, int]]:
    """Status, and bytes taken of the body, by route."""
    found = {}

    async def ask() -> None:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
        ):
            for method, path in operations(app):
                body = Body()
                headers_sent = {"Content-Type": "application/json", "Idempotency-Key": "k", **headers}
                answer = await client.request(method, path, content=body.parts(), headers=headers_sent)
                found[method, path] = (answer.status_code, body.taken)

    anyio.run(ask)
    return found


@pytest.mark.parametrize("token", [None, "Bearer shw_" + "0" * 12 + "_" + "0" * 64, "Basic eDp5"])
def test_without_credentials_no_byte_of_a_body_is_read(warehouse_dsn: str, login: Login, token: str | None) -> None:
    found = taken_of_every_route(create_app(RecordedRuns()), {"Authorization": token} if token else {})
    assert len(found) >= 18
    assert {place: taken for place, (_, taken) in found.items() if taken} == {}
    assert {status for place, (status, _) in found.items() if place[1] != "/health"} == {401}


def test_with_credentials_a_body_is_read_up_to_its_limit(warehouse_dsn: str, issue: Issue, login: Login) -> None:
    refused = set()
    for headers in ({"Authorization": f"Bearer {issue(701)}"}, login("admin")):
        found = taken_of_every_route(create_app(RecordedRuns()), headers)
        assert {place: taken for place, (_, taken) in found.items() if taken > LARGEST + SLACK} == {}
        refused |= {place for place, (status, _) in found.items() if status == 413}
    # Every route that takes a body, and no other.
    assert {f"{method} {path}" for method, path in refused} == {
        "POST /v1/send-message",
        "POST /v1/accounts",
        "PATCH /v1/accounts/701",
        "POST /v1/accounts/701/tokens",
        "POST /v1/accounts/701/syncs",
        "POST /v1/accounts/701/webhook/rotate",
        "POST /v1/webhook-events/replay",
        "POST /v1/webhook-events/discard",
    }


def test_the_webhook_app_reads_no_more_than_a_probe_of_strangers(warehouse: Connection) -> None:
    for headers in ({}, {"Authorization": "Basic eDp5"}):
        found = taken_of_every_route(receiver.create_app(RecordedRuns()), headers)
        assert {taken for _, taken in found.values() if taken > TEST_REQUEST_SIZE + SLACK} == set()
        assert found["POST", "/701"][0] == 401


def test_the_webhook_app_reads_a_delivery_up_to_its_limit(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = ensure_endpoint(warehouse, 701)
    app = receiver.create_app(RecordedRuns())
    body = Body()

    async def ask() -> httpx.Response:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
        ):
            auth = (LOGIN, password_for(warehouse, endpoint))
            return await client.post(f"/{endpoint.endpoint_key}", content=body.parts(), auth=auth)

    assert anyio.run(ask).status_code == 413
    assert body.taken <= 1_048_576 + SLACK


def test_an_app_that_is_closed_reads_nothing() -> None:
    for headers in ({}, {"Authorization": "Bearer x"}):
        found = taken_of_every_route(mounts._closed(), headers)
        assert {taken for _, taken in found.values()} == {0}
        assert {status for status, _ in found.values()} == {503}


def test_an_announced_or_compressed_body_is_refused_before_it_is_read(client: Any, issue: Issue) -> None:
    message = json.dumps({"reservation_id": 1, "message": "x" * 200_000, "channel_type": "channel"}).encode()
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = client.post("/v1/send-message", content=message, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:sync-hostaway:problem:body-too-large")
    bomb = gzip.compress(b"[" * 50_000_000)
    for encoding in ("gzip", "GZIP", "br", "gzip, gzip"):
        answer = client.post("/v1/send-message", content=bomb, headers={**headers, "Content-Encoding": encoding})
        assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")


def test_the_longest_message_fits_however_it_is_written(client: Any, reservation: int) -> None:
    body = {"reservation_id": reservation, "message": "\U0001f600" * 10_000, "channel_type": "channel"}
    content = json.dumps(body, ensure_ascii=True)
    headers = {"Idempotency-Key": "longest", "Content-Type": "application/json"}
    assert len(content) > 120_000
    assert client.post("/v1/send-message", content=content, headers=headers).status_code != 413


def test_a_body_that_does_not_arrive_is_given_up(client: Any, monkeypatch: pytest.MonkeyPatch, issue: Issue) -> None:
    monkeypatch.setattr(guarded, "_BODY_TIMEOUT", 0.05)

    async def ask() -> httpx.Response:
        app = create_app(RecordedRuns())
        never = anyio.Event()

        async def parts() -> AsyncIterator[bytes]:
            yield b"{"
            await never.wait()

        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as asking,
        ):
            headers = {"Authorization": f"Bearer {issue(701)}", "Idempotency-Key": "k"}
            return await asking.post("/v1/send-message", content=parts(), headers=headers)

    assert anyio.run(ask).status_code == 408


def test_a_route_without_a_guard_cannot_be_defined_or_served() -> None:
    router = guarded_router()
    with pytest.raises(TypeError, match="/open needs exactly one guard"):
        router.get("/open")(lambda: None)
    with pytest.raises(TypeError, match="no dependency that blocks"):

        @router.get("/blocking")
        async def blocking(
            token: Annotated[ApiToken, Depends(require_token)], _: Annotated[None, Depends(lambda: None)]
        ) -> None: ...

    plain = APIRouter()
    plain.get("/plain")(lambda: None)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(plain)
    with pytest.raises(TypeError, match="/plain is not guarded"):
        require_guards(app)
    assert all(isinstance(route, GuardedRoute) for route in create_app(RecordedRuns()).routes)
