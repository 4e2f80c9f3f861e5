"""What operators do with webhook events: look at what came in, send it round again, or put it away."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from sync_hostaway.api.auth.operator import require_operator
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.inputs import Id, Line, Moment
from sync_hostaway.api.http.bulkheads import Background
from sync_hostaway.api.http.openapi_errors import OPERATORS_ONLY, errors
from sync_hostaway.api.http.problems import not_found
from sync_hostaway.api.routes.accounts import Trigger, Warehouse
from sync_hostaway.core.exceptions import InvalidValue, RunNotRequested
from sync_hostaway.core.run_trigger import RunTrigger
from sync_hostaway.events import replay as history
from sync_hostaway.events.parse import EventState
from sync_hostaway.events.replay import EventFilter
from sync_hostaway.events.run_requests import request_delta

router = guarded_router(
    prefix="/v1/webhook-events",
    tags=["webhook events"],
    dependencies=[Depends(require_operator)],
    responses=OPERATORS_ONLY,
)


class Event(BaseModel):
    """What Hostaway delivered, and what became of it."""

    event_id: int = Field(examples=[4711])
    account_id: int = Field(examples=[12345])
    state: EventState = Field(
        description="pending; done: its object was fetched; gone: Hostaway has it no more; dead: out of attempts; "
        "ignored: nobody here knows it; unreadable; discarded: by an operator",
        examples=[EventState.DONE],
    )
    event: str | None = Field(examples=["reservation.updated"])
    object: str | None = Field(examples=["reservation"])
    object_id: int | None = Field(examples=[20117])
    times_received: int = Field(description="How often Hostaway sent it", examples=[1])
    received_at: datetime = Field(description="The first time", examples=["2026-03-01T06:00:00Z"])
    attempts: int = Field(description="How often its object was asked for", examples=[1])
    next_try_at: datetime = Field(description="When it is due, while it is pending", examples=["2026-03-01T06:00:00Z"])
    finished_at: datetime | None = Field(description="Null: pending", examples=["2026-03-01T06:00:02Z"])
    reason: str | None = Field(description="Why it has to wait, or was given up", examples=[None])


class Events(BaseModel):
    """Events, newest first."""

    events: list[Event]


class WholeEvent(Event):
    """An event as it was received."""

    body: str | None = Field(description="As received, with personal data; null after the retention")


class Wanted(BaseModel):
    """Which events; what is left out may be anything."""

    model_config = ConfigDict(extra="forbid")

    account_id: Id | None = None
    state: list[EventState] = Field([], max_length=len(EventState), description="May be given several times")
    since: Moment | None = Field(None, description="Received at this time or later")
    object: Annotated[Line, Field(max_length=100)] | None = Field(
        None, description="Kind of object", examples=["reservation"]
    )
    object_id: Id | None = None

    def filter(self, event_ids: list[int] | None = None) -> EventFilter:
        """As the inbox understands it."""
        return EventFilter(
            self.account_id,
            tuple(self.state) or None,
            self.since,
            self.object,
            self.object_id,
            tuple(event_ids) if event_ids else None,
        )


class Page(Wanted):
    """Which events, and how many of them."""

    limit: int = Field(50, ge=1, le=500, description="At most so many")


class Chosen(Wanted):
    """Events to do something with."""

    state: list[EventState] = Field([], min_length=1, max_length=len(EventState), description="Any of these")
    event_ids: list[Id] = Field([], min_length=1, max_length=1000, examples=[[4711]])
    all: StrictBool = Field(False, description="True: every event of every account; only where nothing else is said")

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, fields: Any) -> Any:
        # A criterion that a caller forgot to fill must not widen the choice.
        null = [name for name, value in fields.items() if value is None] if isinstance(fields, dict) else []
        if null:
            raise ValueError(f"{', '.join(map(str, null))} is null: give a value, or leave it out")
        return fields

    @model_validator(mode="after")
    def _is_meant(self) -> Self:
        try:
            self.filter(self.event_ids).require_criterion(self.all)
        except InvalidValue as error:
            raise ValueError(str(error)) from None
        return self


class Done(BaseModel):
    """What was done."""

    events: int = Field(description="How many", examples=[3])


@router.get("", summary="Webhook events")
def get_events(connection: Warehouse, wanted: Annotated[Page, Query()]) -> Events:
    """Newest first, without their bodies."""
    rows = history.list_events(connection, wanted.filter(), wanted.limit)
    return Events(events=[Event(**row) for row in rows])


@router.get("/{event_id}", summary="One webhook event", responses=errors(s404="There is no such event"))
def get_event(event_id: Annotated[Id, Path()], connection: Warehouse) -> WholeEvent:
    """With its body, which holds personal data."""
    try:
        row: dict[str, Any] = history.get_event(connection, event_id)
    except InvalidValue:
        raise not_found(f"webhook event {event_id}") from None
    body = None if row["body"] is None else bytes(row["body"]).decode(errors="replace")
    return WholeEvent.model_validate({**row, "body": body})


@router.post("/replay", summary="Serve webhook events again")
def replay(chosen: Chosen, connection: Warehouse, trigger: Trigger, background: Background) -> Done:
    """Their objects are fetched once more, within seconds. Events that could not be read are read again."""
    count = history.replay(connection, chosen.filter(chosen.event_ids))
    if count:
        background.run(_drain, trigger)
    return Done(events=count)


@router.post("/discard", summary="Put webhook events away")
def discard(chosen: Chosen, connection: Warehouse) -> Done:
    """Events that wait or are dead are never served; a replay brings them back."""
    return Done(events=history.discard(connection, chosen.filter(chosen.event_ids)))


def _drain(trigger: RunTrigger) -> None:
    # Should Airflow not take it: hostaway_maintenance sees the events that wait.
    with suppress(RunNotRequested):
        request_delta(trigger)
