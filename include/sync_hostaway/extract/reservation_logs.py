"""The sync of Hostaway's logs of reservations. A log costs one call, so they are read on request."""

from __future__ import annotations

from functools import partial

from sync_hostaway.core.resources import Resource
from sync_hostaway.extract.context import MissingRows, SyncContext
from sync_hostaway.extract.per_parent import ParentResult, parent_read_key, sync_parents
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import read_page
from sync_hostaway.landing.writer import Fetched


def sync_reservation_logs(ctx: SyncContext) -> MissingRows:
    """Read the logs of reservations that landed since their log was read; in full mode, of all reservations.

    With `since`, only reservations that changed since then are read. Entries stay when a log no longer has them: they
    tell what happened.
    """
    ctx.cascade_deletes(Resource.RESERVATIONS)
    read_key, requested_at = parent_read_key(ctx), ctx.value("now")

    def save(results: list[ParentResult]) -> None:
        ids = [result.parent_id for result in results]
        ctx.execute("reservation_logs_fetched", read_key=read_key, requested_at=requested_at, reservation_ids=ids)

    due = [row["reservation_id"] for row in ctx.rows("due_reservation_logs", read_key=read_key)]
    return sync_parents(ctx, endpoints.RESERVATIONS, due, partial(_read_log, ctx), save)


def _read_log(ctx: SyncContext, reservation_id: int) -> ParentResult:
    page = read_page(ctx.client, endpoints.logs_of(reservation_id), {}, ctx.resource)
    # The erasure of a guest finds the entries by this field.
    rows = [{**row, "reservationId": reservation_id} if isinstance(row, dict) else row for row in page.rows]
    return ParentResult(reservation_id, [Fetched(rows, page.requested_at, reservation_id)], len(rows), len(rows))
