"""Verifies suspected deletions before a sync marks many rows, or all remaining rows, as deleted.

A list that is wrongly empty, or that was cut together with its count, looks like a list whose rows were deleted. So a
few of the missing rows are requested by their ids: Hostaway answers 404 for a deleted row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from sync_hostaway.core.exceptions import AccessDenied, CredentialsRejected, HostawayError, HostawayNotFound
from sync_hostaway.extract.context import SyncContext
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import ListRead, pages_by_offset
from sync_hostaway.landing.writer import UnseenRow

log = structlog.get_logger(__name__)

_MANY_ROWS, _MANY_SHARE, _SAMPLE, _SAMPLE_OF_MIXED = 10, 0.1, 5, 200
_MAY_BE_UNNAMED = "the list omits them, and contains rows whose id cannot be read"
_STILL_HAS = "the list omits them, but Hostaway still has {}"


@dataclass(frozen=True)
class SuspectedDeletions:
    """Rows that were not seen, and that must not be marked as deleted.

    :param reason: why the whole read is not trusted; empty if only these rows are kept.
    """

    rows: Sequence[UnseenRow] = ()
    reason: str = ""

    @property
    def ids(self) -> frozenset[int]:
        """Ids of the rows."""
        return frozenset(int(row.entity_id) for row in self.rows)


def verify_deletions(
    ctx: SyncContext,
    seen: Iterable[int],
    *,
    before: datetime | None,
    parent_ids: Sequence[int] | None = None,
    unnamed: int = 0,
) -> SuspectedDeletions:
    """Find rows that must not be marked as deleted although a complete read did not see them.

    Five of the rows are requested by id. If only some of these are deleted, the other rows are requested, too.

    :param seen: see `SyncContext.mark_deleted_unseen`, also for `before` and `parent_ids`.
    :param unnamed: rows without a readable id: each may be one of the unseen rows.
    """
    rows = ctx.unseen(seen, before=before, parent_ids=parent_ids)
    active = ctx.count_active(parent_ids) if rows else 0
    few = max(_MANY_ROWS, _MANY_SHARE * active)
    if not rows or (not unnamed and len(rows) <= few and len(rows) < active):
        return SuspectedDeletions()
    paths = {
        row: path for row in rows if (path := endpoints.single_object_path(ctx.resource, row.entity_id, row.parent_id))
    }
    if not paths:
        found = _list_again(ctx, rows)
        return SuspectedDeletions(rows, _STILL_HAS.format(found)) if found else SuspectedDeletions()
    reason_of = {row: _reason_to_keep(ctx, paths[row]) for row in list(paths)[:: -(-len(paths) // _SAMPLE)]}
    if not unnamed and not any(reason_of.values()):
        return SuspectedDeletions()
    if unnamed or not all(reason_of.values()):
        reason_of |= {
            row: _reason_to_keep(ctx, paths[row]) for row in list(paths)[:_SAMPLE_OF_MIXED] if row not in reason_of
        }
    reasons = [reason for reason in reason_of.values() if reason] or [_MAY_BE_UNNAMED]
    kept = [row for row in rows if reason_of.get(row, reasons[0])]
    if not kept:
        return SuspectedDeletions()
    if len(kept) > few or len(rows) == active:
        return SuspectedDeletions(kept, reasons[0])
    log.warning(
        "suspected_deletions_kept",
        account_id=ctx.account_id,
        resource=ctx.resource.value,
        rows=len(kept),
        reason=reasons[0],
    )
    return SuspectedDeletions(kept)


def _reason_to_keep(ctx: SyncContext, path: str) -> str | None:
    """Why an object does not count as deleted; None when Hostaway answers 404."""
    try:
        ctx.client.get(path, resource=ctx.resource)
    except HostawayNotFound:
        return None
    except (CredentialsRejected, AccessDenied):
        raise
    except HostawayError as error:
        return f"the list omits them, and one of them cannot be requested: {error}"
    return _STILL_HAS.format(path)


def _list_again(ctx: SyncContext, rows: Sequence[UnseenRow]) -> str | None:
    """For objects without a route of their own: a row that a second read of the list contains."""
    list_read, path = ListRead(), endpoints.LIST_PATHS[ctx.resource]
    for _ in pages_by_offset(ctx.client, path, endpoints.WITH_RESOURCES, resource=ctx.resource, list_read=list_read):
        pass
    return next((f"{path}/{row.entity_id}" for row in rows if int(row.entity_id) in list_read.ids), None)
