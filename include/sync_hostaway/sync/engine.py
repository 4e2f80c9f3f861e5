"""Runs one resource, or a whole account, and says whether it was complete."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from sync_hostaway.accounts.registry import client_for, refuse_account
from sync_hostaway.exceptions import CredentialsRefused, SyncHostawayError, SyncIncomplete
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.endpoints import Mode, Resource
from sync_hostaway.landing.writer import Counts
from sync_hostaway.settings import get_settings
from sync_hostaway.sync.context import QUERIES, Progress, SyncContext
from sync_hostaway.sync.lists import sync_conversations, sync_listings, sync_reservations
from sync_hostaway.sync.per_parent import sync_calendar, sync_messages
from sync_hostaway.warehouse import Connection, fetch_value

log = structlog.get_logger(__name__)

PLANS: dict[Resource, Callable[[SyncContext], int]] = {
    Resource.LISTINGS: sync_listings,
    Resource.RESERVATIONS: sync_reservations,
    Resource.CONVERSATIONS: sync_conversations,
    Resource.MESSAGES: sync_messages,
    Resource.CALENDAR_DAYS: sync_calendar,
}
"""In the order they can run one after another: parents come before what hangs on them."""

PARENTS = {Resource.MESSAGES: Resource.CONVERSATIONS, Resource.CALENDAR_DAYS: Resource.LISTINGS}
"""Which landed rows a plan reads to know what to ask for."""


@dataclass(frozen=True)
class SyncResult:
    """What one resource of one run did."""

    account_id: int
    resource: Resource
    mode: Mode
    verdict: str
    expected: int | None
    counts: Counts
    api_calls: int

    def summary(self) -> dict[str, Any]:
        """The result as plain values, for a Dag run's XCom."""
        return {
            "resource": self.resource.value,
            "mode": self.mode.value,
            "verdict": self.verdict,
            "expected": self.expected,
            "api_calls": self.api_calls,
            **asdict(self.counts),
        }


def sync_resource(
    connection: Connection,
    client: HostawayClient,
    resource: Resource,
    mode: Mode,
    *,
    run_key: str,
    on_progress: Callable[[Progress], None] | None = None,
) -> SyncResult:
    """Mirror one resource of an account into landing and record it in the sync log.

    :param run_key: the same for every resource and try of one run: a later try goes on where an earlier one stopped.
    :raises SyncIncomplete: when rows are missing; what landed is kept.
    :raises HostawayError: when Hostaway does not answer as it should; what landed is kept.
    """
    params = {"account_id": client.account_id, "run_key": run_key, "resource": resource.value, "mode": mode.value}
    connection.execute(QUERIES["close_abandoned"], params)
    sync_run_id = fetch_value(connection, QUERIES["start_run"], params)
    ctx = SyncContext(connection, client, resource, mode, run_key, sync_run_id, get_settings(), on_progress=on_progress)
    try:
        missing = PLANS[resource](ctx)
    except BaseException as error:
        _finish(ctx, "incomplete" if isinstance(error, SyncIncomplete) else "failed", error)
        if isinstance(error, CredentialsRefused):
            refuse_account(connection, client.account_id, str(error))
        raise
    if missing:
        incomplete = SyncIncomplete(
            f"{missing} of {ctx.expected} rows of {resource} of account {client.account_id} were not seen, "
            "though the list was read again; what landed is kept, and the next try reads the list once more"
        )
        _finish(ctx, "incomplete", incomplete)
        raise incomplete
    _finish(ctx, "complete")
    return SyncResult(client.account_id, resource, mode, "complete", ctx.expected, ctx.counts, client.stats.calls)


def sync_account(
    connection: Connection,
    account_id: int,
    mode: Mode,
    resources: Iterable[Resource] = tuple(Resource),
    *,
    run_key: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[SyncResult]:
    """Mirror several resources of an account, parents first.

    :raises SyncHostawayError: the first error, after the other resources had their turn.
    """
    run_key = run_key or f"cli__{uuid.uuid4()}"
    wanted = set(resources)
    results: list[SyncResult] = []
    errors: list[SyncHostawayError] = []
    for resource in PLANS:
        if resource not in wanted:
            continue
        try:
            with client_for(connection, account_id) as client:
                results.append(
                    sync_resource(connection, client, resource, mode, run_key=run_key, on_progress=on_progress)
                )
        except SyncHostawayError as error:
            errors.append(error)
            if isinstance(error, CredentialsRefused):
                break
    if errors:
        raise errors[0]
    return results


def _finish(ctx: SyncContext, verdict: str, error: BaseException | None = None) -> None:
    text = f"{type(error).__name__}: {error}" if error else None
    if not ctx.connection.closed and not ctx.connection.broken:
        with ctx.connection.transaction():
            ctx.save_counts()
            ctx.execute("finish_run", verdict=verdict, error=text)
    log.info(
        "sync_finished",
        account_id=ctx.account_id,
        resource=ctx.resource.value,
        mode=ctx.mode.value,
        verdict=verdict,
        expected=ctx.expected,
        seen=ctx.counts.seen,
        new=ctx.counts.new,
        changed=ctx.counts.changed,
        unchanged=ctx.counts.unchanged,
        quarantined=ctx.counts.quarantined,
        api_calls=ctx.client.stats.calls,
        error=text,
    )
