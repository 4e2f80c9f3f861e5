"""Asks Hostaway about a few rows before many of them, or all there are, are marked deleted at once.

A list that comes back empty, or cut with a count to match, looks like one whose rows were deleted. The rows themselves
tell: of one that is deleted, Hostaway says that it is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from sync_hostaway.core.exceptions import AccessDenied, CredentialsRefused, HostawayError, HostawayNotFound
from sync_hostaway.extract.context import SyncContext
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import Walk, by_offset
from sync_hostaway.landing.writer import Unseen

log = structlog.get_logger(__name__)

_MANY_ROWS, _MANY_SHARE, _ASKED, _ASKED_OF_MIXED = 10, 0.1, 5, 200
_MAY_BE_UNNAMED = "the answers left them out, and hold rows whose id cannot be read"
_STILL_HAS = "the answers left them out, but Hostaway still has {}"


@dataclass(frozen=True)
class Doubt:
    """Rows that no answer held, and that are not to be marked deleted.

    :param why: the answers are not to be believed; empty when they are, but for these rows.
    """

    rows: Sequence[Unseen] = ()
    why: str = ""

    @property
    def ids(self) -> frozenset[int]:
        """Those of the rows."""
        return frozenset(int(row.entity_id) for row in self.rows)


def doubt(
    ctx: SyncContext,
    seen: Iterable[int],
    *,
    before: datetime | None,
    parent_ids: Sequence[int] | None = None,
    unnamed: int = 0,
) -> Doubt:
    """Which rows must not be marked as deleted though a complete walk did not see them.

    Where a few of many rows are asked for, and only some of them are gone, the others are asked for too.

    :param seen: see `SyncContext.bury_unseen`, as for `before` and `parent_ids`.
    :param unnamed: rows that came without an id that could be read: each may be one of those that were not seen.
    """
    rows = ctx.unseen(seen, before=before, parent_ids=parent_ids)
    alive = ctx.count_alive(parent_ids) if rows else 0
    few = max(_MANY_ROWS, _MANY_SHARE * alive)
    if not rows or (not unnamed and len(rows) <= few and len(rows) < alive):
        return Doubt()
    paths = {row: path for row in rows if (path := endpoints.single(ctx.resource, row.entity_id, row.parent_id))}
    if not paths:
        found = _list_again(ctx, rows)
        return Doubt(rows, _STILL_HAS.format(found)) if found else Doubt()
    asked = {row: _why_not_gone(ctx, paths[row]) for row in list(paths)[:: -(-len(paths) // _ASKED)]}
    if not unnamed and not any(asked.values()):
        return Doubt()
    if unnamed or not all(asked.values()):
        asked |= {row: _why_not_gone(ctx, paths[row]) for row in list(paths)[:_ASKED_OF_MIXED] if row not in asked}
    reasons = [why for why in asked.values() if why] or [_MAY_BE_UNNAMED]
    kept = [row for row in rows if asked.get(row, reasons[0])]
    if not kept:
        return Doubt()
    if len(kept) > few or len(rows) == alive:
        return Doubt(kept, reasons[0])
    log.warning(
        "absent_rows_kept", account_id=ctx.account_id, resource=ctx.resource.value, rows=len(kept), why=reasons[0]
    )
    return Doubt(kept)


def _why_not_gone(ctx: SyncContext, path: str) -> str | None:
    """Why an object is not to be called gone; None when Hostaway says that it has it no more."""
    try:
        ctx.client.get(path, resource=ctx.resource)
    except HostawayNotFound:
        return None
    except (CredentialsRefused, AccessDenied):
        raise
    except HostawayError as error:
        return f"the answers left them out, and one of them cannot be asked for: {error}"
    return _STILL_HAS.format(path)


def _list_again(ctx: SyncContext, rows: Sequence[Unseen]) -> str | None:
    """For what Hostaway gives only in a list: a row that a second reading of it shows."""
    walk, path = Walk(), f"/v1/{ctx.resource}"
    for _ in by_offset(ctx.client, path, endpoints.WITH_RESOURCES, resource=ctx.resource, walk=walk):
        pass
    return next((f"{path}/{row.entity_id}" for row in rows if int(row.entity_id) in walk.ids), None)
