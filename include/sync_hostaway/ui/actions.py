"""The buttons. Each calls the function of the operator API that does the same, and answers with one line of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Path, Request, Response

from sync_hostaway.api.http.bulkheads import Background, BackgroundWork
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.inputs import Id
from sync_hostaway.api.routes import account_webhook, accounts, webhook_events
from sync_hostaway.api.routes.account_schemas import ChangedAccount, NewSync
from sync_hostaway.api.routes.accounts import AccountId, Trigger, Warehouse
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.run_trigger import RunTrigger
from sync_hostaway.events.parse import EventState
from sync_hostaway.ui.access import Visitor, acting_operator
from sync_hostaway.ui.rendering import render

router = guarded_router(prefix="/accounts/{account_id}")


@dataclass(frozen=True)
class Action:
    """An operator who uses a button of an account, and what the functions of the operator API need."""

    request: Request
    account_id: int
    actor: Visitor
    connection: Connection
    trigger: RunTrigger
    background: BackgroundWork

    def change(self, **fields: object) -> None:
        """Change the account as `PATCH /v1/accounts/{account_id}` does."""
        change = ChangedAccount.model_validate(fields)
        accounts.change_account(
            self.account_id, change, self.connection, self.trigger, self.actor.name, self.background
        )

    def replay(self, **criteria: object) -> int:
        """Process the selected events of the account again; their number."""
        selection = webhook_events.EventSelection.model_validate({"account_id": self.account_id, **criteria})
        return webhook_events.replay(selection, self.connection, self.trigger, self.background).events

    def done(self, text: str) -> Response:
        """The answer that tells what was done."""
        response = render(self.request, "done_part.html", text=text)
        # The live part of the page is refreshed at once.
        response.headers["HX-Trigger"] = "changed"
        return response


async def _action(
    request: Request,
    account_id: AccountId,
    actor: Annotated[Visitor, Depends(acting_operator)],
    connection: Warehouse,
    trigger: Trigger,
    background: Background,
) -> Action:
    return Action(request, account_id, actor, connection, trigger, background)


OfButton = Annotated[Action, Depends(_action)]


@router.post("/sync")
def sync_now(
    action: OfButton,
    mode: Annotated[Mode, Form()] = Mode.INCREMENTAL,
    resources: Annotated[list[Resource] | None, Form()] = None,
) -> Response:
    """Request a sync in Airflow."""
    sync = NewSync.model_validate({"mode": mode, "resources": resources})
    requested = accounts.request_sync_now(action.account_id, sync, action.connection, action.trigger)
    return action.done(
        f"A {mode.value} sync is requested: run {requested.run_id}. It begins when Airflow has a free slot."
    )


@router.post("/pause")
def pause(action: OfButton, reason: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Stop mirroring the account; its rows stay."""
    action.change(state="disabled", reason=reason.strip() or None)
    return action.done("The account is paused. Its rows and its API key are kept.")


@router.post("/resume")
def resume(action: OfButton) -> Response:
    """Mirror the account again."""
    action.change(state="active")
    return action.done("The account is active. A sync of the missed changes is requested.")


@router.post("/rotate")
def rotate(action: OfButton, api_key: Annotated[str, Form(min_length=1, max_length=500)]) -> Response:
    """Store a new API key after Hostaway accepted it."""
    action.change(client_secret=api_key)
    return action.done(
        "Hostaway accepts the new API key, and it is stored. If the account was stopped, a sync of what it missed is "
        "requested."
    )


@router.post("/webhook")
def register_webhook(action: OfButton) -> Response:
    """Register the webhook with Hostaway again."""
    found = account_webhook.register_again(action.account_id, action.connection)
    reason = f": {found.reason}" if found.reason else ""
    return action.done(f"The webhook is {found.state}{reason}.")


@router.post("/retry-dead")
def retry_dead(action: OfButton) -> Response:
    """Process dead events again, from their first try."""
    return action.done(f"{action.replay(state=[EventState.DEAD])} events are processed again.")


@router.post("/events/{event_id}/replay")
def replay_event(action: OfButton, event_id: Annotated[Id, Path()]) -> Response:
    """Process one event again."""
    is_there = action.replay(event_ids=[event_id])
    return action.done(f"Event {event_id} is processed again." if is_there else f"There is no event {event_id}.")
