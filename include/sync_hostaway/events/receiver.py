"""The public HTTP app that Hostaway delivers to: POST /{key}.

Hostaway's reaction decides about each response. 200: the event is stored here. 429 and 5xx: Hostaway repeats the
delivery, up to three times within an hour. Any other 4xx: Hostaway does not repeat it. So every delivery with right
credentials is stored and gets 200, and every error on our side gets 503. Right credentials are accepted also where too
many wrong ones get 429. A response has no details: neither the error, nor whether a key exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any, Literal

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sync_hostaway.accounts.auth_failures import REFUSAL_LIMIT, AuthFailureLimiter, Origin, network_of
from sync_hostaway.core.failures import log_fields
from sync_hostaway.core.run_trigger import RunTrigger
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events.basic_auth import basic_credentials
from sync_hostaway.events.inbox import Inbox
from sync_hostaway.events.parse import TEST_REQUEST_SIZE, is_test_request, parse_events
from sync_hostaway.events.run_requests import DeltaRunRequests

log = structlog.get_logger(__name__)

# Seconds to receive the body; the rest of Hostaway's timeout is for the warehouse.
_BODY_TIMEOUT = 4.0
# Bytes; a larger body is refused before it is read completely.
BODY_LIMIT = 1_048_576
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ANSWERS = {200: "success", 401: "unauthorized", 413: "too large", 429: "too many requests", 503: "try again later"}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "model": dict[Literal["status"], str]} for status, text in _ANSWERS.items()
}
_MORE_HEADERS = {401: {"WWW-Authenticate": 'Basic realm="webhooks"'}, 503: {"Retry-After": "60"}}


class _TooLarge(Exception):
    """The body is longer than it may be."""


def create_app(trigger: RunTrigger) -> FastAPI:
    """The app, for one API server process.

    :param trigger: requests delta runs.
    :raises ConfigurationError: when a setting it needs is missing or wrong.
    """
    inbox = Inbox(get_settings())
    auth_failures = AuthFailureLimiter(REFUSAL_LIMIT)
    delta_requests = DeltaRunRequests(trigger, inbox.poll_work)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await inbox.open()
        request_task = asyncio.create_task(delta_requests.run())
        try:
            yield
        finally:
            request_task.cancel()
            with suppress(asyncio.CancelledError):
                await request_task
            await inbox.close()

    app = FastAPI(
        lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, title="webhooks"
    )

    @app.get("/{key}", responses={200: _RESPONSES[200]})
    async def probe(key: str) -> Response:
        """A registration's test request; the same answer for every key."""
        return _answer(200)

    @app.post("/{key}", responses=_RESPONSES)
    async def receive(key: str, request: Request) -> Response:
        """A delivery, or a registration's test request."""
        origin = (network_of(request.client.host if request.client else ""), key)
        try:
            status = await _receive(origin, request, inbox, auth_failures, delta_requests, BODY_LIMIT)
            if status == HTTPStatus.UNAUTHORIZED and (seconds := auth_failures.record_failure(origin)):
                return _answer(429, {"Retry-After": str(seconds)})
            return _answer(status)
        except ClientDisconnect:
            return _answer(503)
        except Exception as error:  # noqa: BLE001 - Hostaway repeats what gets 503, and nothing that gets 4xx
            log.warning("webhook_not_received", **log_fields(error))
            return _answer(503)

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> Response:
        """No such path or method."""
        return _answer(error.status_code)

    return app


async def _receive(
    origin: Origin,
    request: Request,
    inbox: Inbox,
    auth_failures: AuthFailureLimiter,
    delta_requests: DeltaRunRequests,
    limit: int,
) -> int:
    header, (_, key) = request.headers.get("Authorization"), origin
    credentials = basic_credentials(header)
    try:
        if credentials is None:
            # Hostaway tests a new webhook without credentials.
            return 200 if is_test_request(await _read(request, TEST_REQUEST_SIZE)) else 401
        # A key has plain characters only. Other texts are unknown keys; a NUL would be an error in PostgreSQL.
        key = key if key.isascii() and key.isprintable() else ""
        async with auth_failures.check(origin, header):
            account_id = await inbox.authenticate(key, *credentials)
        if account_id is None:
            return 401
        auth_failures.record_success(origin, header)
        body = await _read(request, limit)
    except _TooLarge:
        return 413 if credentials else 401
    if not is_test_request(body):
        # In a thread: parsing a long batch takes a second, and must not block other requests of the API server.
        await inbox.put(account_id, await asyncio.to_thread(parse_events, body))
        delta_requests.schedule()
    return 200


async def _read(request: Request, limit: int) -> bytes:
    """The body. Never more than the limit is in memory."""
    announced = request.headers.get("Content-Length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise _TooLarge
    body = bytearray()
    async with asyncio.timeout(_BODY_TIMEOUT):
        async for part in request.stream():
            body += part
            if len(body) > limit:
                raise _TooLarge
    return bytes(body)


def _answer(status: int, headers: Mapping[str, str] | None = None) -> Response:
    text = {"status": _ANSWERS.get(status, "not found")}
    return JSONResponse(text, status, headers=_HEADERS | _MORE_HEADERS.get(status, {}) | dict(headers or {}))
