"""The calendar of a listing: availability, price and minimum stay per night."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import Path, Query, Request, Response, Security
from pydantic import BaseModel, Field

from sync_hostaway.accounts.api_tokens import ApiToken, Scope
from sync_hostaway.api.account_session import account_rows
from sync_hostaway.api.auth.api_token import require_token
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.inputs import Date, Id
from sync_hostaway.api.http.problems import Problem, not_found
from sync_hostaway.api.http.responses import Answer, DecimalText, respond
from sync_hostaway.core.db import load_queries
from sync_hostaway.core.resources import Resource

_QUERIES = load_queries(FilePath(__file__).with_suffix(".sql"))
_MOST_DAYS = 750
_USUAL_DAYS = 30

LocalDay = date

router = guarded_router(tags=["calendar"])


class Day(BaseModel):
    """One night of a listing."""

    date: LocalDay = Field(description="Local day on which the night begins", examples=["2026-03-01"])
    is_available: bool | None = Field(description="Whether the night can be sold", examples=[True])
    status: str | None = Field(description="available, blocked, reserved, pending and others", examples=["available"])
    price: DecimalText | None = Field(description="Price of the night", examples=["129.00"])
    minimum_stay: int | None = Field(description="Minimum nights of a stay that begins on this day", examples=[2])
    maximum_stay: int | None = Field(description="Maximum nights of a stay that begins on this day", examples=[30])
    available_units: int | None = Field(description="Free units of a listing with several", examples=[1])
    is_closed_on_arrival: bool | None = Field(description="No stay may begin on this day", examples=[False])
    is_closed_on_departure: bool | None = Field(description="No stay may end on this day", examples=[False])


class Calendar(Answer):
    """The days of a listing that are mirrored, in order."""

    listing_id: int = Field(examples=[40160])
    currency: str | None = Field(description="ISO 4217 currency of every price", examples=["EUR"])
    start: date = Field(description="First requested day", examples=["2026-03-01"])
    end: date = Field(description="Last requested day", examples=["2026-03-30"])
    days: list[Day] = Field(description="Days outside the mirrored window are missing")


@router.get("/v1/calendar/{listing_id}", response_model=Calendar, summary="Availability and prices of a listing")
def get_calendar(
    request: Request,
    listing_id: Annotated[Id, Path(description="Hostaway's id of the listing")],
    token: Annotated[ApiToken, Security(require_token, scopes=[Scope.READ_CALENDAR])],
    start: Annotated[Date | None, Query(description="First day; default: today in UTC")] = None,
    end: Annotated[Date | None, Query(description=f"Last day, included; default: {_USUAL_DAYS} days in total")] = None,
) -> Response:
    """Return each mirrored day from `start` to `end`, both included; at most 750 days."""
    first = start or datetime.now(UTC).date()
    try:
        last = end or first + timedelta(days=_USUAL_DAYS - 1)
    except OverflowError:
        last = date.max
    if not 0 <= (last - first).days < _MOST_DAYS:
        detail = f"start {first} to end {last} is not a range of 1 to {_MOST_DAYS} days."
        raise Problem(422, "invalid-range", "Invalid range of days", detail)
    resource = Resource.CALENDAR_DAYS
    with account_rows(request.app.state.pool, token.account_id, resource, calendar_of=listing_id) as rows:
        listing = rows.one(_QUERIES["listing"], listing_id=listing_id)
        if listing is None:
            raise not_found(f"listing {listing_id}")
        days = rows.all(_QUERIES["days"], listing_id=listing_id, start=first, end=last)
    return respond(
        request, rows.as_of, listing_id=listing_id, currency=listing["currency"], start=first, end=last, days=days
    )
