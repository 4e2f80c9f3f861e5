"""The class of every route. It checks credentials first, then reads the body within its limit, then takes a place.

FastAPI reads and parses a body before it runs the dependencies that authenticate. So each route has one guard among its
dependencies (`require_token`, `require_operator` or `allow_anyone`). The guard runs before the first byte of the body
is read. A route without a guard cannot be defined, and neither can a route with a dependency that blocks.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from starlette.requests import ClientDisconnect

from sync_hostaway.accounts.auth_failures import AuthFailureLimiter, TooManyChecks, network_of
from sync_hostaway.api.http.bulkheads import busy, in_own_thread
from sync_hostaway.api.http.problems import Problem
from sync_hostaway.api.http.repeated import SingleValues, parse_json

# Bytes of a body, where a route names no limit of its own.
BODY_LIMIT = 65_536
# Seconds for the whole body.
_BODY_TIMEOUT = 10.0

Admit = Callable[[Request, Sequence[str]], Coroutine[Any, Any, None]]
_Dependency = TypeVar("_Dependency", bound=Callable[..., Any])


class Guard:
    """What a guard does before a body is read.

    :param admit: takes the request and the scopes that the route names; raises a `Problem` to refuse. None: the route
        needs no credentials.
    :param bulkhead: limits the requests to the guard's routes. None: no limit, for coroutines that do not block.
    :param key: requests with the same key share a part of the bulkhead.
    """

    def __init__(self, admit: Admit | None, bulkhead: str | None, key: Callable[[Request], Any]) -> None:
        self.admit = admit
        self.bulkhead = bulkhead
        self.key = key


def guards(
    admit: Admit | None,
    *,
    bulkhead: str | None,
    key: Callable[[Request], Any] = lambda request: request.scope["endpoint"],
) -> Callable[[_Dependency], _Dependency]:
    """Make a dependency a guard; see `Guard`. By default each route has its own share of the bulkhead."""

    def mark(dependency: _Dependency) -> _Dependency:
        dependency.guard = Guard(admit, bulkhead, key)  # type: ignore[attr-defined]  # a mark for `GuardedRoute`
        return dependency

    return mark


def body_limit(size: int) -> Callable[[_Dependency], _Dependency]:
    """Set the largest body that a route's function accepts, in bytes."""

    def mark(function: _Dependency) -> _Dependency:
        function.body_limit = size  # type: ignore[attr-defined]  # a mark for `GuardedRoute`
        return function

    return mark


class GuardedRoute(APIRoute):
    """A route with a guard. Blocking functions run in threads of `bulkheads`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, in_own_thread(endpoint), **options)
        blocking = [dependant for dependant in _dependencies_of(self.dependant) if not _is_async(dependant.call)]
        if len(self._guards) != 1 or blocking:
            raise TypeError(f"Route {path} needs exactly one guard, and no dependency that blocks")

    @property
    def _guards(self) -> list[tuple[Guard, list[str]]]:
        return [
            (dependant.call.guard, dependant.oauth_scopes)  # type: ignore[union-attr]  # filtered below
            for dependant in _dependencies_of(self.dependant)
            if hasattr(dependant.call, "guard")
        ]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that FastAPI calls for each request: guard, body, place, then the route."""
        serve = super().get_route_handler()
        limit = getattr(self.endpoint, "body_limit", BODY_LIMIT)
        has_body = self.body_field is not None
        single_values = SingleValues(self.dependant)

        async def guarded(request: Request) -> Response:
            [(guard, scopes)] = self._guards
            if guard.admit:
                await _admit(request, guard.admit, scopes)
            single_values.check(request)
            if has_body:
                request = await _with_body(request, limit)
            bulkhead = getattr(self.endpoint, "bulkhead", guard.bulkhead)
            if bulkhead is None:
                return await serve(request)
            async with request.app.state.bulkheads[bulkhead].acquire(guard.key(request)):
                return await serve(request)

        return guarded


def guarded_router(**options: Any) -> APIRouter:
    """Return a router whose routes are `GuardedRoute`s."""
    return APIRouter(route_class=GuardedRoute, **options)


def require_guards(app: FastAPI) -> None:
    """Check that every route of an app has a guard.

    :raises TypeError: naming the route without one. The app is then not served at all.
    """
    for route in app.routes:
        if not isinstance(route, GuardedRoute):
            raise TypeError(f"Route {getattr(route, 'path', route)} is not guarded: use guarded_router()")


async def _admit(request: Request, admit: Admit, scopes: Sequence[str]) -> None:
    """Let a guard check a request, and count rejected credentials.

    :raises Problem: 429 instead of 401 after too many 401; 503 when too many checks are waiting; otherwise what the
        guard raises.
    """
    auth_failures: AuthFailureLimiter = request.app.state.auth_failures
    address = network_of(request.client.host if request.client else "")
    place = (address, str(request.path_params.get("account_id", "")))
    credentials = request.headers.get("authorization") or request.headers.get("cookie")
    try:
        async with auth_failures.check(place, credentials):
            await admit(request, scopes)
    except TooManyChecks:
        raise busy() from None
    except Problem as problem:
        if problem.status == HTTPStatus.UNAUTHORIZED and (seconds := auth_failures.record_failure(place)):
            raise Problem(
                429,
                "too-many-refusals",
                "Too many requests without valid credentials",
                "Too many requests from this address had no valid credentials. Valid credentials are accepted at once; "
                f"with others, wait {seconds} s.",
                headers={"Retry-After": str(seconds)},
            ) from None
        raise
    auth_failures.record_success(place, credentials)


class _WithBody(Request):
    """A request whose body has been read."""

    def __init__(self, request: Request, body: bytes) -> None:
        super().__init__(request.scope, request.receive)
        self._body = body

    async def json(self) -> Any:
        """The body's JSON; see `parse_json`."""
        return parse_json(self._body)


async def _with_body(request: Request, limit: int) -> Request:
    """Return the request with its body. At most `limit` bytes are held in memory.

    :raises Problem: 413 for a larger body, 408 after the timeout, 415 for a compressed body: its real size is unknown.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problem(415, "unsupported-encoding", "Compressed body", "Send the body without Content-Encoding.")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT):
            async for part in request.stream():
                body += part
                if len(body) > limit:
                    raise _too_large(limit)
    except ClientDisconnect:
        # The client has disconnected. This response only keeps a traceback out of the log.
        raise Problem(400, "bad-request", "Bad Request", "The body ended before its announced length.") from None
    except TimeoutError:
        detail = f"The body was not received within {_BODY_TIMEOUT:.0f} s."
        raise Problem(408, "body-timeout", "The body took too long", detail) from None
    return _WithBody(request, bytes(body))


def _too_large(limit: int) -> Problem:
    detail = f"The body may have at most {limit} bytes."
    # The rest of the body is not read, so the connection cannot be reused.
    return Problem(413, "body-too-large", "Body too large", detail, headers={"Connection": "close"})


def _dependencies_of(dependant: Dependant) -> Iterator[Dependant]:
    for below in dependant.dependencies:
        yield below
        yield from _dependencies_of(below)


def _is_async(call: Any) -> bool:
    if isinstance(call, SecurityBase):
        # FastAPI's own schemes only read a header.
        return True
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)
