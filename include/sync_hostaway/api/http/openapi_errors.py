"""The errors that each kind of route can return, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from sync_hostaway.api.http.problems import ProblemDetails

Responses = dict[int | str, dict[str, Any]]


def errors(**descriptions: str) -> Responses:
    """Return OpenAPI responses by status: `errors(s404="There is no such listing")`."""
    return {int(name[1:]): {"model": ProblemDetails, "description": text} for name, text in descriptions.items()}


COMMON: Responses = errors(
    s422="Parts of the request are invalid; `errors` names them",
    s500="Internal error",
    s503="The warehouse is unavailable, busy or has no data yet, or this server is busy; retry after `Retry-After`",
)
SCOPED: Responses = errors(
    s401="The API token is missing or not valid",
    s403="The token lacks the scope",
    s404="There is no such object in this account",
    s429="The token has used up its requests, or this address sent too many invalid tokens; see `Retry-After`",
)
OPERATORS_ONLY: Responses = errors(
    s401="The Airflow token is missing or not valid",
    s403="The user may not manage connections",
    s429="This address sent too many invalid tokens; send a valid one, or wait for `Retry-After`",
    s503="The warehouse, Hostaway or Airflow is not available, or this server is busy or not configured for it",
)
WITH_BODY: Responses = errors(
    s400="The body is not JSON",
    s408="The body was not received in time",
    s413="The body is larger than this route accepts",
    s415="The body is compressed",
)
POLLED: Responses = {
    304: {"description": "The rows have not changed since the response with the tag in `If-None-Match`"},
    **SCOPED,
}
