"""Plans for the resources that are one list: listings, reservations, conversations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import Params
from sync_hostaway.hostaway.endpoints import Mode
from sync_hostaway.hostaway.pagination import Page, Walk, after_id, by_offset, id_of
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
    part = _walk_back_to(ctx, walk, bound)
    ctx.expected = None
    if not (part.reached or not walk.missing):
        return Missing(walk.missing, f"the walk ended before it came to changes of {bound:%Y-%m-%d %H:%M:%S} UTC")
    ctx.execute("advance_watermark", watermark=part.newest or watermark)
    return Missing()


def _read_everything(ctx: SyncContext) -> Missing:
    for number in range(_PASSES):
        ctx.repaired = ctx.repaired or number > 0
        walk = Walk()
        part = _walk_back_to(ctx, walk, bound=None)
        settled = _settle_head(ctx, walk, part)
        ctx.expected = walk.count
        if settled and not walk.missing:
            if settled.newest:
                ctx.execute("set_watermark", watermark=settled.newest)
            ctx.bury_unseen(walk.ids)
            return Missing()
    return Missing(walk.missing, "the list kept changing while it was read")


def _settle_head(ctx: SyncContext, walk: Walk, part: _Part) -> _Part | None:
    """Read the front of the list again until it holds still; None when it does not.

    What changes or arrives during a walk jumps to the front, behind the walk's back. So the front is read once more,
    and where it has changed, down to where the walk began.
    """
    for _ in range(_PASSES):
        again = _walk_back_to(ctx, walk, bound=part.newest, head=part.head)
        if again.head == part.head:
            return part
        ctx.repaired = True
        part = again
    return None


@dataclass(frozen=True)
class _Part:
    """What a walk over a part of the list saw.

    :param newest: newest change.
    :param head: ids of the first page.
    :param reached: whether the bound was reached.
    """

    newest: datetime | None
    head: tuple[int | str | None, ...]
    reached: bool


def _walk_back_to(
    ctx: SyncContext, walk: Walk, bound: datetime | None, head: tuple[int | str | None, ...] | None = None
) -> _Part:
    """Land pages, newest first, until one ends behind the bound, or the first page is the known head.

    A change stamped later than the source's own clock says (it happens) counts as of that clock: as a watermark it
    would hide every change until then.
    """
    newest: datetime | None = None
    first: tuple[int | str | None, ...] | None = None
    for page in _reservation_pages(ctx, walk):
        stamps = [min(stamp, page.served_at) for row in page.rows if (stamp := _updated_on(row))]
        newest = max([*stamps, *([newest] if newest else [])], default=None)
        ctx.expected = walk.count if ctx.mode is Mode.FULL else None
        first = first if first is not None else tuple(id_of(row) for row in page.rows)
        if first == head:
            break
        ctx.land([Fetched(page.rows, page.requested_at)])
        if bound and stamps and stamps[-1] < bound:
            return _Part(newest, first, reached=True)
    return _Part(newest, first or (), reached=False)


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
