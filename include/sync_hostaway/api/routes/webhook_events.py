"""Routes for operators: list, replay and discard webhook events."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from sync_hostaway.api.auth.operator import require_operator
from sync_hostaway.api.http.bulkheads import Background
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.inputs import Id, Line, Moment
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


class WebhookEvent(BaseModel):
    """A delivered webhook event and its state."""

    event_id: int = Field(examples=[4711])
    account_id: int = Field(examples=[12345])
    state: EventState = Field(
        description="pending; done: its object was fetched; object_deleted: Hostaway has deleted it; "
        "dead: out of attempts; "
        "ignored: an unknown kind of event; unreadable; discarded: by an operator",
        examples=[EventState.DONE],
    )
    event: str | None = Field(examples=["reservation.updated"])
    object: str | None = Field(examples=["reservation"])
    object_id: int | None = Field(examples=[20117])
    times_received: int = Field(description="How often Hostaway delivered it", examples=[1])
    received_at: datetime = Field(
        description="First delivery, or the one after which it is processed again", examples=["2026-03-01T06:00:00Z"]
    )
    attempts: int = Field(description="How often its object was requested from Hostaway", examples=[1])
    next_try_at: datetime = Field(
        description="When a pending event is processed next", examples=["2026-03-01T06:00:00Z"]
    )
    finished_at: datetime | None = Field(description="Null: pending", examples=["2026-03-01T06:00:02Z"])
    reason: str | None = Field(description="Why it waits, or why it is not processed", examples=[None])


class WebhookEvents(BaseModel):
    """Events, newest first."""

    events: list[WebhookEvent]


class WebhookEventWithBody(WebhookEvent):
    """An event with its body."""

    body: str | None = Field(description="The body as received, with personal data; null after the retention")


class EventCriteria(BaseModel):
    """Filters. A filter that is left out matches every event."""

    model_config = ConfigDict(extra="forbid")

    account_id: Id | None = Field(None, description="Hostaway's account id")
    state: list[EventState] = Field([], max_length=len(EventState), description="Repeatable")
    since: Moment | None = Field(None, description="Received at this time or later; see `received_at`")
    object: Annotated[Line, Field(max_length=100)] | None = Field(
        None, description="Kind of object", examples=["reservation"]
    )
    object_id: Id | None = Field(None, description="Hostaway's id of the object")

    def filter(self, event_ids: list[int] | None = None) -> EventFilter:
        """Return the filter for the inbox."""
        return EventFilter(
            self.account_id,
            tuple(self.state) or None,
            self.since,
            self.object,
            self.object_id,
            tuple(event_ids) if event_ids else None,
        )


class EventPageRequest(EventCriteria):
    """Filters and page size."""

    limit: int = Field(50, ge=1, le=500, description="Maximum number of events")


class EventSelection(EventCriteria):
    """The events to replay or discard."""

    state: list[EventState] = Field([], min_length=1, max_length=len(EventState), description="States of events")
    event_ids: list[Id] = Field([], min_length=1, max_length=1000, description="Ids of events", examples=[[4711]])
    all: StrictBool = Field(False, description="True: all events of all accounts; only without any other filter")

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, fields: Any) -> Any:
        # A filter that the caller forgot to fill must not select more events.
        null = [name for name, value in fields.items() if value is None] if isinstance(fields, dict) else []
        if null:
            raise ValueError(f"{', '.join(map(str, null))} is null: give a value or leave it out")
        return fields

    @model_validator(mode="after")
    def _is_meant(self) -> Self:
        try:
            self.filter(self.event_ids).require_criterion(self.all)
        except InvalidValue as error:
            raise ValueError(str(error)) from None
        return self


class ChangedEvents(BaseModel):
    """Number of events that changed."""

    events: int = Field(description="How many", examples=[3])


@router.get("", summary="Webhook events")
def get_events(connection: Warehouse, page: Annotated[EventPageRequest, Query()]) -> WebhookEvents:
    """Return events without their bodies, newest first."""
    rows = history.list_events(connection, page.filter(), page.limit)
    return WebhookEvents(events=[WebhookEvent(**row) for row in rows])


@router.get("/{event_id}", summary="One webhook event", responses=errors(s404="There is no such event"))
def get_event(
    event_id: Annotated[Id, Path(description="Id of the event in the list of events")], connection: Warehouse
) -> WebhookEventWithBody:
    """Return one event with its body, which holds personal data."""
    try:
        row: dict[str, Any] = history.get_event(connection, event_id)
    except InvalidValue:
        raise not_found(f"webhook event {event_id}") from None
    body = None if row["body"] is None else bytes(row["body"]).decode(errors="replace")
    return WebhookEventWithBody.model_validate({**row, "body": body})


@router.post("/replay", summary="Process webhook events again")
def replay(selection: EventSelection, connection: Warehouse, trigger: Trigger, background: Background) -> ChangedEvents:
    """Fetch the objects of the events again, within seconds. Unreadable events are parsed again."""
    count = history.replay(connection, selection.filter(selection.event_ids))
    if count:
        background.run(_request_run, trigger)
    return ChangedEvents(events=count)


@router.post("/discard", summary="Discard webhook events")
def discard(selection: EventSelection, connection: Warehouse) -> ChangedEvents:
    """Discard pending and dead events: they are not processed. A replay makes them pending again."""
    return ChangedEvents(events=history.discard(connection, selection.filter(selection.event_ids)))


def _request_run(trigger: RunTrigger) -> None:
    # If Airflow does not accept the request, hostaway_maintenance finds the pending events.
    with suppress(RunNotRequested):
        request_delta(trigger)
