"""Routes for operators: create, read, update and delete accounts, and manage their API tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response

from sync_hostaway.accounts import api_tokens, registry
from sync_hostaway.accounts.first_sync import SyncRun, catch_up, first_sync, request_sync, requested_sync
from sync_hostaway.accounts.registry import AccountChanges
from sync_hostaway.accounts.status import account_status, account_statuses
from sync_hostaway.api.account_session import limit_statements
from sync_hostaway.api.auth.operator import require_operator
from sync_hostaway.api.http.bulkheads import Background, in_bulkhead, run_in_thread
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.inputs import Id
from sync_hostaway.api.http.openapi_errors import OPERATORS_ONLY, errors
from sync_hostaway.api.http.problems import Problem
from sync_hostaway.api.routes.account_schemas import (
    Accounts,
    AccountState,
    ChangedAccount,
    IssuedToken,
    NewAccount,
    NewSync,
    NewToken,
    RequestedSync,
    Token,
    Tokens,
)
from sync_hostaway.core.dag_ids import TRANSFORM_DAG_ID
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.exceptions import (
    ConfigurationError,
    CredentialsRejected,
    InactiveAccount,
    InvalidOptions,
    RunNotRequested,
    SyncHostawayError,
    UnknownGuest,
    WarehouseBusy,
)
from sync_hostaway.core.run_trigger import RunTrigger
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.privacy.erase import ErasedGuest, Purged, erase_guest, purge_account
from sync_hostaway.webhook_admin.maintenance import unregister_webhook
from sync_hostaway.webhook_admin.registration import ensure_registered

# A purge deletes every row of an account. Statements that wait for a transform set a longer lock timeout.
_STATEMENT_TIMEOUT, _LOCK_TIMEOUT = "10min", "10s"

router = guarded_router(
    prefix="/v1/accounts", tags=["accounts"], dependencies=[Depends(require_operator)], responses=OPERATORS_ONLY
)


async def _warehouse() -> AsyncIterator[Connection]:
    """Yield a connection for one call of a route's function, and turn exceptions into problems."""
    try:
        connection = await run_in_thread(partial(connect, application="sync-hostaway operator api"))
        try:
            await run_in_thread(partial(limit_statements, connection, _STATEMENT_TIMEOUT, _LOCK_TIMEOUT))
            yield connection
        finally:
            connection.close()
    except CredentialsRejected:
        raise Problem(
            422, "invalid-client", "Invalid client", "Hostaway does not accept this account id with this API key."
        ) from None
    except InvalidOptions as error:
        raise Problem(422, "invalid-request", "Invalid request", str(error)) from None
    except UnknownGuest as error:
        raise Problem(404, "not-found", "Not found", str(error)) from None
    except WarehouseBusy as error:
        raise Problem(503, "busy", "Busy", str(error), headers={"Retry-After": "60"}) from None
    except ConfigurationError as error:
        # Operators need the message. It names settings and never their values.
        raise Problem(503, "misconfigured", "Not configured", str(error)) from None


async def _trigger(request: Request) -> RunTrigger:
    trigger: RunTrigger = request.app.state.trigger
    return trigger


async def _operator_name(request: Request) -> str:
    name: str = request.state.caller["operator"]
    return name


# The connection ends with the function. By default it would end with the request: after a client that reads slowly has
# the whole response, and after the background work.
Warehouse = Annotated[Connection, Depends(_warehouse, scope="function")]
Trigger = Annotated[RunTrigger, Depends(_trigger)]
OperatorName = Annotated[str, Depends(_operator_name)]
AccountId = Annotated[Id, Path(description="Hostaway's account id", examples=[12345])]
_UNKNOWN = errors(s404="The account is not registered")
_INVALID_CLIENT = errors(
    s422="Hostaway does not accept the API key (`invalid-client`), or parts of the request are invalid",
    s502="Hostaway refused the request",
)


@router.post(
    "", status_code=201, summary="Register an account", responses={200: {"model": AccountState}, **_INVALID_CLIENT}
)
@in_bulkhead("slow")
def register_account(
    body: NewAccount,
    connection: Warehouse,
    trigger: Trigger,
    operator_name: OperatorName,
    background: Background,
    response: Response,
) -> AccountState:
    """Check the API key with Hostaway, store it encrypted, and start the first full sync; 201.

    If the account is already registered, it gets the new key and becomes active; 200. The Dag, its first run and the
    webhook follow within seconds. If one of them fails, `hostaway_maintenance` repeats it.
    """
    account_id = body.client_id
    runs_already = registry.is_active(connection, account_id)
    options = body.options.model_dump(mode="json", exclude_unset=True) if body.options else None
    secret = body.client_secret.get_secret_value()
    is_new = registry.add_account(
        connection, account_id, secret, name=body.name, options=options, changed_by=operator_name
    )
    found = account_status(connection, account_id)
    runs = [first_sync(account_id, found.account.created_at)]
    if found.account.resumed_at and not runs_already:
        runs.append(catch_up(account_id, found.account.resumed_at))
    background.run(_begin, trigger, account_id, *runs)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"accounts/{account_id}"
    return AccountState.of(found)


@router.get("", summary="Every account and its state")
def get_accounts(connection: Warehouse) -> Accounts:
    """Ordered by id."""
    return Accounts(accounts=[AccountState.of(found) for found in account_statuses(connection)])


@router.get("/{account_id}", summary="One account and its state", responses=_UNKNOWN)
def get_account(account_id: AccountId, connection: Warehouse) -> AccountState:
    """Return its state, the last sync of each resource, its lag and its webhook."""
    return AccountState.of(account_status(connection, account_id))


@router.patch("/{account_id}", summary="Change an account", responses={**_UNKNOWN, **_INVALID_CLIENT})
@in_bulkhead("slow")
def change_account(
    account_id: AccountId,
    body: ChangedAccount,
    connection: Warehouse,
    trigger: Trigger,
    operator_name: OperatorName,
    background: Background,
) -> AccountState:
    """Disable, enable or rename an account, replace its API key, or change its options.

    Either all changes are made or none. A new key is checked with Hostaway before anything changes.
    """
    changes = AccountChanges(
        client_secret=body.client_secret.get_secret_value() if body.client_secret else None,
        options=body.options.model_dump(mode="json", exclude_unset=True) if body.options else {},
        name=body.name,
        is_renamed="name" in body.model_fields_set,
        state=body.state,
        reason=body.reason,
        changed_by=operator_name,
    )
    resumed_before = registry.get_account(connection, account_id).resumed_at
    registry.change_account(connection, account_id, changes)
    found = account_status(connection, account_id)
    if body.state == "disabled":
        background.run(_end, account_id)
    resumed_at = found.account.resumed_at
    if resumed_at and resumed_at != resumed_before:
        background.run(_begin, trigger, account_id, catch_up(account_id, resumed_at))
    return AccountState.of(found)


@router.post(
    "/{account_id}/syncs",
    status_code=202,
    summary="Sync an account now",
    responses={**_UNKNOWN, **errors(s409="The account is not active", s503="Airflow does not take the run")},
)
def request_sync_now(account_id: AccountId, body: NewSync, connection: Warehouse, trigger: Trigger) -> RequestedSync:
    """Request a run of the account's Dag. It begins after a running one has ended.

    `GET /hostaway/v1/accounts/{account_id}` shows its progress.
    """
    if not registry.is_active(connection, registry.get_account(connection, account_id).account_id):
        raise InactiveAccount(f"Account {account_id} is not active: enable it, or store a new API key")
    run = requested_sync(account_id, body.mode, body.resources)
    try:
        trigger.request_run(run.dag_id, run.run_id, conf=run.conf)
    except RunNotRequested as error:
        raise Problem(
            503, "airflow-busy", "Not requested", f"{error}. Try again.", headers={"Retry-After": "5"}
        ) from None
    return RequestedSync(dag_id=run.dag_id, run_id=run.run_id)


@router.delete(
    "/{account_id}",
    summary="Delete an account and all its rows",
    responses={**_UNKNOWN, **errors(s409="`confirm` is neither the account's name nor its id; nothing was deleted")},
)
@in_bulkhead("slow")
def delete_account(
    account_id: AccountId,
    connection: Warehouse,
    purge: Annotated[bool, Query(description="Must be true. To stop mirroring and keep the rows, disable the account")],
    confirm: Annotated[str, Query(max_length=200, description="The account's name, or its id", examples=["12345"])],
) -> Purged:
    """Delete secrets, tokens and all rows in every schema. This cannot be undone. After an interruption, repeat it."""
    if not purge:
        raise Problem(422, "invalid-request", "Invalid request", "`purge` must be true; PATCH disables an account.")
    if confirm != str(account_id) and confirm != registry.get_account(connection, account_id).name:
        detail = "`confirm` is neither the account's name nor its id; nothing was deleted."
        raise Problem(409, "not-confirmed", "Not confirmed", detail)
    return purge_account(connection, account_id)


@router.post(
    "/{account_id}/guests/{guest_id}/erase",
    summary="Erase the personal data of a guest",
    responses=errors(s404="The account is not registered, or has no such guest"),
)
@in_bulkhead("slow")
def erase(
    account_id: AccountId,
    guest_id: Annotated[Id, Path(description="Id of the guest, or of any of their reservations")],
    connection: Warehouse,
    trigger: Trigger,
    background: Background,
) -> ErasedGuest:
    """Erase names, contacts, notes and messages. Later syncs do not bring them back. Ids, dates and prices stay.

    Hostaway's own copy does not change: erase the guest there too.
    """
    erased = erase_guest(connection, account_id, guest_id)
    background.run(_transform, trigger)
    return erased


@router.post("/{account_id}/tokens", status_code=201, summary="Issue an API token", responses=_UNKNOWN)
def issue_token(account_id: AccountId, body: NewToken, connection: Warehouse) -> IssuedToken:
    """The response contains the token. It cannot be read again, because only its digest is stored."""
    text, token = api_tokens.issue(connection, account_id, body.name, body.scopes, body.expires_at)
    return IssuedToken(**Token.of(token).model_dump(), token=text)


@router.get("/{account_id}/tokens", summary="An account's API tokens", responses=_UNKNOWN)
def get_tokens(account_id: AccountId, connection: Warehouse) -> Tokens:
    """Return all tokens, oldest first, with those that are expired or revoked."""
    registry.get_account(connection, account_id)
    return Tokens(tokens=[Token.of(token) for token in api_tokens.list_tokens(connection, account_id)])


@router.delete(
    "/{account_id}/tokens/{token_id}",
    summary="Revoke an API token",
    responses=errors(s404="The account has no such token"),
)
def revoke_token(
    account_id: AccountId,
    token_id: Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="The middle part of the token")],
    connection: Warehouse,
) -> Token:
    """The token is invalid at once. To revoke it again changes nothing."""
    return Token.of(api_tokens.revoke(connection, account_id, token_id))


def _begin(trigger: RunTrigger, account_id: int, *runs: SyncRun) -> None:
    """After the response: create the account's Dag, webhook and runs. `hostaway_maintenance` repeats what fails."""
    trigger.request_parse(account_id)
    # The webhook comes first, so that no change between sync and webhook is lost.
    with (
        suppress(SyncHostawayError),
        connect(application="sync-hostaway operator api") as connection,
        registry.client_for(connection, account_id, Priority.DELTA) as client,
    ):
        ensure_registered(connection, client)
    for run in runs:
        request_sync(trigger, run)


def _end(account_id: int) -> None:
    with suppress(SyncHostawayError), connect(application="sync-hostaway operator api") as connection:
        unregister_webhook(connection, account_id)


def _transform(trigger: RunTrigger) -> None:
    # If Airflow does not accept the request, hostaway_maintenance finds the waiting loads.
    with suppress(RunNotRequested):
        trigger.request_run(TRANSFORM_DAG_ID, f"erase__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")
