"""Reservations: one by its id, and a filtered list to page through or to poll for changes."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import Path, Query, Request, Response, Security
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from sync_hostaway.accounts.api_tokens import ApiToken, Scope
from sync_hostaway.api.account_session import account_rows
from sync_hostaway.api.auth.api_token import require_token
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.inputs import Date, Id, Moment
from sync_hostaway.api.http.problems import not_found
from sync_hostaway.api.http.responses import (
    AFTER_ID,
    Answer,
    Cursor,
    DecimalText,
    LastId,
    PageSize,
    page_of,
    read_cursor,
    respond,
)
from sync_hostaway.core.db import load_queries
from sync_hostaway.core.resources import Resource

_QUERIES = load_queries(FilePath(__file__).with_suffix(".sql"))
_ONE, _SOME, _CHANGED = (
    _QUERIES[name].format(fields=_QUERIES["fields"], filters=_QUERIES["filters"])
    for name in ("reservation", "reservations", "changed_reservations")
)
_AFTER_CHANGE = TypeAdapter(tuple[Moment, LastId])

router = guarded_router(tags=["reservations"])

Reader = Annotated[ApiToken, Security(require_token, scopes=[Scope.READ_RESERVATIONS])]
Status = Annotated[str, Field(pattern="^[A-Za-z_]{1,40}$")]


class Reservation(BaseModel):
    """A reservation, an inquiry or an owner stay."""

    reservation_id: int = Field(examples=[20117])
    listing_id: int | None = Field(description="Changes when the booking moves to another listing", examples=[40160])
    conversation_id: int | None = Field(description="Its newest conversation, if it has one", examples=[701123])
    guest_id: int = Field(description="The same for all reservations of one person", examples=[20009])
    status: str | None = Field(description="Hostaway's status", examples=["new"])
    status_group: str = Field(
        description="booking, owner_stay, request, inquiry, cancelled, declined; other for an unknown status",
        examples=["booking"],
    )
    is_booking: bool = Field(description="A stay sold to a guest; only these count as revenue", examples=[True])
    channel_id: int | None = Field(description="2018 Airbnb, 2005 Booking.com, 2002 Vrbo, 2000 direct", examples=[2018])
    channel_name: str | None = Field(examples=["airbnbOfficial"])
    channel_reservation_id: str | None = Field(description="Id on the channel", examples=["40160-2018-1"])
    confirmation_code: str | None = Field(description="Code that the guest sees", examples=["HMABC123"])
    guest_name: str | None = Field(examples=["Ana Lopes"])
    guest_first_name: str | None = Field(examples=["Ana"])
    guest_last_name: str | None = Field(examples=["Lopes"])
    guest_email: str | None = Field(description="May be a relay address of the channel", examples=["ana@example.com"])
    guest_phone: str | None = Field(examples=["+351 900 000 000"])
    guest_locale: str | None = Field(description="Language of the guest, two letters", examples=["pt"])
    guest_country: str | None = Field(examples=["PT"])
    guest_note: str | None = Field(examples=["We arrive late."])
    arrival_date: date | None = Field(description="Local day; null when the channel gave none", examples=["2026-03-01"])
    departure_date: date | None = Field(description="Local day", examples=["2026-03-04"])
    nights: int | None = Field(examples=[3])
    check_in_hour: int | None = Field(description="Agreed hour of arrival, local; 0 can mean unknown", examples=[15])
    check_out_hour: int | None = Field(description="Agreed hour of departure, local", examples=[11])
    number_of_guests: int | None = Field(examples=[3])
    adults: int | None = Field(examples=[2])
    children: int | None = Field(examples=[1])
    infants: int | None = Field(examples=[0])
    pets: int | None = Field(examples=[0])
    currency: str | None = Field(description="ISO 4217 currency of every amount here", examples=["EUR"])
    total_price: DecimalText | None = Field(
        description="What the guest pays; inquiries have it too", examples=["412.50"]
    )
    tax_amount: DecimalText | None = Field(description="Taxes within total_price", examples=["24.00"])
    cleaning_fee: DecimalText | None = Field(examples=["45.00"])
    remaining_balance: DecimalText | None = Field(description="What the guest still has to pay", examples=["0"])
    payment_status: str | None = Field(description="paid, unpaid, partially paid, unknown", examples=["paid"])
    is_paid: bool | None = Field(description="Paid in full", examples=[True])
    booked_at: datetime | None = Field(description="When it was booked or requested", examples=["2026-01-05T10:12:00Z"])
    cancelled_at: datetime | None = Field(examples=[None])
    updated_at: datetime | None = Field(description="Last change in Hostaway", examples=["2026-02-01T08:00:00Z"])
    changed_at: datetime = Field(
        description="Last change in these tables; `updated_since` compares with it", examples=["2026-02-01T08:00:09Z"]
    )
    is_deleted: bool = Field(description="Deleted in Hostaway", examples=[False])


class OneReservation(Answer):
    """A reservation."""

    reservation: Reservation


class Reservations(Answer):
    """A page of reservations."""

    reservations: list[Reservation]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last page", examples=["MTAwMDI"])


class Filter(BaseModel):
    """Filters. A filter that is left out matches every reservation."""

    model_config = ConfigDict(extra="forbid")

    listing_id: Id | None = Field(None, description="Only reservations of this listing")
    status: list[Status] = Field([], max_length=20, description="Hostaway's status; repeatable")
    arrival_from: Date | None = Field(None, description="First day of arrival")
    arrival_to: Date | None = Field(None, description="Last day of arrival, included")
    departure_from: Date | None = Field(None, description="First day of departure")
    departure_to: Date | None = Field(None, description="Last day of departure, included")
    updated_since: Moment | None = Field(
        None,
        description="Changed in these tables at this time or later, ordered by change. To get every change, pass the "
        "latest `changed_at` that you have seen. Deleted reservations are included, with `is_deleted`",
    )
    cursor: Cursor = None
    limit: PageSize = 100


@router.get(
    "/v1/reservations/{reservation_id}", response_model=OneReservation, summary="One reservation", name="reservation"
)
def get_reservation(
    request: Request,
    reservation_id: Annotated[Id, Path(description="Hostaway's id of the reservation")],
    token: Reader,
) -> Response:
    """Return one reservation. `is_deleted` is true for one that was deleted in Hostaway."""
    with account_rows(request.app.state.pool, token.account_id, Resource.RESERVATIONS) as rows:
        reservation = rows.one(_ONE, reservation_id=reservation_id)
    if reservation is None:
        raise not_found(f"reservation {reservation_id}")
    return respond(request, rows.as_of, reservation=reservation)


@router.get("/v1/reservations", response_model=Reservations, summary="Reservations, filtered")
def get_reservations(request: Request, token: Reader, wanted: Annotated[Filter, Query()]) -> Response:
    """Ordered by id, or with `updated_since` by change. Get the next page with `next_cursor` and the same filters."""
    params = wanted.model_dump(exclude={"cursor", "limit", "updated_since"}) | {"rows": wanted.limit + 1}
    with account_rows(request.app.state.pool, token.account_id, Resource.RESERVATIONS) as rows:
        if wanted.updated_since is None:
            order = ["reservation_id"]
            found = rows.all(_SOME, **params, after=read_cursor(wanted.cursor, AFTER_ID, 0))
        else:
            # In this order, a row that changes during paging moves to a later page. By id, its change could be lost.
            order = ["changed_at", "reservation_id"]
            moment, after = read_cursor(wanted.cursor, _AFTER_CHANGE, (wanted.updated_since, 0))
            found = rows.all(_CHANGED, **params, moment=moment, after=after)
    reservations, next_cursor = page_of(found, wanted.limit, *order)
    return respond(request, rows.as_of, reservations=reservations, next_cursor=next_cursor)
