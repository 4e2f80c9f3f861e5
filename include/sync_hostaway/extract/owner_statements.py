"""Sync of owner statements: a list of names, and a request for each statement.

A statement is frozen when it is saved; Hostaway changes it only when a user refreshes it, and only the statement itself
shows that. So new statements and those of the last two months are read by each sync, and all of them by a full one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync_hostaway.core.exceptions import HostawayNotFound
from sync_hostaway.core.resources import Mode
from sync_hostaway.extract.context import MissingRows, SyncContext
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import ListRead, pages_by_offset
from sync_hostaway.landing.writer import Fetched

_REFRESHED_WITHIN = timedelta(days=62)


def sync_owner_statements(ctx: SyncContext) -> MissingRows:
    """Read the list once a day, and the statements that may have changed."""
    if ctx.mode is Mode.INCREMENTAL and ctx.value("read_today"):
        return MissingRows()
    list_read = ListRead()
    for _ in pages_by_offset(ctx.client, endpoints.OWNER_STATEMENTS, {}, resource=ctx.resource, list_read=list_read):
        pass
    known = {row["statement_id"]: row["inserted_on"] for row in ctx.rows("landed_statements")}
    oldest = (datetime.now(UTC) - _REFRESHED_WITHIN).strftime("%Y-%m-%d %H:%M:%S")
    due = [
        statement_id
        for statement_id in sorted(list_read.ids)
        if ctx.mode is Mode.FULL or statement_id not in known or (known[statement_id] or oldest) >= oldest
    ]
    ctx.expected = list_read.seen
    not_found: HostawayNotFound | None = None
    missing = list_read.missing + list_read.without_id
    for number, statement_id in enumerate(due, start=1):
        try:
            _read_statement(ctx, statement_id)
        except HostawayNotFound as error:
            not_found, missing = error, missing + 1
        ctx.report_progress(ctx.counts.seen, (number, len(due)))
    if not_found and not ctx.counts.seen:
        raise not_found
    # The list has no count. So a statement that it leaves out is requested: only a 404 proves that it is deleted.
    for statement_id in sorted(known.keys() - list_read.ids):
        requested_at = ctx.client.now()
        try:
            _read_statement(ctx, statement_id)
        except HostawayNotFound:
            ctx.mark_deleted([statement_id], observed_at=requested_at)
    if missing or list_read.is_truncated:
        return MissingRows(missing, "the list ended early, or has statements that cannot be read by their ids")
    return MissingRows()


def _read_statement(ctx: SyncContext, statement_id: int) -> None:
    requested_at = ctx.client.now()
    result = ctx.client.get(endpoints.owner_statement(statement_id), resource=ctx.resource).result
    # One object may come wrapped in an array.
    ctx.land([Fetched(result if isinstance(result, list) else [result], requested_at)])
