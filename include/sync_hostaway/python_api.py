"""The Python API: functions that do the same as the commands, with typed results. docs/python-api.md describes it.

Every function opens its own connection to the warehouse of the settings. Errors are `SyncHostawayError`; the tree is in
`sync_hostaway.core.exceptions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sync_hostaway import migrations
from sync_hostaway.accounts import registry
from sync_hostaway.accounts.status import AccountStatus, account_status, account_statuses
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.context import Progress
from sync_hostaway.extract.dry_run import dry_run_account
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.transforms.runner import TransformResult, run_transform

__all__ = [
    "AccountStatus",
    "Mode",
    "Progress",
    "Resource",
    "SyncReport",
    "SyncResult",
    "TransformResult",
    "add_account",
    "list_accounts",
    "migrate",
    "sync",
    "transform",
]

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True)
class SyncReport:
    """The result of one call of `sync`; with `dry_run`, what a sync would do.

    :param resources: the result of each resource, in the order in which they were read.
    """

    account_id: int
    mode: Mode
    dry_run: bool
    resources: tuple[SyncResult, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every row of every resource was read."""
        return all(result.is_complete for result in self.resources)

    def __getitem__(self, resource: Resource | str) -> SyncResult:
        """The result of one resource; KeyError when it was not read."""
        for result in self.resources:
            if result.resource == resource:
                return result
        raise KeyError(resource)


def sync(
    account_id: int,
    *,
    mode: Mode | str = Mode.INCREMENTAL,
    resources: Iterable[Resource | str] | None = None,
    since: datetime | None = None,
    dry_run: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> SyncReport:
    """Mirror an account into the landing tables. `transform` brings the rows into the core tables.

    A resource that fails raises no exception: its result has the status and the error, and the others are read.

    :param mode: `"full"` or `"incremental"`.
    :param resources: names such as `"reservations"`; by default those that are switched on for the account.
    :param since: read only what changed at or after this moment; UTC when it has no time zone.
    :param dry_run: read and compare only; nothing is written.
    :param on_progress: called often, with the rows and calls so far.
    :raises InvalidValue: when the mode or a resource does not exist, or `since` cannot be expressed in UTC.
    :raises AccountError: when the account is not registered or not active, or one of its options is wrong.
    :raises WarehouseUnavailable: when the warehouse cannot be reached, or needs `migrate`.
    """
    mode = _one_of(Mode, mode, "mode")
    names = [resources] if isinstance(resources, str) else resources
    chosen = None if names is None else [_one_of(Resource, name, "resource") for name in names]
    if since is not None and not isinstance(since, datetime):
        raise InvalidValue(f"`since` is a datetime, not {type(since).__name__}")
    run = dry_run_account if dry_run else sync_account
    with migrations.migrated_warehouse("sync-hostaway python") as connection:
        results = run(connection, account_id, mode, chosen, since=since, on_progress=on_progress)
    return SyncReport(account_id, mode, dry_run, tuple(results))


def _one_of(kind: type[Choice], value: str, what: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise InvalidValue(f"{value!r} is no {what}: there are {', '.join(kind)}") from None


def transform() -> TransformResult:
    """Build the core tables from the rows that landed since the last transform.

    :raises TransformFailed: naming the models that failed. The rows stay pending.
    """
    with migrations.migrated_warehouse("sync-hostaway python") as connection:
        return run_transform(connection, requested_by="python")


def add_account(
    account_id: int, api_key: str, *, name: str | None = None, options: dict[str, Any] | None = None
) -> AccountStatus:
    """Register an account after Hostaway accepted its API key, or give a registered one a new key.

    :param options: see `sync-hostaway accounts options`; what is left out stays as it is.
    :raises CredentialsRejected: when Hostaway does not accept the key; nothing is stored then.
    :raises InvalidOptions: when an option is wrong; nothing is stored then.
    """
    with migrations.migrated_warehouse("sync-hostaway python") as connection:
        registry.add_account(connection, account_id, api_key, name=name, options=options)
        return account_status(connection, account_id)


def list_accounts() -> list[AccountStatus]:
    """Every registered account, ordered by id, with the last sync of each resource."""
    with migrations.migrated_warehouse("sync-hostaway python") as connection:
        return account_statuses(connection)


def migrate() -> str:
    """Create or upgrade the schemas `ops` and `landing`; returns the revision. Safe to call at any time."""
    return migrations.upgrade(get_settings().warehouse_dsn)
