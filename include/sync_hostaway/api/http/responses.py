"""Responses with rows: with the moment `as_of`, and with an entity tag so that callers can poll for changes."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter

from sync_hostaway.api.http.inputs import MAX_ID
from sync_hostaway.api.http.problems import Problem

# Text, because a float cannot represent every amount.
DecimalText = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")]

_DIGEST = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])")

Cursor = Annotated[
    str | None,
    Query(max_length=128, pattern="^[A-Za-z0-9_-]+$", description="`next_cursor` of the previous page"),
]
LastId = Annotated[int, Field(ge=0, lt=MAX_ID)]
AFTER_ID = TypeAdapter(LastId)
_Place = TypeVar("_Place")
PageSize = Annotated[int, Query(ge=1, le=500, description="Rows per page")]


class Answer(BaseModel):
    """Members of every response with rows."""

    as_of: datetime | None = Field(
        description="The response has everything that Hostaway had at this moment, and may have later changes. "
        "Null: no complete read yet",
        examples=["2026-03-01T06:00:00Z"],
    )


def respond(request: Request, as_of: datetime | None, **members: Any) -> Response:
    """Return a response with those members, or 304 when the caller has these rows already.

    Rows are written as they come from the database, under the names of the response model. A year's calendar takes a
    tenth of the time that the model would take. The tests check every response against its schema.

    The tag is weak: it covers the rows and not `as_of`, which changes with every sync and is also in a header. Proxies
    that compress write the tag in other forms (`"…-gzip"`), so only the digest in it is compared.
    """
    rows = orjson.dumps(members, default=_as_text, option=orjson.OPT_UTC_Z)
    digest = hashlib.blake2b(rows, digest_size=16).hexdigest()
    headers = {"ETag": f'W/"{digest}"', "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if as_of:
        headers["X-As-Of"] = as_of.isoformat()
    if _is_known(digest, request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    moment = orjson.dumps({"as_of": as_of}, option=orjson.OPT_UTC_Z)
    return Response(moment[:-1] + b"," + rows[1:], headers=headers, media_type="application/json")


def _as_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _is_known(digest: str, known: str) -> bool:
    return known.strip() == "*" or digest in _DIGEST.findall(known)


def read_cursor(cursor: str | None, kind: TypeAdapter[_Place], first: _Place) -> _Place:
    """Return the position after which a page begins.

    :param kind: type of a position in the order of the rows: `AFTER_ID` for rows ordered by id.
    :param first: the position before all rows.
    :raises Problem: 422 when the text is not a cursor of this order.
    """
    if cursor is None:
        return first
    try:
        return kind.validate_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        detail = "The cursor does not come from a response to a request with these filters."
        raise Problem(422, "invalid-cursor", "Invalid cursor", detail) from None


def page_of(rows: list[dict[str, Any]], limit: int, *order: str) -> tuple[list[dict[str, Any]], str | None]:
    """Return the page and its `next_cursor`.

    :param rows: up to `limit + 1` rows: one more row shows that there is a next page.
    :param order: the columns by which the rows are ordered.
    """
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    place = [page[-1][name] for name in order]
    return page, base64.urlsafe_b64encode(orjson.dumps(place if len(order) > 1 else place[0])).decode().rstrip("=")
