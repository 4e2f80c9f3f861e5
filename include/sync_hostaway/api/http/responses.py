"""How rows are answered: with the moment they tell of, and an entity tag by which a caller asks for news only."""

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

# As text: a float would not hold every amount.
DecimalText = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")]

_DIGEST = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])")

Cursor = Annotated[
    str | None,
    Query(max_length=128, pattern="^[A-Za-z0-9_-]+$", description="`next_cursor` of the page before"),
]
LastId = Annotated[int, Field(ge=0, lt=MAX_ID)]
AFTER_ID = TypeAdapter(LastId)
_Place = TypeVar("_Place")
PageSize = Annotated[int, Query(ge=1, le=500, description="Rows per page")]


class Answer(BaseModel):
    """What every answer has."""

    as_of: datetime | None = Field(
        description="Whatever Hostaway had then is in the answer; later changes may be. Null: never read as a whole",
        examples=["2026-03-01T06:00:00Z"],
    )


def respond(request: Request, as_of: datetime | None, **members: Any) -> Response:
    """The answer of those members, or 304 when the caller has these rows already.

    Rows are written as they come from the database, under the names they have in the response model: a year's calendar
    takes a tenth of the time that it would take through the model. The tests hold every answer against its schema.

    The tag is weak: it stands for the rows, and not for `as_of`, which moves with every sync and is in a header too.
    Proxies that compress write it in other forms (`"…-gzip"`), so only the digest in it is compared.
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
    raise TypeError(f"{type(value).__name__} has no place in an answer")


def _is_known(digest: str, known: str) -> bool:
    return known.strip() == "*" or digest in _DIGEST.findall(known)


def read_cursor(cursor: str | None, kind: TypeAdapter[_Place], first: _Place) -> _Place:
    """The place after which a page begins.

    :param kind: of place in the order of the rows: `AFTER_ID`, where they are ordered by their id.
    :param first: the place before all rows.
    :raises Problem: 422 when it is not a cursor of this order.
    """
    if cursor is None:
        return first
    try:
        return kind.validate_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        detail = "The cursor is not one that this API has answered to a request with these filters."
        raise Problem(422, "invalid-cursor", "Invalid cursor", detail) from None


def page_of(rows: list[dict[str, Any]], limit: int, *order: str) -> tuple[list[dict[str, Any]], str | None]:
    """The page and its `next_cursor`, of rows among which one more than the page was asked for.

    :param order: what the rows are ordered by.
    """
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    place = [page[-1][name] for name in order]
    return page, base64.urlsafe_b64encode(orjson.dumps(place if len(order) > 1 else place[0])).decode().rstrip("=")
