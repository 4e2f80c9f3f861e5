"""The listings of an account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import Request, Response, Security
from pydantic import BaseModel, Field

from sync_hostaway.accounts.api_tokens import ApiToken, Scope
from sync_hostaway.api.account_session import account_rows
from sync_hostaway.api.auth.api_token import require_token
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.responses import (
    AFTER_ID,
    Answer,
    Cursor,
    DecimalText,
    PageSize,
    page_of,
    read_cursor,
    respond,
)
from sync_hostaway.core.db import load_queries
from sync_hostaway.core.resources import Resource

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))

router = guarded_router(tags=["listings"])


class Listing(BaseModel):
    """A listing (property)."""

    listing_id: int = Field(examples=[40160])
    listing_name: str | None = Field(description="Name shown to guests", examples=["Sea view loft"])
    internal_listing_name: str | None = Field(description="Name shown to the host", examples=["LOFT-2"])
    room_type: str | None = Field(description="entire_home, private_room, shared_room", examples=["entire_home"])
    country_code: str | None = Field(description="ISO 3166-1 alpha-2", examples=["PT"])
    city: str | None = Field(examples=["Lisbon"])
    public_address: str | None = Field(description="Address shown before booking", examples=["Alfama, Lisbon"])
    time_zone_name: str | None = Field(description="IANA time zone of its days and hours", examples=["Europe/Lisbon"])
    currency: str | None = Field(description="ISO 4217 currency of its prices", examples=["EUR"])
    base_price: DecimalText | None = Field(description="Base price of a night", examples=["129.00"])
    person_capacity: int | None = Field(description="Maximum number of guests", examples=[4])
    bedrooms: int | None = Field(examples=[2])
    beds: int | None = Field(examples=[3])
    bathrooms: DecimalText | None = Field(examples=["1.5"])
    min_nights: int | None = Field(description="Minimum nights of a stay", examples=[2])
    max_nights: int | None = Field(description="Maximum nights of a stay", examples=[30])
    check_in_hour_start: int | None = Field(description="Hour from which guests check in, local time", examples=[15])
    check_in_hour_end: int | None = Field(description="Hour until which guests check in, local time", examples=[20])
    check_out_hour: int | None = Field(description="Hour until which guests leave, local time", examples=[11])
    is_instant_bookable: bool | None = Field(description="Whether guests can book without a request", examples=[True])
    is_archived: bool | None = Field(description="Archived in Hostaway", examples=[False])
    thumbnail_url: str | None = Field(examples=["https://example.com/loft.jpg"])


class Listings(Answer):
    """A page of listings, by id."""

    listings: list[Listing]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last page", examples=["MTAwMDI"])


@router.get("/v1/listings", response_model=Listings, summary="The listings of the account")
def get_listings(
    request: Request,
    token: Annotated[ApiToken, Security(require_token, scopes=[Scope.READ_CALENDAR])],
    cursor: Cursor = None,
    limit: PageSize = 100,
) -> Response:
    """Return every listing that is not deleted, with archived ones."""
    with account_rows(request.app.state.pool, token.account_id, Resource.LISTINGS) as rows:
        found = rows.all(_QUERIES["listings"], after=read_cursor(cursor, AFTER_ID, 0), rows=limit + 1)
    listings, next_cursor = page_of(found, limit, "listing_id")
    return respond(request, rows.as_of, listings=listings, next_cursor=next_cursor)
