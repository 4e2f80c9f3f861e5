"""Syncs of the resources that are one list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.checkpoints import Checkpoints
from sync_hostaway.extract.context import MissingRows, SyncContext
from sync_hostaway.extract.deletions import SuspectedDeletions, verify_deletions
from sync_hostaway.extract.head_proof import find_missed_changes
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import ListRead, id_of, pages_by_cursor, pages_by_offset, read_page
from sync_hostaway.hostaway.values import as_timestamp
from sync_hostaway.landing.writer import Fetched

_MAX_READS = 4
# An incremental sync reads this far behind its watermark: changes that Hostaway's list showed late are found.
INCREMENTAL_OVERLAP = timedelta(hours=12)
_LIST_KEPT_CHANGING = "the list kept changing while it was read, or the server repeated a page"


def sync_reservations(ctx: SyncContext) -> MissingRows:
    """Read all reservations, or in incremental mode those changed since the last complete read."""
    missing = _read_reservations(ctx)
    if not missing and ctx.writes and ctx.since is None:
        find_missed_changes(ctx)
    return missing


def _read_reservations(ctx: SyncContext) -> MissingRows:
    watermark: datetime | None = ctx.value("get_watermark")
    if ctx.since:
        return _read_changes(ctx, ctx.since, watermark)
    if ctx.mode is Mode.INCREMENTAL and watermark:
        return _read_changes(ctx, watermark - INCREMENTAL_OVERLAP, watermark)
    return _read_everything(ctx)


def sync_listings(ctx: SyncContext) -> MissingRows:
    """Read the list of listings; in incremental mode only its newest page, if the whole list was read today.

    `latestActivityOn` does not change with every change of a listing, so the whole list is read once a day. A list of
    one page is always read whole.
    """
    known = ctx.count_active(None)
    if ctx.mode is Mode.FULL or known <= endpoints.DEFAULT_LIMIT or not ctx.value("list_was_read_lately"):
        return sync_list(ctx, endpoints.LISTINGS)
    newest_first = {**endpoints.LISTING_PARAMS, "sortOrder": "latestActivityDesc", "limit": ctx.settings.page_size}
    page = read_page(ctx.client, endpoints.LISTINGS, newest_first, ctx.resource)
    stamps = [as_timestamp(row.get("latestActivityOn")) if isinstance(row, dict) else None for row in page.rows]
    is_sorted = None not in stamps and all(one >= two for one, two in pairwise(filter(None, stamps)))
    # New listings may not be on the first page.
    if not is_sorted or page.count is None or page.count > known:
        return sync_list(ctx, endpoints.LISTINGS)
    ctx.report_progress(0)
    ctx.land([Fetched(page.rows, page.requested_at)])
    return MissingRows()


def sync_list_daily(ctx: SyncContext, path: str) -> MissingRows:
    """Read a list as `sync_list` does; in incremental mode only if it was not read today."""
    if ctx.mode is Mode.INCREMENTAL and ctx.value("read_today"):
        return MissingRows()
    return sync_list(ctx, path)


def sync_whole_list_daily(ctx: SyncContext, path: str) -> MissingRows:
    """Read a list that comes whole in one response, without a count; in incremental mode only if it was not read today.

    In full mode, rows that the response does not have are marked as deleted.
    """
    if ctx.mode is Mode.INCREMENTAL and ctx.value("read_today"):
        return MissingRows()
    page = read_page(ctx.client, path, {}, ctx.resource)
    ctx.expected = len(page.rows)
    ctx.report_progress(0)
    ctx.land([Fetched(page.rows, page.requested_at)])
    if ctx.mode is Mode.INCREMENTAL:
        return MissingRows()
    list_read = ListRead()
    list_read.add(page)
    suspected = verify_deletions(ctx, list_read.ids, before=page.requested_at, unnamed=list_read.without_id)
    ctx.mark_deleted_unseen(list_read.ids | suspected.ids, before=page.requested_at)
    return MissingRows(len(suspected.rows), suspected.reason) if suspected.reason else MissingRows()


def sync_list(ctx: SyncContext, path: str) -> MissingRows:
    """Read a list by offset, until it was read completely without a change in between."""
    checkpoints = Checkpoints(ctx, "by offset")
    params = endpoints.LISTING_PARAMS if ctx.resource is Resource.LISTINGS else endpoints.WITH_RESOURCES
    for number in range(_MAX_READS):
        list_read = ListRead()
        if number:
            ctx.needed_retry = True
            ctx.count_problems_anew()
        for page in pages_by_offset(
            ctx.client, path, params, resource=ctx.resource, list_read=list_read, saved=checkpoints.saved
        ):
            ctx.expected = list_read.count
            checkpoints.land(page)
        ctx.expected = list_read.count
        if not (list_read.missing or list_read.has_changed or list_read.is_truncated):
            return _finish_complete_read(ctx, list_read)
    ctx.end_read()
    return MissingRows(list_read.missing, _LIST_KEPT_CHANGING)


def _read_changes(ctx: SyncContext, bound: datetime, watermark: datetime | None) -> MissingRows:
    """Read reservations, newest change first, down to a time."""
    list_read = ListRead()
    checkpoints = Checkpoints(ctx, f"down to {bound}", changes_move_to_front=True)
    part: _PartialRead | None = _read_back_to(ctx, checkpoints, list_read, bound)
    if part and checkpoints.resumed:
        part = _read_front_again(ctx, checkpoints, list_read, part)
    ctx.expected = None
    with ctx.connection.transaction():
        ctx.end_read()
        if part is None:
            return MissingRows(reason=_LIST_KEPT_CHANGING)
        if not part.reached and (list_read.missing or list_read.is_truncated):
            return MissingRows(
                list_read.missing, f"the read ended before it reached changes of {bound:%Y-%m-%d %H:%M:%S} UTC"
            )
        # Between the watermark and a later bound there may be unread changes.
        if watermark and bound <= watermark:
            ctx.execute("advance_watermark", watermark=part.newest or watermark)
    return MissingRows()


def _read_everything(ctx: SyncContext) -> MissingRows:
    checkpoints = Checkpoints(ctx, "everything", changes_move_to_front=True)
    for number in range(_MAX_READS):
        if number:
            ctx.needed_retry = True
            ctx.count_problems_anew()
        list_read = ListRead()
        part = _read_back_to(ctx, checkpoints, list_read, bound=None)
        settled = _read_front_again(ctx, checkpoints, list_read, part)
        ctx.expected = list_read.count
        if settled and not (list_read.missing or list_read.is_truncated):
            return _finish_complete_read(ctx, list_read, settled.newest)
    ctx.end_read()
    return MissingRows(list_read.missing, _LIST_KEPT_CHANGING)


def _finish_complete_read(ctx: SyncContext, list_read: ListRead, newest: datetime | None = None) -> MissingRows:
    """Finish a complete read. In a full sync of a list with a count, mark the unseen rows as deleted.

    :param newest: the new watermark, for lists with one.
    """
    may_delete = ctx.mode is Mode.FULL and ctx.since is None and list_read.count is not None
    suspected = (
        verify_deletions(ctx, list_read.ids, before=list_read.started_at, unnamed=list_read.without_id)
        if may_delete
        else SuspectedDeletions()
    )
    with ctx.connection.transaction():
        if newest and not suspected.reason:
            ctx.execute("set_watermark", watermark=newest)
        if may_delete:
            ctx.mark_deleted_unseen(list_read.ids | suspected.ids, before=list_read.started_at)
        if not suspected.reason and ctx.since is None:
            ctx.execute("list_was_read")
        ctx.end_read()
    return MissingRows(len(suspected.rows), suspected.reason) if suspected.reason else MissingRows()


_Front = tuple[tuple[int | None, datetime | None], ...]


@dataclass(frozen=True)
class _PartialRead:
    """The result of reading a part of the list.

    :param newest: newest change.
    :param front: ids and stamps of the first pages, down to the page that ends with a row older than `newest`.
    :param reached: whether the bound was reached.
    """

    newest: datetime | None
    front: _Front
    reached: bool


def _read_front_again(
    ctx: SyncContext, checkpoints: Checkpoints, list_read: ListRead, part: _PartialRead
) -> _PartialRead | None:
    """Read the front of the list again until it is unchanged; None when it keeps changing.

    A row that changes or arrives during the read moves to the front, which was read before. So the front is read again,
    and if it has changed, further pages down to the start of the read. Stamps have whole seconds, and rows of the same
    second are ordered by id: the front is as many pages as the newest second fills. A row that changes twice within one
    second can keep its place and stamp: the overlap of the next incremental sync finds that change.
    """
    for _ in range(_MAX_READS):
        again = _read_back_to(ctx, checkpoints, list_read, bound=part.newest, front=part.front)
        if again.front == part.front:
            return part
        ctx.needed_retry = True
        # The bound counts as reached if the first read reached it: the later reads cover only newer changes.
        part = replace(again, reached=part.reached)
    return None


def _read_back_to(
    ctx: SyncContext,
    checkpoints: Checkpoints,
    list_read: ListRead,
    bound: datetime | None,
    front: _Front | None = None,
) -> _PartialRead:
    """Land pages, newest first, until a page ends before the bound, or the front is the known one.

    A stamp later than the server's clock counts as that clock: as a watermark it would hide all changes until then.
    """
    newest: datetime | None = None
    read_front: _Front = ()
    front_ended = False
    for page in pages_by_cursor(
        ctx.client,
        endpoints.RESERVATIONS,
        endpoints.RESERVATION_PARAMS,
        resource=ctx.resource,
        list_read=list_read,
        saved=checkpoints.saved,
    ):
        changed = [(id_of(row), _updated_on(row)) for row in page.rows]
        stamps = [min(stamp, page.served_at) for _, stamp in changed if stamp]
        newest = max([*stamps, *([newest] if newest else [])], default=None)
        ctx.expected = list_read.count if ctx.mode is Mode.FULL else None
        if not front_ended:
            read_front += tuple(changed)
            front_ended = not stamps or stamps[-1] != newest
            if front_ended and read_front == front:
                break
        checkpoints.land(page)
        if bound and stamps and stamps[-1] < bound:
            return _PartialRead(newest, read_front, reached=True)
    return _PartialRead(newest, read_front, reached=False)


def _updated_on(row: object) -> datetime | None:
    return as_timestamp(row.get("updatedOn")) if isinstance(row, dict) else None
