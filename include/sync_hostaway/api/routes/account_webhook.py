"""Routes for operators: the webhook of an account."""

from __future__ import annotations

from contextlib import suppress

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from sync_hostaway.accounts.registry import client_for
from sync_hostaway.accounts.status import WebhookState, account_status
from sync_hostaway.api.auth.operator import require_operator
from sync_hostaway.api.http.bulkheads import Background, in_bulkhead
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.openapi_errors import OPERATORS_ONLY, errors
from sync_hostaway.api.routes.accounts import AccountId, Warehouse
from sync_hostaway.core.db import connect
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.webhook_admin.registration import ensure_registered, rotate

router = guarded_router(
    prefix="/v1/accounts/{account_id}/webhook",
    tags=["accounts"],
    dependencies=[Depends(require_operator)],
    responses=OPERATORS_ONLY,
)


class Rotation(BaseModel):
    """How the webhook password is replaced."""

    model_config = ConfigDict(extra="forbid")

    now: StrictBool = Field(
        False,
        description="True: the old password is invalid at once, and deliveries are rejected until Hostaway has the new "
        "one. False: the old password stays valid for two hours after Hostaway accepted the new one",
    )


@router.post("/rotate", summary="Replace the webhook password", responses=errors(s404="The account is not registered"))
def rotate_webhook(
    account_id: AccountId, body: Rotation, connection: Warehouse, background: Background
) -> WebhookState:
    """Hostaway gets the new password within seconds. If that fails, `hostaway_maintenance` repeats it."""
    rotate(connection, account_id, now=body.now)
    background.run(_register, account_id)
    return account_status(connection, account_id).webhook


@router.post("/register", summary="Register the webhook again", responses=errors(s404="The account is not registered"))
@in_bulkhead("slow")
def register_again(account_id: AccountId, connection: Warehouse) -> WebhookState:
    """Check the account's webhook at Hostaway. Register it if it is missing, and switch it on if it is off."""
    with client_for(connection, account_id, Priority.DELTA) as client:
        ensure_registered(connection, client)
    return account_status(connection, account_id).webhook


def _register(account_id: int) -> None:
    with (
        suppress(SyncHostawayError),
        connect(application="sync-hostaway operator api") as connection,
        client_for(connection, account_id, Priority.DELTA) as client,
    ):
        ensure_registered(connection, client)
