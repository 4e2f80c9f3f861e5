"""The errors each kind of route may answer with, for its description in OpenAPI."""

from __future__ import annotations

from typing import Any

from sync_hostaway.api.problems import ProblemDetails

Responses = dict[int | str, dict[str, Any]]


def errors(**descriptions: str) -> Responses:
    """Problems by status: `errors(s404="There is no such listing")`."""
    return {int(name[1:]): {"model": ProblemDetails, "description": text} for name, text in descriptions.items()}


COMMON: Responses = errors(
    s422="Parts of the request cannot be used; `errors` names them",
    s500="Something went wrong here",
    s503="The warehouse is not available, or has no data yet; `Retry-After` says when to ask again",
)
SCOPED: Responses = errors(
    s401="Without a valid API token",
    s403="The token lacks the scope",
    s404="There is no such object in this account",
    s429="The token has used up its requests; `Retry-After` says when the next is permitted",
)
POLLED: Responses = {
    304: {"description": "The rows are still those of the `If-None-Match` header"},
    **SCOPED,
}
