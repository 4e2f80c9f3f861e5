"""Plans for the resources that are one list: listings, reservations, conversations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import Params
from sync_hostaway.hostaway.endpoints import Mode
from sync_hostaway.hostaway.pagination import Page, Walk, after_id, by_offset
from sync_hostaway.landing.writer import Fetched
from sync_hostaway.sync.context import SyncContext

# Attached arrays are empty in a lean answer, which would look like removed fees and photos.
_WITH_RESOURCES: Params = {"includeResources": 1}
_RESERVATION_PARAMS: Params = {**_WITH_RESOURCES, "includePayments": 1, "includeCancellationPolicy": 1}
_REPAIR_PASSES = 3


def sync_listings(ctx: SyncContext) -> int:
    """Read every listing, archived ones too. Returns how many are missing."""
    return _scan(ctx, endpoints.LISTINGS, _WITH_RESOURCES)


def sync_conversations(ctx: SyncContext) -> int:
    """Read the whole thread list: Hostaway offers no filter by change. Returns how many are missing."""
    return _scan(ctx, endpoints.CONVERSATIONS, _WITH_RESOURCES)


def sync_reservations(ctx: SyncContext) -> int:
    """Read all reservations, or in incremental mode those changed since the last complete walk.

    Returns how many are missing.
    """
    watermark: datetime | None = ctx.value("get_watermark")
    if ctx.mode is Mode.INCREMENTAL and watermark:
        bound = watermark - timedelta(hours=ctx.settings.incremental_overlap_hours)
        newest, missing = _walk_back_to(ctx, Walk(), bound), 0
    else:
        newest, missing = _walk_everything(ctx)
    if newest and not missing:
        ctx.execute("advance_watermark", watermark=newest)
    return missing


def _scan(ctx: SyncContext, path: str, params: Params) -> int:
    walk = Walk()
    for _ in range(1 + _REPAIR_PASSES):
        for page in by_offset(
            ctx.client, path, params, resource=ctx.resource, page_size=ctx.settings.page_size, walk=walk
        ):
            ctx.expected = walk.count
            ctx.land([Fetched(page.rows, page.requested_at)])
        if not walk.missing:
            break
        # Rows moved between the pages while we read. Another pass finds those that slipped through.
        walk = walk.again()
    return walk.missing


def _walk_everything(ctx: SyncContext) -> tuple[datetime | None, int]:
    walk = Walk()
    top: datetime | None = None
    newest: datetime | None = None
    for repair in range(1 + _REPAIR_PASSES):
        walk = walk.again()
        # What changes or arrives during a walk jumps to the front, behind its back: the first repair reads from the
        # front down to where the walk began. If that is not enough (the cursor's row vanished), all is read again.
        newest = _newest_of(newest, _walk_back_to(ctx, walk, bound=top if repair == 1 else None))
        top = top or newest
        if not walk.missing:
            break
    ctx.expected = walk.count
    return newest, walk.missing


def _walk_back_to(ctx: SyncContext, walk: Walk, bound: datetime | None) -> datetime | None:
    """Land pages, newest first, until one reaches behind the bound; the newest change seen."""
    newest: datetime | None = None
    for page in _reservation_pages(ctx, walk):
        stamps = [stamp for row in page.rows if (stamp := _updated_on(row))]
        newest = _newest_of(newest, *stamps)
        ctx.expected = None if ctx.mode is Mode.INCREMENTAL else walk.count
        ctx.land([Fetched(page.rows, page.requested_at)])
        if bound and stamps and min(stamps) < bound:
            break
    return newest


def _reservation_pages(ctx: SyncContext, walk: Walk) -> Iterator[Page]:
    return after_id(
        ctx.client,
        endpoints.RESERVATIONS,
        _RESERVATION_PARAMS,
        resource=ctx.resource,
        page_size=ctx.settings.page_size,
        walk=walk,
    )


def _newest_of(*stamps: datetime | None) -> datetime | None:
    return max((stamp for stamp in stamps if stamp), default=None)


def _updated_on(row: object) -> datetime | None:
    text = row.get("updatedOn") if isinstance(row, dict) else None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if isinstance(text, str) else None
    except ValueError:
        return None
