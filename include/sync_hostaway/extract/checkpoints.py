"""Checkpoints of a list: each page is saved in the transaction that lands it.

The next attempt resumes from the checkpoints and requests only the remaining pages. It takes the same steps and gets
the saved pages in place of responses. So the ids that were seen, the changes of the list and the position are
reconstructed without being stored, and the proof of completeness covers both attempts. A request without a saved page
is sent to Hostaway.

An old page does no harm where the first page of the list is read again at the end. A list without such an order is
resumed only by the run that began the read: for another run, rows of a saved page may be out of date.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from sync_hostaway.extract.context import SyncContext
from sync_hostaway.hostaway.pagination import ListRead, Page
from sync_hostaway.landing.writer import Fetched

_STALE_AFTER = {True: timedelta(days=1), False: timedelta(hours=1)}


class Checkpoints:
    """The checkpoints of one list: pages of an earlier attempt, and those that this attempt lands.

    `saved` has the pages of an earlier attempt; the functions of `hostaway.pagination` take them in place of requests.

    :param plan: what is read, and how; a checkpoint of another plan is not used.
    :param changes_move_to_front: whether a changed row moves to the first page, which is read again at the end.
    """

    def __init__(self, ctx: SyncContext, plan: str, *, changes_move_to_front: bool = False) -> None:
        self._ctx = ctx
        run = "" if changes_move_to_front else f" in {ctx.run_key}"
        ctx.start_read(plan + run, _STALE_AFTER[changes_move_to_front])
        self.saved = deque(Page(**row, landed=True) for row in ctx.rows("checkpoints"))
        self._number = len(self.saved)
        self.resumed = bool(self.saved)
        # What this run received. It reads a list that changes several times, and counts each row once.
        self._received = ListRead()
        ctx.report_progress(0)

    def land(self, page: Page) -> None:
        """Land a page and save its checkpoint, in one transaction. A saved page has landed before."""
        if page.landed:
            return
        self._received.add(page)
        with self._ctx.connection.transaction():
            self._ctx.land([Fetched(page.rows, page.requested_at)], distinct=self._received.seen)
            self._ctx.execute(
                "save_checkpoint",
                page=self._number,
                request=Jsonb(page.request),
                rows=Jsonb([_stub(row) for row in (*page.overlap, *page.rows)]),
                count=page.count,
                requested_at=page.requested_at,
                served_at=page.served_at,
            )
        self._number += 1
        self._ctx.report_progress(self._ctx.counts.seen)


def _stub(row: Any) -> dict[str, Any] | None:
    return {name: row.get(name) for name in ("id", "updatedOn")} if isinstance(row, dict) else None
