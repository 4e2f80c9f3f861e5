"""Gives every request an id, a log line, security headers, and a response even when an exception escapes."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import MutableMapping
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync_hostaway.api.http.problems import problem_of
from sync_hostaway.core.failures import log_fields

log = structlog.get_logger(__name__)

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RequestContext:
    """ASGI middleware. It keeps a caller's X-Request-ID if that looks like an id; otherwise it creates one.

    Routes may set any of the headers themselves. HEAD gets the response of GET without the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status: int | None = None
        is_head = scope["method"] == "HEAD"
        if is_head:
            scope = {**scope, "method": "GET"}

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception as error:  # noqa: BLE001 - every request gets a response
                log.error("api_error", **_about(scope), **log_fields(error))  # noqa: TRY400 - messages may quote rows
                if status is not None:
                    # This ends the connection. The server logs a traceback of this exception.
                    raise RuntimeError("The response was interrupted; see api_error in the log") from None
                await problem_of(error).response(request_id)(scope, receive, send_with_headers)
            finally:
                log.info("api_request", **_about(scope), status=status, seconds=round(time.monotonic() - began, 4))


def _about(scope: MutableMapping[str, Any]) -> dict[str, Any]:
    # The pattern of the route, without the query: it holds no text from the caller.
    route = scope.get("route")
    return {"method": scope["method"], "route": getattr(route, "path", None), **scope["state"].get("caller", {})}
