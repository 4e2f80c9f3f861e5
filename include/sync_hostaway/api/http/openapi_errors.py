"""The errors each kind of route may answer with, for its description in OpenAPI."""

from __future__ import annotations

from typing import Any

from sync_hostaway.api.http.problems import ProblemDetails

Responses = dict[int | str, dict[str, Any]]


def errors(**descriptions: str) -> Responses:
    """Problems by status: `errors(s404="There is no such listing")`."""
    return {int(name[1:]): {"model": ProblemDetails, "description": text} for name, text in descriptions.items()}


COMMON: Responses = errors(
    s422="Parts of the request cannot be used; `errors` names them",
    s500="Something went wrong here",
    s503="The warehouse is away, busy or has no data yet, or this server is busy; `Retry-After` says when to ask again",
)
SCOPED: Responses = errors(
    s401="Without a valid API token",
    s403="The token lacks the scope",
    s404="There is no such object in this account",
    s429="The token has used up its requests, or too many requests came without a good one; see `Retry-After`",
)
OPERATORS_ONLY: Responses = errors(
    s401="Without a valid token of Airflow",
    s403="The user may not manage connections",
    s429="Too many requests came without a valid token; send a valid one, or wait for `Retry-After`",
    s503="The warehouse, Hostaway or Airflow is not available, or this server is busy or not set up for it",
)
WITH_BODY: Responses = errors(
    s400="The body is no JSON",
    s408="The body was not received in time",
    s413="The body is larger than this route takes",
    s415="The body is compressed",
)
POLLED: Responses = {
    304: {"description": "The rows are still those of the `If-None-Match` header"},
    **SCOPED,
}
