"""Plans for the resources that are one list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.checkpoints import Pages
from sync_hostaway.extract.context import Missing, SyncContext
from sync_hostaway.extract.deletions import Doubt, doubt
from sync_hostaway.extract.head_proof import prove_changes
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import Walk, after_id, by_offset, id_of, read_page
from sync_hostaway.hostaway.values import as_moment
from sync_hostaway.landing.writer import Fetched

_PASSES = 4
# An incremental sync reads this far behind its watermark: changes that Hostaway's list showed late are found.
INCREMENTAL_OVERLAP = timedelta(hours=12)
_WHY_NOT_WHOLE = "the list kept changing while it was read, or began anew"


def sync_reservations(ctx: SyncContext) -> Missing:
    """Read all reservations, or in incremental mode those changed since the last complete walk."""
    missing = _read_reservations(ctx)
    if not missing and ctx.writes and ctx.since is None:
        prove_changes(ctx)
    return missing


def _read_reservations(ctx: SyncContext) -> Missing:
    watermark: datetime | None = ctx.value("get_watermark")
    if ctx.since:
        return _read_changes(ctx, ctx.since, watermark)
    if ctx.mode is Mode.INCREMENTAL and watermark:
        return _read_changes(ctx, watermark - INCREMENTAL_OVERLAP, watermark)
    return _read_everything(ctx)


def sync_listings(ctx: SyncContext) -> Missing:
    """Read the list of listings; in incremental mode only its newest page, where the list was read whole today.

    `latestActivityOn` does not tell of every change of a listing, so the whole list is read once a day. A list of one
    page is always read whole.
    """
    known = ctx.count_alive(None)
    if ctx.mode is Mode.FULL or known <= endpoints.DEFAULT_LIMIT or not ctx.value("list_was_read_lately"):
        return scan(ctx, endpoints.LISTINGS)
    newest_first = {**endpoints.LISTING_PARAMS, "sortOrder": "latestActivityDesc", "limit": ctx.settings.page_size}
    page = read_page(ctx.client, endpoints.LISTINGS, newest_first, ctx.resource)
    stamps = [as_moment(row.get("latestActivityOn")) if isinstance(row, dict) else None for row in page.rows]
    is_sorted = None not in stamps and all(one >= two for one, two in pairwise(filter(None, stamps)))
    # New ones need not stand at the front.
    if not is_sorted or page.count is None or page.count > known:
        return scan(ctx, endpoints.LISTINGS)
    ctx.tell(0)
    ctx.land([Fetched(page.rows, page.requested_at)])
    return Missing()


def scan_daily(ctx: SyncContext, path: str) -> Missing:
    """Read a list as `scan` does; in incremental mode only when that was not done today."""
    if ctx.mode is Mode.INCREMENTAL and ctx.value("read_today"):
        return Missing()
    return scan(ctx, path)


def scan(ctx: SyncContext, path: str) -> Missing:
    """Read a list by offset until one pass saw all of it, holding still."""
    pages = Pages(ctx, "by offset")
    params = endpoints.LISTING_PARAMS if ctx.resource is Resource.LISTINGS else endpoints.WITH_RESOURCES
    for number in range(_PASSES):
        walk = Walk()
        ctx.repaired = number > 0
        for page in by_offset(ctx.client, path, params, resource=ctx.resource, walk=walk, read=pages.read):
            ctx.expected = walk.count
            pages.land(page)
        ctx.expected = walk.count
        if not (walk.missing or walk.moved or walk.cut):
            return _end_whole_walk(ctx, walk)
    ctx.end_walk()
    return Missing(walk.missing, _WHY_NOT_WHOLE)


def _read_changes(ctx: SyncContext, bound: datetime, watermark: datetime | None) -> Missing:
    """Read reservations, newest change first, until behind a bound."""
    walk = Walk()
    pages = Pages(ctx, f"down to {bound}", front_tells=True)
    part: _Part | None = _walk_back_to(ctx, pages, walk, bound)
    if part and pages.resumed:
        part = _settle_head(ctx, pages, walk, part)
    ctx.expected = None
    with ctx.connection.transaction():
        ctx.end_walk()
        if part is None:
            return Missing(why=_WHY_NOT_WHOLE)
        if not part.reached and (walk.missing or walk.cut):
            return Missing(walk.missing, f"the walk ended before it came to changes of {bound:%Y-%m-%d %H:%M:%S} UTC")
        # Behind a later bound than the watermark there may be changes that nobody has read.
        if watermark and bound <= watermark:
            ctx.execute("advance_watermark", watermark=part.newest or watermark)
    return Missing()


def _read_everything(ctx: SyncContext) -> Missing:
    pages = Pages(ctx, "everything", front_tells=True)
    for number in range(_PASSES):
        ctx.repaired = ctx.repaired or number > 0
        walk = Walk()
        part = _walk_back_to(ctx, pages, walk, bound=None)
        settled = _settle_head(ctx, pages, walk, part)
        ctx.expected = walk.count
        if settled and not (walk.missing or walk.cut):
            return _end_whole_walk(ctx, walk, settled.newest)
    ctx.end_walk()
    return Missing(walk.missing, _WHY_NOT_WHOLE)


def _end_whole_walk(ctx: SyncContext, walk: Walk, newest: datetime | None = None) -> Missing:
    """End a walk that saw all there is: in a full sync, and where the list says how much that is, the rest is deleted.

    :param newest: the watermark, on a list that has one.
    """
    may_bury = ctx.mode is Mode.FULL and ctx.since is None and walk.count is not None
    doubted = doubt(ctx, walk.ids, before=walk.begun_at, unnamed=walk.without_id) if may_bury else Doubt()
    with ctx.connection.transaction():
        if newest and not doubted.why:
            ctx.execute("set_watermark", watermark=newest)
        if may_bury:
            ctx.bury_unseen(walk.ids | doubted.ids, before=walk.begun_at)
        if not doubted.why and ctx.since is None:
            ctx.execute("list_was_read")
        ctx.end_walk()
    return Missing(len(doubted.rows), doubted.why) if doubted.why else Missing()


_Head = tuple[tuple[int | None, datetime | None], ...]


@dataclass(frozen=True)
class _Part:
    """What a walk over a part of the list saw.

    :param newest: newest change.
    :param head: ids and stamps of the first page.
    :param reached: whether the bound was reached.
    """

    newest: datetime | None
    head: _Head
    reached: bool


def _settle_head(ctx: SyncContext, pages: Pages, walk: Walk, part: _Part) -> _Part | None:
    """Read the front of the list again until it holds still; None when it does not.

    What changes or arrives during a walk jumps to the front, behind the walk's back. So the front is read once more,
    and where it has changed, down to where the walk began.
    """
    for _ in range(_PASSES):
        again = _walk_back_to(ctx, pages, walk, bound=part.newest, head=part.head)
        if again.head == part.head:
            return part
        ctx.repaired = True
        # Down to where the walk began means down to its bound, whatever part of the front was read again.
        part = replace(again, reached=part.reached)
    return None


def _walk_back_to(
    ctx: SyncContext, pages: Pages, walk: Walk, bound: datetime | None, head: _Head | None = None
) -> _Part:
    """Land pages, newest first, until one ends behind the bound, or the first page is the known head.

    A change stamped later than the source's own clock says (it happens) counts as of that clock: as a watermark it
    would hide every change until then.
    """
    newest: datetime | None = None
    first: _Head | None = None
    for page in after_id(
        ctx.client,
        endpoints.RESERVATIONS,
        endpoints.RESERVATION_PARAMS,
        resource=ctx.resource,
        walk=walk,
        read=pages.read,
    ):
        changed = [(id_of(row), _updated_on(row)) for row in page.rows]
        stamps = [min(stamp, page.served_at) for _, stamp in changed if stamp]
        newest = max([*stamps, *([newest] if newest else [])], default=None)
        ctx.expected = walk.count if ctx.mode is Mode.FULL else None
        first = first if first is not None else tuple(changed)
        if first == head:
            break
        pages.land(page)
        if bound and stamps and stamps[-1] < bound:
            return _Part(newest, first, reached=True)
    return _Part(newest, first or (), reached=False)


def _updated_on(row: object) -> datetime | None:
    return as_moment(row.get("updatedOn")) if isinstance(row, dict) else None
