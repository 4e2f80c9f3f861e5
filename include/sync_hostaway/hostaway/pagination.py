"""Reads Hostaway's lists: by offset, and by the `afterId` cursor of reservations.

A read yields pages until the end of the list. A short page does not count as the last one, because servers silently
reduce a limit above their maximum. A page without a new id ends the read, because some servers repeat a page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sync_hostaway.core.exceptions import HostawayMalformedReply
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import HostawayClient, Params
from sync_hostaway.hostaway.values import as_id, as_list


@dataclass(frozen=True)
class Page:
    """Rows of one response as received.

    :param count: number of rows of the whole list, from the envelope.
    :param requested_at: the client's clock when the request was sent.
    :param served_at: the server's clock in the response; `requested_at` when it is missing.
    :param landed: whether an earlier attempt has landed it; its rows then have only ids and stamps.
    :param request: the parameters of its request.
    :param overlap: rows at its beginning that the page before had, too.
    """

    rows: list[Any]
    count: int | None
    requested_at: datetime
    served_at: datetime
    landed: bool = False
    request: Params = field(default_factory=dict)
    overlap: tuple[Any, ...] = ()


@dataclass
class ListRead:
    """One read of a list: the ids it saw, without payloads, and whether the list changed during the read.

    :param started_at: our clock when its first page was requested.
    :param is_truncated: whether it ended with a repeated page, without a count that proves the end.
    """

    started_at: datetime | None = None
    ids: set[int] = field(default_factory=set)
    without_id: int = 0
    count: int | None = None
    has_changed: bool = False
    is_truncated: bool = False

    def add(self, page: Page) -> bool:
        """Add a page; returns whether it had a new row."""
        before = self.seen
        self.started_at = self.started_at or page.requested_at
        if page.count is not None:
            # Rows that are added or removed during the read shift others across an offset.
            self.has_changed = self.has_changed or (self.count is not None and page.count != self.count)
            self.count = page.count
        ids = [id_of(row) for row in page.rows]
        named = {identity for identity in ids if identity is not None}
        # Rows without an id go into quarantine when they land; here they are only counted. They cannot be
        # distinguished, so they are not counted again on a repeated page.
        if named - self.ids or (not named and (self.missing or not self.seen)):
            self.without_id += ids.count(None)
        self.ids |= named
        return self.seen != before

    def repeats(self, page: Page) -> bool:
        """Whether a page has exactly the rows that were seen before."""
        return {id_of(row) for row in page.rows} == self.ids | ({None} if self.without_id else set())

    @property
    def seen(self) -> int:
        """Distinct rows seen."""
        return len(self.ids) + self.without_id

    @property
    def missing(self) -> int:
        """Rows of the count that this read did not see."""
        return max((self.count or 0) - self.seen, 0)


def id_of(row: Any) -> int | None:
    """A row's id as in landing; None if it has no valid id."""
    return as_id(row.get("id")) if isinstance(row, dict) else None


def read_page(client: HostawayClient, path: str, params: Params, resource: str) -> Page:
    """Read one page.

    :raises HostawayMalformedReply: when the result is no list.
    """
    requested_at = client.now()
    reply = client.get(path, params, resource=resource)
    rows = as_list(reply.result)
    if rows is None:
        raise HostawayMalformedReply(
            f"Hostaway's result is {type(reply.result).__name__} where a list was expected",
            account_id=client.account_id,
            resource=resource,
            url=path,
        )
    return Page(rows, reply.count, requested_at, reply.served_at or requested_at, request=params)


def pages_by_offset(
    client: HostawayClient,
    path: str,
    params: Params,
    *,
    resource: str,
    list_read: ListRead,
    saved: deque[Page] | None = None,
) -> Iterator[Page]:
    """Pages of a list, until `count` rows came and the last page is not full, or until a page has no new rows.

    Each page begins with the last row of the one before. If it begins with another row, the list has changed, rows may
    have been missed, and `list_read.has_changed` becomes true. If the whole list came again, it has no offset, and is
    complete; unless it has as many rows as a page, because then more may follow.

    :param saved: pages that an earlier attempt read, in order. They are taken in place of requests.
    """
    page_size = client.settings.page_size
    offset = largest = 0
    last: Any = None
    while True:
        overlap = 1 if offset and page_size > 1 else 0
        page = _page(saved, client, path, {**params, "limit": page_size, "offset": offset - overlap}, resource)
        full = _is_full(len(page.rows), page_size, largest)
        largest = max(largest, len(page.rows))
        offset += max(len(page.rows) - overlap, 0)
        if overlap and page.rows:
            if id_of(page.rows[0]) == last:
                page = replace(page, rows=page.rows[1:], overlap=(page.rows[0],))
            elif list_read.repeats(page) and len(page.rows) not in (page_size, endpoints.DEFAULT_LIMIT):
                return
            else:
                list_read.has_changed = True
        fresh = list_read.add(page)
        if fresh:
            yield page
        if not fresh or (list_read.count is not None and offset >= list_read.count and not full):
            list_read.is_truncated = list_read.count is None and bool(page.rows) and not fresh
            return
        last = id_of(page.rows[-1])


def pages_by_cursor(
    client: HostawayClient,
    path: str,
    params: Params,
    *,
    resource: str,
    list_read: ListRead,
    saved: deque[Page] | None = None,
) -> Iterator[Page]:
    """Pages by cursor until an empty page, or until an unchanged list was seen completely.

    The list is ordered by last change, newest first, so a row that changes during the read moves to the first
    page, which was read before: read the first page again afterwards.

    :param saved: as in `pages_by_offset`.
    """
    page_size = client.settings.page_size
    cursor: Params = {}
    largest = 0
    before = list_read.seen
    own_read = ListRead()
    while True:
        page = _page(saved, client, path, {**params, "limit": page_size, **cursor}, resource)
        list_read.add(page)
        fresh = own_read.add(page)
        if page.rows:
            yield page
        last = next((identity for row in reversed(page.rows) if (identity := id_of(row)) is not None), None)
        full = _is_full(len(page.rows), page_size, largest)
        largest = max(largest, len(page.rows))
        whole = not own_read.has_changed and before == 0 and own_read.seen == own_read.count and not full
        if not fresh or last is None or whole:
            list_read.is_truncated = own_read.count is None and bool(page.rows) and not whole
            return
        cursor = {"afterId": last}


def _page(saved: deque[Page] | None, client: HostawayClient, path: str, params: Params, resource: str) -> Page:
    """The next saved page if it has this request; else a page from Hostaway."""
    if saved and saved[0].request == params:
        return saved.popleft()
    return read_page(client, path, params, resource)


def _is_full(rows: int, page_size: int, largest: int) -> bool:
    """Whether more rows may follow a page, independent of the count; `largest` is the largest page before it."""
    return rows >= page_size or 0 < largest <= rows
