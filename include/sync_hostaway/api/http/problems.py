"""Error responses of the API: RFC 9457 problem details, one shape for every error.

A problem never contains what the caller sent, because that may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

import orjson
import psycopg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from psycopg import errors
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from sync_hostaway.core.exceptions import (
    ConfigurationError,
    CredentialsRejected,
    HostawayError,
    HostawayThrottled,
    HostawayTransientError,
    InactiveAccount,
    InvalidValue,
    SyncHostawayError,
    UnknownAccount,
    UnknownToken,
    WarehouseUnavailable,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:sync-hostaway:problem:"
# A body can have very many invalid parts.
_MOST_ERRORS = 50
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-\[\]]{0,63}", re.ASCII)
# After an outage, clients should not all retry at once.
_TRY_AGAIN = {"Retry-After": "5"}
# Errors of PostgreSQL while the schemas, the core tables or the role of the API do not exist yet.
_NOT_BUILT = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.InvalidSchemaName,
    errors.InsufficientPrivilege,
    errors.InvalidParameterValue,
)


class Problem(Exception):
    """Ends a request with a problem.

    :param kind: name of the kind of problem for programs; the last part of its `type`.
    :param title: the kind of problem in words, the same for every occurrence.
    :param detail: what happened in this request, and what to do about it.
    :param members: further members of the response.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def response(self, request_id: str | None) -> Response:
        """Return the HTTP response."""
        body = {
            "type": _TYPE + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
            **self.members,
        }
        return Response(orjson.dumps(body), self.status, self.headers, MEDIA_TYPE)


class InvalidPart(BaseModel):
    """An invalid part of a request."""

    location: str = Field(description="Where it is in the request", examples=["query.start"])
    message: str = Field(description="What is wrong with it", examples=["Input should be a valid date"])


class ProblemDetails(BaseModel):
    """An error in the format of RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Names the kind of problem", examples=[_TYPE + "not-found"])
    title: str = Field(description="The kind of problem, in words", examples=["Not found"])
    status: int = Field(description="The HTTP status", examples=[404])
    detail: str = Field(description="What happened, and what to do about it", examples=["There is no listing 5."])
    request_id: str | None = Field(description="Also in the header X-Request-ID and in the logs", examples=["4f1d…"])
    errors: list[InvalidPart] | None = Field(None, description="The parts of an invalid request")


def install(app: FastAPI) -> None:
    """Make an app answer every error with a problem."""

    async def answer(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.warning("api_problem", kind=problem.kind, status=problem.status, error=_named(error))
        return problem.response(getattr(request.state, "request_id", None))

    for kind in (Problem, HTTPException, RequestValidationError, SyncHostawayError, psycopg.Error):
        app.add_exception_handler(kind, answer)


def not_found(what: str) -> Problem:
    """Return a 404. It does not reveal whether another account has the object."""
    return Problem(404, "not-found", "Not found", f"There is no {what}.")


def problem_of(error: Exception) -> Problem:
    """Return the problem for an exception."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        phrase = HTTPStatus(error.status_code).phrase
        kind = phrase.lower().replace(" ", "-")
        return Problem(error.status_code, kind, phrase, str(error.detail), headers=error.headers)
    if isinstance(error, HostawayError):
        return _of_hostaway(error)
    if isinstance(error, SyncHostawayError):
        return _of_ours(error)
    if isinstance(error, psycopg.Error):
        return _of_warehouse(error)
    return Problem(500, "internal-error", "Internal error", "Internal error; search the log for the request id.")


def invalid(location: str, message: str) -> Problem:
    """Return a 422 for one part of a request."""
    parts = [{"location": location, "message": message}]
    return Problem(
        422, "invalid-request", "Invalid request", "Some parts of the request cannot be used; see errors.", errors=parts
    )


def _invalid(error: RequestValidationError) -> Problem:
    parts = [
        {"location": ".".join(_named_part(part) for part in item["loc"]), "message": _plain(item["msg"])}
        for item in islice(error.errors(), _MOST_ERRORS)
    ]
    return Problem(
        422, "invalid-request", "Invalid request", "Some parts of the request cannot be used; see errors.", errors=parts
    )


def _named_part(part: str | int) -> str:
    # The name of an unexpected member comes from the caller and may be any text.
    return str(part) if isinstance(part, int) or _NAME.fullmatch(part) else "?"


def _plain(message: str) -> str:
    return message.encode("utf-8", "replace").decode()


def _of_ours(error: SyncHostawayError) -> Problem:
    if isinstance(error, UnknownAccount | UnknownToken):
        return Problem(404, "not-found", "Not found", str(error))
    if isinstance(error, InvalidValue):
        return Problem(422, "invalid-request", "Invalid request", str(error))
    if isinstance(error, InactiveAccount):
        return Problem(409, "account-inactive", "The account is not active", str(error))
    if isinstance(error, WarehouseUnavailable):
        return _away()
    if isinstance(error, ConfigurationError):
        # The message names settings, so it goes to the log only.
        return Problem(
            503, "misconfigured", "Not configured", "This server is not configured for it; see the server's log."
        )
    return problem_of(RuntimeError())


def _of_hostaway(error: HostawayError) -> Problem:
    if isinstance(error, CredentialsRejected):
        detail = "Hostaway rejects the account's API key; an operator must replace it."
        return Problem(409, "account-inactive", "The account is not active", detail)
    if isinstance(error, HostawayThrottled):
        detail = "Hostaway's rate limit for this account is used up. Try again later."
        return Problem(503, "hostaway-busy", "Hostaway is busy", detail, headers={"Retry-After": "30"})
    if isinstance(error, HostawayTransientError):
        detail = "Hostaway cannot be reached or answers with errors. Try again later."
        return Problem(503, "hostaway-unavailable", "Hostaway is not available", detail, headers={"Retry-After": "30"})
    return Problem(502, "hostaway-refused", "Hostaway refused", "Hostaway did not accept the request.")


def _of_warehouse(error: psycopg.Error) -> Problem:
    if isinstance(error, _NOT_BUILT):
        detail = "The warehouse has not been migrated, or no transform has built the tables yet."
        return Problem(503, "no-data-yet", "No data yet", detail, headers={"Retry-After": "60"})
    if isinstance(error, errors.QueryCanceled | errors.LockNotAvailable):
        detail = "A table is locked, or the query took too long. Try again in a moment."
        return Problem(503, "warehouse-busy", "The warehouse is busy", detail, headers=_TRY_AGAIN)
    if isinstance(error, psycopg.OperationalError):
        return _away()
    return problem_of(RuntimeError())


def _away() -> Problem:
    detail = "The warehouse cannot be reached. Try again in a moment."
    return Problem(503, "warehouse-unavailable", "The warehouse is not available", detail, headers=_TRY_AGAIN)


def _named(error: Exception) -> str:
    # The message of a database error may quote a row.
    return type(error).__name__ if isinstance(error, psycopg.DatabaseError) else f"{type(error).__name__}: {error}"
