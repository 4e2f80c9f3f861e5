"""The buttons. Each calls the function of the operator API that does the same, and answers with one line of text."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Path, Request, Response

from sync_hostaway.api.http.bulkheads import Background
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.inputs import Id
from sync_hostaway.api.routes import account_webhook, accounts, webhook_events
from sync_hostaway.api.routes.account_schemas import ChangedAccount, NewSync
from sync_hostaway.api.routes.accounts import AccountId, Trigger, Warehouse
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.events.parse import EventState
from sync_hostaway.ui.access import Visitor, acting_operator
from sync_hostaway.ui.rendering import render

router = guarded_router(prefix="/accounts/{account_id}")

Actor = Annotated[Visitor, Depends(acting_operator)]


@router.post("/sync")
def sync_now(
    request: Request,
    account_id: AccountId,
    actor: Actor,
    connection: Warehouse,
    trigger: Trigger,
    mode: Annotated[Mode, Form()] = Mode.INCREMENTAL,
    resources: Annotated[list[Resource] | None, Form()] = None,
) -> Response:
    """Request a sync in Airflow."""
    requested = accounts.request_sync_now(
        account_id, NewSync.model_validate({"mode": mode, "resources": resources}), connection, trigger
    )
    return _done(
        request, f"A {mode.value} sync is requested: run {requested.run_id}. It begins when Airflow has a free slot."
    )


@router.post("/pause")
def pause(
    request: Request,
    account_id: AccountId,
    actor: Actor,
    connection: Warehouse,
    trigger: Trigger,
    background: Background,
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Stop mirroring the account; its rows stay."""
    change = ChangedAccount.model_validate({"state": "disabled", "reason": reason.strip() or None})
    accounts.change_account(account_id, change, connection, trigger, actor.name, background)
    return _done(request, "The account is paused. Its rows and its API key are kept.")


@router.post("/resume")
def resume(
    request: Request,
    account_id: AccountId,
    actor: Actor,
    connection: Warehouse,
    trigger: Trigger,
    background: Background,
) -> Response:
    """Mirror the account again."""
    change = ChangedAccount.model_validate({"state": "active"})
    accounts.change_account(account_id, change, connection, trigger, actor.name, background)
    return _done(request, "The account is active. A sync of the missed changes is requested.")


@router.post("/rotate")
def rotate(
    request: Request,
    account_id: AccountId,
    actor: Actor,
    connection: Warehouse,
    trigger: Trigger,
    background: Background,
    api_key: Annotated[str, Form(min_length=1, max_length=500)],
) -> Response:
    """Store a new API key after Hostaway accepted it."""
    change = ChangedAccount.model_validate({"client_secret": api_key})
    accounts.change_account(account_id, change, connection, trigger, actor.name, background)
    return _done(
        request,
        "Hostaway accepts the new API key, and it is stored. If the account was stopped, a sync of what it missed is "
        "requested.",
    )


@router.post("/webhook")
def register_webhook(request: Request, account_id: AccountId, actor: Actor, connection: Warehouse) -> Response:
    """Register the webhook with Hostaway again."""
    found = account_webhook.register_again(account_id, connection)
    reason = f": {found.reason}" if found.reason else ""
    return _done(request, f"The webhook is {found.state}{reason}.")


@router.post("/retry-dead")
def retry_dead(
    request: Request,
    account_id: AccountId,
    actor: Actor,
    connection: Warehouse,
    trigger: Trigger,
    background: Background,
) -> Response:
    """Process dead events again, from their first try."""
    selection = webhook_events.EventSelection.model_validate({"account_id": account_id, "state": [EventState.DEAD]})
    done = webhook_events.replay(selection, connection, trigger, background)
    return _done(request, f"{done.events} events are processed again.")


@router.post("/events/{event_id}/replay")
def replay_event(
    request: Request,
    account_id: AccountId,
    event_id: Annotated[Id, Path()],
    actor: Actor,
    connection: Warehouse,
    trigger: Trigger,
    background: Background,
) -> Response:
    """Process one event again."""
    selection = webhook_events.EventSelection.model_validate({"account_id": account_id, "event_ids": [event_id]})
    done = webhook_events.replay(selection, connection, trigger, background)
    return _done(request, f"Event {event_id} is processed again." if done.events else f"There is no event {event_id}.")


def _done(request: Request, text: str) -> Response:
    response = render(request, "done_part.html", text=text)
    # The live part of the page is refreshed at once.
    response.headers["HX-Trigger"] = "changed"
    return response
