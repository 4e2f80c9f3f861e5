"""Runs the sync of one resource or of an account, and proves whether it was complete."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from sync_hostaway.accounts.registry import client_for, get_account, mark_credentials_rejected
from sync_hostaway.core.db import Connection, advisory_lock, fetch_value
from sync_hostaway.core.exceptions import CredentialsRejected, ResourceRefused, SyncHostawayError, SyncIncomplete
from sync_hostaway.core.failures import error_text
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.calendar_days import sync_calendar
from sync_hostaway.extract.context import QUERIES, MissingRows, Progress, SyncContext
from sync_hostaway.extract.conversations import sync_conversations
from sync_hostaway.extract.finance import sync_reservation_finance
from sync_hostaway.extract.lists import sync_list_daily, sync_listings, sync_reservations, sync_whole_list_daily
from sync_hostaway.extract.messages import sync_messages
from sync_hostaway.extract.owner_statements import sync_owner_statements
from sync_hostaway.extract.refusals import REFUSALS, known_refusal, refusal_of
from sync_hostaway.extract.reservation_logs import sync_reservation_logs
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.hostaway.values import as_utc
from sync_hostaway.landing.writer import Counts

log = structlog.get_logger(__name__)

SYNC_FUNCTIONS: dict[Resource, Callable[[SyncContext], MissingRows]] = {
    # archived ones too
    Resource.LISTINGS: sync_listings,
    Resource.RESERVATIONS: sync_reservations,
    Resource.CONVERSATIONS: sync_conversations,
    Resource.CALENDAR_DAYS: sync_calendar,
    # reviews by guests and by hosts, also those that are not written yet
    Resource.REVIEWS: partial(sync_list_daily, path=endpoints.REVIEWS),
    Resource.TASKS: partial(sync_list_daily, path=endpoints.TASKS),
    # with the listings they may see
    Resource.USERS: partial(sync_list_daily, path=endpoints.USERS),
    Resource.COUPONS: partial(sync_list_daily, path=endpoints.COUPONS),
    Resource.RESERVATION_FINANCE: sync_reservation_finance,
    # deleted ones too
    Resource.EXPENSES: partial(sync_list_daily, path=endpoints.EXPENSES),
    Resource.OWNER_STATEMENTS: sync_owner_statements,
    Resource.GUEST_CHARGES: partial(sync_list_daily, path=endpoints.GUEST_CHARGES),
    Resource.TAX_SETTINGS: partial(sync_whole_list_daily, path=endpoints.TAX_SETTINGS),
    # last: they may take hours, the others take minutes
    Resource.MESSAGES: sync_messages,
    Resource.RESERVATION_LOGS: sync_reservation_logs,
}
"""In an order in which they can run one after another: parents before their children."""

_FOUND_THROUGH = {
    Resource.MESSAGES: Resource.CONVERSATIONS,
    Resource.CALENDAR_DAYS: Resource.LISTINGS,
    Resource.RESERVATION_FINANCE: Resource.RESERVATIONS,
    Resource.RESERVATION_LOGS: Resource.RESERVATIONS,
}

# A few unreadable rows are bad data; more than a tenth mean that the API has changed, and the sync is incomplete.
_REJECTED_SHARE, _REJECTED_ROWS = 0.1, 10


@dataclass(frozen=True)
class SyncResult:
    """The result of one resource of one run.

    :param status: complete, complete_after_retry, incomplete, failed or refused.
    :param expected: rows of the list; None when it has no count.
    """

    account_id: int
    resource: Resource
    mode: Mode
    status: str
    expected: int | None
    counts: Counts
    api_calls: int
    error: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all rows of the source were seen."""
        return self.status in ("complete", "complete_after_retry")

    @property
    def has_failed(self) -> bool:
        """Whether a retry is needed. A refused resource is neither complete nor failed."""
        return self.status in ("incomplete", "failed")

    def summary(self) -> dict[str, Any]:
        """The result as plain values, for a Dag run's XCom."""
        return {
            "resource": self.resource.value,
            "mode": self.mode.value,
            "status": self.status,
            "expected": self.expected,
            "api_calls": self.api_calls,
            **asdict(self.counts),
        }


def scheduled_mode(connection: Connection, account_id: int, resource: Resource, day: date) -> Mode:
    """The mode of the scheduled sync of a resource on a day (UTC).

    Full on the first sync of the account's full day, and on later days if that sync was missed or not complete. After
    two incomplete days it is postponed to the account's next full day.
    """
    settings = get_account(connection, account_id).settings
    if not settings.full_every_days:
        return Mode.INCREMENTAL
    is_full_day = settings.schedule.is_full_day(account_id, day)
    if is_full_day and settings.sync_every_hours >= 24:
        return Mode.FULL
    params = {"account_id": account_id, "resource": resource.value, "days": settings.full_every_days}
    query = "had_its_full_sync_today" if is_full_day else "had_its_full_sync"
    return Mode.INCREMENTAL if fetch_value(connection, QUERIES[query], params) else Mode.FULL


def sync_resource(
    connection: Connection,
    client: HostawayClient,
    resource: Resource,
    mode: Mode,
    *,
    run_key: str,
    since: datetime | None = None,
    retry_refused: bool = False,
    retry_within: timedelta | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> SyncResult:
    """Mirror one resource of an account into landing and record it in the sync log.

    :param run_key: the same for all resources and attempts of one run: a retry resumes the earlier attempt.
    :param since: read only changes at or after this time (UTC if naive); for reservations and messages.
    :param retry_refused: request the resource even if Hostaway refused it less than a day ago.
    :param retry_within: the caller tries again within this time if the sync fails; None: it does not.
    :raises SyncIncomplete: when rows are missing; landed rows stay.
    :raises HostawayError: when a request fails; landed rows stay. A refused resource raises no exception: its status is
        `refused`.
    """
    attempt = _Attempt(run_key, since, retry_refused, retry_within, on_progress)
    result, error = _run(connection, client, resource, mode, attempt)
    if error:
        raise error
    return result


def sync_account(
    connection: Connection,
    account_id: int,
    mode: Mode,
    resources: Iterable[Resource] | None = None,
    *,
    run_key: str | None = None,
    since: datetime | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[SyncResult]:
    """Mirror several resources of an account, parents first. An error of one resource does not stop the others.

    :param resources: by default those that are switched on for the account. Named resources are requested even if
        Hostaway refused them less than a day ago.
    :raises AccountError: when the account is not registered or not active, or one of its options is wrong.
    """
    attempt = _Attempt(
        run_key or f"cli__{uuid.uuid4()}", since, retry_refused=resources is not None, on_progress=on_progress
    )
    wanted = set(get_account(connection, account_id).settings.resources if resources is None else resources)
    results: list[SyncResult] = []
    for resource in (resource for resource in SYNC_FUNCTIONS if resource in wanted):
        with client_for(connection, account_id, Priority(mode.value)) as client:
            result, error = _run(connection, client, resource, mode, attempt)
        results.append(result)
        if isinstance(error, CredentialsRejected):
            break
    return results


def close_abandoned_syncs(connection: Connection) -> int:
    """Close syncs whose process was killed. Returns their number."""
    return connection.execute(QUERIES["close_abandoned_syncs"]).rowcount


@dataclass(frozen=True)
class _Attempt:
    """The parameters of `sync_resource` that all resources of a sync share."""

    run_key: str
    since: datetime | None
    retry_refused: bool
    retry_within: timedelta | None = None
    on_progress: Callable[[Progress], None] | None = None


def _run(
    connection: Connection, client: HostawayClient, resource: Resource, mode: Mode, attempt: _Attempt
) -> tuple[SyncResult, SyncHostawayError | None]:
    """Mirror one resource; returns the result, and the error that `sync_resource` raises."""
    since, run_key = as_utc(attempt.since) if attempt.since else None, attempt.run_key
    params = {
        "account_id": client.account_id,
        "run_key": run_key,
        "resource": resource.value,
        "mode": mode.value,
        "since": since,
    }
    with (
        bound_contextvars(account_id=client.account_id, resource=resource.value, run=run_key),
        advisory_lock(connection, f"sync {resource}", client.account_id),
    ):
        connection.execute(QUERIES["close_abandoned_attempts"], params)
        sync_run_id = fetch_value(connection, QUERIES["start_run"], params)
        ctx = SyncContext(
            connection, client, resource, mode, run_key, sync_run_id, since, attempt.on_progress, attempt.retry_within
        )
        error: SyncHostawayError | None = None
        try:
            refused = None if attempt.retry_refused else known_refusal(ctx)
            error = refused or incomplete_error(ctx, SYNC_FUNCTIONS[resource](ctx))
        except REFUSALS as raised:
            error = refusal_of(ctx, raised) or raised
        except SyncHostawayError as raised:
            error = raised
        except BaseException as unforeseen:
            _finish(ctx, "failed", unforeseen)
            raise
        status = _finish(ctx, status_of(ctx, error), error)
        if isinstance(error, CredentialsRejected):
            mark_credentials_rejected(connection, client, str(error))
    text = str(error) if error else None
    result = SyncResult(client.account_id, resource, mode, status, ctx.expected, ctx.counts, client.stats.calls, text)
    return result, None if isinstance(error, ResourceRefused) else error


def incomplete_error(ctx: SyncContext, missing: MissingRows) -> SyncIncomplete | ResourceRefused | None:
    """Why a sync that ended without an exception is not complete; None when it is complete."""
    counts, what = ctx.counts, f"{ctx.resource} of account {ctx.account_id}"
    parents = _FOUND_THROUGH.get(ctx.resource)
    found = ctx.value("status_of", parents=parents.value) if parents else None
    if found == "refused":
        return ResourceRefused(
            f"{ctx.resource}: found through {parents}, which Hostaway refuses; rows of known parents were read"
        )
    if found in ("incomplete", "failed"):
        return SyncIncomplete(
            f"Rows of {what} may be missing: they are found through {parents}, which this run did not read completely. "
            "The rows of the known parents have landed"
        )
    if missing:
        of = f" of {ctx.expected}" if ctx.expected else ""
        return SyncIncomplete(
            f"{missing.rows}{of} rows of {what} were not seen: {missing.reason}. Landed rows stay. The next attempt "
            "reads the list again"
        )
    if counts.quarantined >= _REJECTED_ROWS and counts.quarantined > _REJECTED_SHARE * counts.seen:
        return SyncIncomplete(
            f"{counts.quarantined} of {counts.seen} rows of {what} could not be read; ops.quarantine has the reasons. "
            "The others landed"
        )
    return None


def status_of(ctx: SyncContext, error: SyncHostawayError | None) -> str:
    """The status that the sync log gets."""
    if isinstance(error, ResourceRefused):
        return "refused"
    if error:
        return "incomplete" if isinstance(error, SyncIncomplete) else "failed"
    return "complete_after_retry" if ctx.needed_retry else "complete"


def _finish(ctx: SyncContext, status: str, error: BaseException | None = None) -> str:
    text = _error_text(error) if error else None
    if not ctx.connection.closed and not ctx.connection.broken:
        with ctx.connection.transaction():
            ctx.save_counts()
            ctx.execute("finish_run", status=status, error=text, note=_note_text(ctx), retry_within=ctx.retry_within)
    log.info(
        "sync_finished",
        account_id=ctx.account_id,
        resource=ctx.resource.value,
        mode=ctx.mode.value,
        status=status,
        expected=ctx.expected,
        **asdict(ctx.counts),
        api_calls=ctx.client.stats.calls,
        error=text,
    )
    return status


def _note_text(ctx: SyncContext) -> str | None:
    """A note about rows that did not land, and about values that became null; None when there are none."""
    counts, notes = ctx.counts, list(ctx.remarks)
    if counts.quarantined:
        notes.append(
            f"{counts.quarantined} of {counts.seen} rows did not land: their id or another required value is unreadable"
        )
    if counts.with_warnings:
        notes.append(
            f"{counts.with_warnings} of {counts.seen} rows landed with a value that could not be read and is null"
        )
    names = (
        f"; ops.quarantine names them (sync_run_id {ctx.sync_run_id})"
        if counts.quarantined or counts.with_warnings
        else ""
    )
    return "; ".join(notes) + names if notes else None


def _error_text(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, ResourceRefused):
        return str(error)
    return error_text(error).removesuffix(": ")
