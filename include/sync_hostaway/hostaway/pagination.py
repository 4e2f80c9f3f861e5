"""Walks over Hostaway's lists: by offset, and by the `afterId` cursor of reservations.

A walk gives pages until the list is exhausted. It never trusts a short page to be the last (a limit above the server's
cap is cut silently) and stops when a page brings no id it has not seen (some answers repeat a page).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sync_hostaway.exceptions import HostawayMalformedReply
from sync_hostaway.hostaway.client import HostawayClient, Params
from sync_hostaway.hostaway.replies import Reply


@dataclass(frozen=True)
class Page:
    """Rows of one answer as received; `count` is what the envelope says the whole list holds."""

    rows: list[Any]
    count: int | None
    requested_at: datetime


@dataclass
class Walk:
    """What the passes over a list have seen so far: ids only, never payloads."""

    ids: set[Any] = field(default_factory=set)
    without_id: int = 0
    count: int | None = None
    _this_pass: set[Any] = field(default_factory=set)

    def add(self, page: Page) -> bool:
        """Take note of a page; tells whether it brought anything new to this pass."""
        before = len(self._this_pass), self.without_id
        for row in page.rows:
            identity = row.get("id") if isinstance(row, dict) else None
            if isinstance(identity, int | str):
                self._this_pass.add(identity)
                self.ids.add(identity)
            else:
                self.without_id += 1  # goes into quarantine when it lands; here it only counts
        self.count = page.count if page.count is not None else self.count
        return (len(self._this_pass), self.without_id) != before

    @property
    def seen(self) -> int:
        """Distinct rows seen."""
        return len(self.ids) + self.without_id

    @property
    def missing(self) -> int:
        """How many rows the envelope promised that no pass saw."""
        return max((self.count or 0) - self.seen, 0)

    def again(self) -> Walk:
        """Another pass over the same list, which remembers what the earlier ones saw."""
        return Walk(ids=self.ids, count=self.count)


def read_page(client: HostawayClient, path: str, params: Params, resource: str) -> Page:
    """Read one page.

    :raises HostawayMalformedReply: when the result is no list.
    """
    requested_at = datetime.fromtimestamp(time.time(), UTC)
    reply: Reply = client.get(path, params, resource=resource)
    if not isinstance(reply.result, list):
        raise HostawayMalformedReply(
            f"Hostaway's result is {type(reply.result).__name__} where a list was expected",
            account_id=client.account_id,
            resource=resource,
            url=path,
        )
    return Page(reply.result, reply.count, requested_at)


def by_offset(
    client: HostawayClient, path: str, params: Params, *, resource: str, page_size: int, walk: Walk
) -> Iterator[Page]:
    """Pages of a list until its `count` is reached or nothing new comes."""
    offset = 0
    while True:
        page = read_page(client, path, {**params, "limit": page_size, "offset": offset}, resource)
        fresh = walk.add(page)
        if page.rows:
            yield page
        offset += len(page.rows)
        if not fresh or (walk.count is not None and offset >= walk.count):
            return


def after_id(
    client: HostawayClient, path: str, params: Params, *, resource: str, page_size: int, walk: Walk
) -> Iterator[Page]:
    """Pages of a cursor walk until the empty page.

    The list is ordered by last change, newest first, so a row that changes during the walk jumps to the front, behind
    the walk's back: compare `walk.missing` afterwards.
    """
    cursor: Params = {}
    while True:
        page = read_page(client, path, {**params, "limit": page_size, **cursor}, resource)
        fresh = walk.add(page)
        if page.rows:
            yield page
        last = next((row["id"] for row in reversed(page.rows) if isinstance(row, dict) and row.get("id")), None)
        if not fresh or last is None:
            return
        cursor = {"afterId": last}
