"""The pages of a list while it is walked, each noted in the transaction that lands it.

A walk that is killed leaves its pages behind. Whoever comes next takes the same steps, and is given these pages instead
of asking Hostaway: so everything a walk knows (the ids it saw, whether the list moved, where it is) comes back without
being stored, and the proof of completeness covers both processes. A step that the pages do not answer goes to Hostaway.

That a page is old does no harm to a walk that reads the list's front again at its end. A list without such an order is
gone on with only by the run that began it: for another one, rows of a page read before it began may be out of date.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from sync_hostaway.extract.context import SyncContext
from sync_hostaway.hostaway.client import HostawayClient, Params
from sync_hostaway.hostaway.pagination import Page, read_page
from sync_hostaway.landing.writer import Fetched

_STALE_AFTER = {True: timedelta(days=1), False: timedelta(hours=1)}


class CheckpointedReader:
    """Reads and lands the pages of one list.

    :param plan: what is walked, and how.
    :param changes_move_to_front: whether what changes jumps to the front of the list, which is read again at the end.
    """

    def __init__(self, ctx: SyncContext, plan: str, *, changes_move_to_front: bool = False) -> None:
        self._ctx = ctx
        run = "" if changes_move_to_front else f" in {ctx.run_key}"
        ctx.start_read(plan + run, _STALE_AFTER[changes_move_to_front])
        self._saved_pages = deque((row.pop("request"), Page(**row, landed=True)) for row in ctx.rows("checkpoints"))
        self._number = len(self._saved_pages)
        self._last: tuple[Params, Page] | None = None
        self.resumed = bool(self._saved_pages)
        ctx.report_progress(0)

    def read(self, client: HostawayClient, path: str, params: Params, resource: str) -> Page:
        """As `read_page`, unless the page is noted."""
        if self._saved_pages and self._saved_pages[0][0] == params:
            return self._saved_pages.popleft()[1]
        page = read_page(client, path, params, resource)
        self._last = (params, page)
        return page

    def land(self, page: Page) -> None:
        """Land the page that was read last, and note it."""
        if page.landed or self._last is None:
            return
        request, as_read = self._last
        with self._ctx.connection.transaction():
            self._ctx.land([Fetched(page.rows, page.requested_at)])
            self._ctx.execute(
                "save_checkpoint",
                page=self._number,
                request=Jsonb(request),
                rows=Jsonb([_stub(row) for row in as_read.rows]),
                count=as_read.count,
                requested_at=as_read.requested_at,
                served_at=as_read.served_at,
            )
        self._number += 1
        self._ctx.report_progress(self._ctx.counts.seen)


def _stub(row: Any) -> dict[str, Any] | None:
    return {name: row.get(name) for name in ("id", "updatedOn")} if isinstance(row, dict) else None
