"""Plans for the resources that are one list: listings, reservations, conversations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import Params
from sync_hostaway.hostaway.endpoints import Mode
from sync_hostaway.hostaway.pagination import Page, Walk, after_id, by_offset
from sync_hostaway.landing.writer import Fetched
from sync_hostaway.sync.context import Missing, SyncContext

# Attached arrays are empty in a lean answer, which would look like removed fees and photos.
_WITH_RESOURCES: Params = {"includeResources": 1}
_RESERVATION_PARAMS: Params = {**_WITH_RESOURCES, "includePayments": 1, "includeCancellationPolicy": 1}
_PASSES = 4


def sync_listings(ctx: SyncContext) -> Missing:
    """Read every listing, archived ones too."""
    return _scan(ctx, endpoints.LISTINGS)


def sync_conversations(ctx: SyncContext) -> Missing:
    """Read the whole thread list: Hostaway offers no filter by change."""
    return _scan(ctx, endpoints.CONVERSATIONS)


def sync_reservations(ctx: SyncContext) -> Missing:
    """Read all reservations, or in incremental mode those changed since the last complete walk."""
    watermark: datetime | None = ctx.value("get_watermark")
    if ctx.mode is Mode.INCREMENTAL and watermark:
        return _read_changes(ctx, watermark)
    return _read_everything(ctx)


def _scan(ctx: SyncContext, path: str) -> Missing:
    """Read a list by offset until one pass saw all of it, holding still."""
    for number in range(_PASSES):
        walk = Walk()
        ctx.repaired = number > 0
        for page in by_offset(
            ctx.client, path, _WITH_RESOURCES, resource=ctx.resource, page_size=ctx.settings.page_size, walk=walk
        ):
            ctx.expected = walk.count
            ctx.land([Fetched(page.rows, page.requested_at)])
        ctx.expected = walk.count
        if not (walk.missing or walk.moved):
            if ctx.mode is Mode.FULL:
                ctx.bury_unseen(walk.ids)
            return Missing()
    return Missing(walk.missing, "the list kept changing while it was read")


def _read_changes(ctx: SyncContext, watermark: datetime) -> Missing:
    walk = Walk()
    bound = watermark - timedelta(hours=ctx.settings.incremental_overlap_hours)
    newest, reached = _walk_back_to(ctx, walk, bound)
    ctx.expected = None
    if not (reached or not walk.missing):
        return Missing(walk.missing, f"the walk ended before it came to changes of {bound:%Y-%m-%d %H:%M:%S} UTC")
    ctx.execute("advance_watermark", watermark=newest or watermark)
    return Missing()


def _read_everything(ctx: SyncContext) -> Missing:
    ids: set[int | str] = set()
    top: datetime | None = None
    newest: datetime | None = None
    for number in range(_PASSES):
        ctx.repaired = number > 0
        # What changes or arrives during a walk jumps to the front, behind its back: the first repair reads from the
        # front down to where the walk began. If that is not enough (the cursor's row vanished), all is read again.
        walk = Walk(ids=set(ids) if number == 1 else set())
        seen, _ = _walk_back_to(ctx, walk, bound=top if number == 1 else None)
        ids = walk.ids
        newest = max((stamp for stamp in (newest, seen) if stamp), default=None)
        top = top or seen
        if not walk.missing:
            if newest:
                ctx.execute("set_watermark", watermark=newest)
            ctx.bury_unseen(ids)
            return Missing()
    return Missing(walk.missing, "the list kept changing while it was read")


def _walk_back_to(ctx: SyncContext, walk: Walk, bound: datetime | None) -> tuple[datetime | None, bool]:
    """Land pages, newest first, until one ends behind the bound.

    Returns the newest change seen, and whether the bound was reached. A change stamped later than the source's own
    clock says (it happens) counts as of that clock: as a watermark it would hide every change until then.
    """
    newest: datetime | None = None
    for page in _reservation_pages(ctx, walk):
        stamps = [min(stamp, page.served_at) for row in page.rows if (stamp := _updated_on(row))]
        newest = max([*stamps, *([newest] if newest else [])], default=None)
        ctx.expected = walk.count if ctx.mode is Mode.FULL else None
        ctx.land([Fetched(page.rows, page.requested_at)])
        if bound and stamps and stamps[-1] < bound:
            return newest, True
    return newest, False


def _reservation_pages(ctx: SyncContext, walk: Walk) -> Iterator[Page]:
    return after_id(
        ctx.client,
        endpoints.RESERVATIONS,
        _RESERVATION_PARAMS,
        resource=ctx.resource,
        page_size=ctx.settings.page_size,
        walk=walk,
    )


def _updated_on(row: object) -> datetime | None:
    text = row.get("updatedOn") if isinstance(row, dict) else None
    try:
        stamp = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return stamp.astimezone(UTC) if stamp and stamp.tzinfo else stamp and stamp.replace(tzinfo=UTC)
