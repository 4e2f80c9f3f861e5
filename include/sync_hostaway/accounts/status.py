"""The status of an account for operators. It contains no secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from psycopg.rows import tuple_row
from pydantic import BaseModel, Field

from sync_hostaway.accounts.registry import Account, get_account, list_accounts, settings_of
from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.exceptions import UnknownAccount
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.settings import get_settings

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class ResourceSync:
    """The last sync of one resource."""

    # No pydantic model: a list of 1,000 accounts has 13,000 of them, and Python's garbage collector would need as much
    # time for their dictionaries as all the rest takes.
    resource: Annotated[str, Field(examples=["reservations"])]
    mode: Annotated[str, Field(examples=["full"])]
    status: Annotated[
        str,
        Field(
            description="running, complete, complete_after_retry, incomplete, failed or refused", examples=["complete"]
        ),
    ]
    started_at: datetime
    finished_at: datetime | None
    rows_seen: Annotated[int, Field(examples=[1204])]
    error: str | None
    last_complete_at: Annotated[datetime | None, Field(description="End of the last sync that saw every row")]


class WebhookState(BaseModel, frozen=True):
    """Whether Hostaway delivers changes, and the events that are not processed yet."""

    state: str = Field(description="unregistered, registered, polling or failed", examples=["registered"])
    reason: str | None
    checked_at: datetime | None
    last_event_at: datetime | None
    pending_events: int = Field(examples=[0])
    oldest_pending_seconds: float = Field(examples=[0.0])


@dataclass(frozen=True)
class AccountStatus:
    """An account with the last sync of each resource that is mirrored, and its webhook.

    :param status: healthy, syncing, warning, failing, action_required or paused; see `ops.account_status`.
    :param reason: why it has this status; None if the status needs no reason.
    :param remedy: what an operator has to do.
    :param lag_seconds: since the end of the last complete sync of the resource that is furthest behind; None: some
        resource was never complete. Webhooks deliver changes in between.
    """

    account: Account
    resources: list[ResourceSync]
    webhook: WebhookState
    lag_seconds: float | None
    status: str
    reason: str | None
    remedy: str | None

    @property
    def complete_at(self) -> datetime | None:
        """The time up to which every resource is complete; None if some resource was never complete."""
        moments = [
            resource.last_complete_at
            for resource in self.resources
            if resource.last_complete_at and resource.status != "refused"
        ]
        return min(moments) if moments and self.lag_seconds is not None else None

    @property
    def problems(self) -> list[str]:
        """Why the account has its status, and a sentence for each resource that Hostaway refuses."""
        return ([self.reason] if self.reason else []) + self.refusals

    @property
    def refusals(self) -> list[str]:
        """A sentence for each resource that Hostaway refuses to this account."""
        return [resource.error or "" for resource in self.resources if resource.status == "refused"]


def account_status(connection: Connection, account_id: int) -> AccountStatus:
    """The status of one account.

    :raises UnknownAccount: when it is not registered.
    """
    found = _statuses(connection, [get_account(connection, account_id)], account_id)
    if not found:
        raise UnknownAccount.numbered(account_id)
    return found[0]


def account_statuses(connection: Connection) -> list[AccountStatus]:
    """The status of all accounts, ordered by id."""
    return _statuses(connection, list_accounts(connection), None)


def mirrored(account: Account) -> frozenset[Resource]:
    """The resources that are switched on for an account."""
    settings = settings_of(account) if account.options else get_settings()
    return frozenset(settings.resources)


def _statuses(connection: Connection, accounts: list[Account], account_id: int | None) -> list[AccountStatus]:
    """The status of each of these accounts, without those that were purged since they were read.

    :param account_id: the only account; None: all accounts.
    """
    params = {"account_id": account_id}
    resources: dict[int, list[ResourceSync]] = {}
    with connection.cursor(row_factory=tuple_row) as cursor:
        for row in cursor.execute(_QUERIES["resources"], params).fetchall():
            resources.setdefault(row[0], []).append(ResourceSync(*row[1:]))
    now = fetch_value(connection, _QUERIES["now"])
    statuses = {found["account_id"]: found for found in connection.execute(_QUERIES["statuses"], params).fetchall()}
    return [
        _status(account, resources.get(account.account_id, []), statuses[account.account_id], now)
        for account in accounts
        if account.account_id in statuses
    ]


def _status(account: Account, resources: list[ResourceSync], found: dict[str, Any], now: datetime) -> AccountStatus:
    wanted = mirrored(account)
    synced = [sync for sync in resources if sync.resource in wanted]
    # A refused resource does not count as late.
    refused = {sync.resource for sync in synced if sync.status == "refused"}
    expected = {resource for resource in wanted if resource not in refused}
    complete = [sync.last_complete_at for sync in synced if sync.resource in expected and sync.last_complete_at]
    is_complete = complete and len(complete) == len(expected)
    return AccountStatus(
        account,
        synced,
        WebhookState(
            state=found["webhook_state"],
            reason=found["webhook_reason"],
            checked_at=found["checked_at"],
            last_event_at=found["last_event_at"],
            pending_events=found["pending_events"],
            oldest_pending_seconds=found["oldest_pending_seconds"],
        ),
        (now - min(complete)).total_seconds() if is_complete else None,
        found["status"],
        found["reason"],
        found["remedy"],
    )
