"""Asks Hostaway about a few rows before many of them, or all there are, are marked deleted at once.

A list that comes back empty, or cut with a count to match, looks like one whose rows were deleted. The rows themselves
tell: of one that is deleted, Hostaway says that it is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_hostaway.exceptions import HostawayNotFound
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import Walk, by_offset
from sync_hostaway.landing.writer import Unseen
from sync_hostaway.sync.context import SyncContext

_MANY_ROWS, _MANY_SHARE, _ASKED = 10, 0.1, 5


@dataclass(frozen=True)
class Doubt:
    """Rows that no answer held, though Hostaway still has one of them.

    :param found: where it has it.
    """

    rows: Sequence[Unseen]
    found: str

    def __str__(self) -> str:
        return f"the answers left them out, but Hostaway still has {self.found}"


def doubt(
    ctx: SyncContext, seen: Iterable[int], *, before: datetime | None, parent_ids: Sequence[int] | None = None
) -> Doubt | None:
    """Why what a complete walk did not see must not be marked as deleted; None when it may be.

    :param seen: see `SyncContext.bury_unseen`, as for `before` and `parent_ids`.
    :raises HostawayError: when Hostaway does not say.
    """
    rows = ctx.unseen(seen, before=before, parent_ids=parent_ids)
    alive = ctx.count_alive(parent_ids) if rows else 0
    many = len(rows) > max(_MANY_ROWS, _MANY_SHARE * alive)
    if not rows or not (many or len(rows) == alive):
        return None
    asked = rows[:: -(-len(rows) // _ASKED)]
    paths = [endpoints.single(ctx.resource, row.entity_id, row.parent_id) for row in asked]
    found = next((path for path in paths if path and _has(ctx, path)), None)
    if None in paths:
        found = _list_again(ctx, rows)
    return Doubt(rows, found) if found else None


def _has(ctx: SyncContext, path: str) -> bool:
    try:
        ctx.client.get(path, resource=ctx.resource)
    except HostawayNotFound:
        return False
    return True


def _list_again(ctx: SyncContext, rows: Sequence[Unseen]) -> str | None:
    """For what Hostaway gives only in a list: a row that a second reading of it shows."""
    walk, path = Walk(), f"/v1/{ctx.resource}"
    for _ in by_offset(
        ctx.client,
        path,
        endpoints.WITH_RESOURCES,
        resource=ctx.resource,
        page_size=ctx.settings.page_size,
        walk=walk,
    ):
        pass
    return next((f"{path}/{row.entity_id}" for row in rows if int(row.entity_id) in walk.ids), None)
