"""Keeps webhooks registered: called by `hostaway_maintenance` every ten minutes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from traceback import format_tb
from typing import NamedTuple

import structlog

from sync_hostaway.accounts.first_sync import SyncRun
from sync_hostaway.accounts.registry import client_for
from sync_hostaway.accounts.webhook_endpoints import find_endpoint, forget_old_passwords, set_state, set_unregistered
from sync_hostaway.core.db import Connection, connect, load_queries
from sync_hostaway.core.exceptions import ConfigurationError, CredentialsRejected, HostawayError, SyncHostawayError
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.core.threads import ContextThreads
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.webhook_admin.delivery_log import recover_missed_events
from sync_hostaway.webhook_admin.registration import ensure_registered, remove_webhook, unregister

log = structlog.get_logger(__name__)

_QUERIES = load_queries(Path(__file__).with_name("maintenance.sql"))
# Seconds to wait for Hostaway, without a second try: the next run comes in ten minutes.
_REQUEST_TIMEOUT = 10.0
_MAX_PARALLEL_ACCOUNTS = 8


class ReconcileResult(NamedTuple):
    """Counts: accounts whose webhook is registered, removed or failed; events that were never delivered."""

    registered: int = 0
    removed: int = 0
    failed: int = 0
    missed_events: int = 0


def reconcile_webhooks(connection: Connection) -> dict[str, int]:
    """Register, check and remove webhooks, and recover lost events. Errors of one account do not affect others.

    An account is checked every hour, which costs two calls; an account with an error in each run. Returns counts by
    name.
    """
    connection.execute(_QUERIES["heartbeat"])
    forget_old_passwords(connection)
    accounts = connection.execute(_QUERIES["accounts_to_reconcile"], {"delivers": _has_public_url()}).fetchall()
    with ContextThreads(_MAX_PARALLEL_ACCOUNTS) as threads:
        results = list(threads.map(lambda account: _reconcile(account["account_id"], account["state"]), accounts))
    return ReconcileResult(*(sum(counts) for counts in zip(*results, strict=True)))._asdict()


def _reconcile(account_id: int, state: str) -> ReconcileResult:
    try:
        with connect(application="sync-hostaway webhook maintenance") as connection:
            return _reconcile_account(connection, account_id, is_active=state == "active")
    except Exception as error:  # noqa: BLE001 - after an error of any kind, the other accounts are reconciled
        # Only our own messages certainly contain no secrets and no personal data.
        reason = str(error) if isinstance(error, SyncHostawayError) else "".join(format_tb(error.__traceback__))
        log.warning("webhook_not_reconciled", account_id=account_id, error=type(error).__name__, reason=reason)
        return ReconcileResult(failed=1)


def _reconcile_account(connection: Connection, account_id: int, *, is_active: bool) -> ReconcileResult:
    with client_for(
        connection, account_id, Priority.INCREMENTAL, single_try_timeout=_REQUEST_TIMEOUT, allow_disabled=True
    ) as client:
        if not is_active:
            return ReconcileResult(removed=_unregister_disabled(connection, client))
        registration = ensure_registered(connection, client)
        if registration.state == "polling":
            return ReconcileResult(removed=remove_webhook(connection, client))
        endpoint = find_endpoint(connection, account_id)
        if registration.state != "registered" or endpoint is None:
            return ReconcileResult()
        try:
            missed = recover_missed_events(connection, client, endpoint)
        except HostawayError as error:
            set_state(connection, account_id, "registered", f"Its delivery log cannot be read: {error}")
            raise
        return ReconcileResult(registered=1, missed_events=missed.events)


def _has_public_url() -> bool:
    """Whether there is an address for webhooks. If it cannot be used, the error is stored for each account."""
    try:
        return get_settings().webhook_base_url is not None
    except ConfigurationError:
        return True


def _unregister_disabled(connection: Connection, client: HostawayClient) -> bool:
    try:
        return unregister(connection, client)
    except CredentialsRejected as error:
        # This API key cannot remove the webhook. The account's owner can remove it in Hostaway's dashboard.
        log.warning("webhook_left_behind", account_id=client.account_id, error=str(error))
        set_unregistered(connection, client.account_id)
        return True


def unregister_webhook(connection: Connection, account_id: int) -> None:
    """Remove the webhook of a disabled account. A failure is retried by `reconcile_webhooks`."""
    with suppress(SyncHostawayError), client_for(connection, account_id, Priority.DELTA, allow_disabled=True) as client:
        unregister(connection, client)


@dataclass(frozen=True)
class CatchUpSync:
    """An incremental sync for lost deliveries of unknown objects.

    :param requested_at: when the newest of them was noticed.
    """

    account_id: int
    requested_at: datetime

    @property
    def run(self) -> SyncRun:
        """The Dag run to request. Repeated requests have the same id."""
        run_id = f"lost_deliveries__{self.requested_at.astimezone(UTC).isoformat()}"
        return SyncRun(self.account_id, run_id, {"mode": Mode.INCREMENTAL.value})


def requested_catch_up_syncs(connection: Connection) -> list[CatchUpSync]:
    """The syncs to request. Accounts whose webhook is still off wait: their sync would have to be repeated."""
    return [CatchUpSync(**row) for row in connection.execute(_QUERIES["requested_catch_up_syncs"])]


def mark_requested(connection: Connection, syncs: Iterable[CatchUpSync]) -> None:
    """Clear the requests whose run Airflow has accepted."""
    for sync in syncs:
        connection.execute(_QUERIES["clear_catch_up_request"], asdict(sync))
