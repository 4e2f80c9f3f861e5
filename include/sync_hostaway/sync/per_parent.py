"""Plans for the resources that are read parent by parent: messages of a thread, calendar of a listing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any

import structlog

from sync_hostaway.exceptions import (
    AccessDenied,
    CredentialsRefused,
    HostawayError,
    HostawayNotFound,
    SyncHostawayError,
    SyncIncomplete,
)
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import Walk, by_offset, read_page
from sync_hostaway.landing.writer import Fetched
from sync_hostaway.sync.context import Missing, SyncContext, Window

log = structlog.get_logger(__name__)

# A commit per thread would cost more than the thread; this many rows at most are fetched again after a kill.
_ROWS_PER_COMMIT = 500
# One parent that cannot be read must not keep the others out; when many cannot, the API is in trouble.
_FAILURES_BEFORE_GIVING_UP = 10


@dataclass(frozen=True)
class _Thread:
    """A thread to read, with what the thread list said about it."""

    conversation_id: int
    stamp: str


@dataclass(frozen=True)
class _Answer:
    """What one parent's requests brought, or why they failed."""

    parent_id: int
    fetched: Sequence[Fetched] = ()
    expected: int = 0
    seen: int = 0
    ids: frozenset[int | str] = frozenset()
    gone: bool = False
    error: SyncHostawayError | None = None

    @property
    def complete(self) -> bool:
        """Whether everything there was to read was read."""
        return not self.gone and self.error is None and self.seen >= self.expected


def sync_messages(ctx: SyncContext) -> Missing:
    """Read the threads whose stamp changed since they were last read; in full mode, every thread with messages.

    A thread that an earlier try of the same run has read is not read again.
    """
    threads = {row["conversation_id"]: _Thread(**row) for row in ctx.rows("threads")}

    def read(conversation_id: int) -> _Answer:
        walk = Walk()
        pages = by_offset(
            ctx.client,
            endpoints.messages_of(conversation_id),
            {"includeScheduledMessages": 1},
            resource=ctx.resource,
            page_size=ctx.settings.page_size,
            walk=walk,
        )
        fetched = [Fetched(page.rows, page.requested_at, conversation_id) for page in pages]
        return _Answer(conversation_id, fetched, walk.count or walk.seen, walk.seen, frozenset(walk.ids))

    def remember(answers: list[_Answer]) -> None:
        ctx.bury_unseen(
            [identity for answer in answers for identity in answer.ids], [answer.parent_id for answer in answers]
        )
        for answer in answers:
            stamp = threads[answer.parent_id].stamp
            ctx.execute("thread_fetched", conversation_id=answer.parent_id, stamp=stamp, messages=answer.seen)

    return _sync_parents(ctx, endpoints.CONVERSATIONS, list(threads), read, remember)


def sync_calendar(ctx: SyncContext) -> Missing:
    """Read the calendar window of every listing."""
    window = ctx.window

    def read(listing_id: int) -> _Answer:
        return _read_calendar(ctx, listing_id, window)

    listing_ids = [row["listing_id"] for row in ctx.rows("listing_ids")]
    return _sync_parents(ctx, endpoints.LISTINGS, listing_ids, read)


def _read_calendar(ctx: SyncContext, listing_id: int, window: Window) -> _Answer:
    """A calendar says neither how many days it holds nor whether its end date counts.

    So one day more is asked for, and the rest once more until the window is full or nothing comes: some servers give
    less than they are asked for. Days missing in between are counted as missing.
    """
    fetched: list[Fetched] = []
    days: set[date] = set()
    start = window.start
    while start <= window.end:
        page = read_page(
            ctx.client,
            endpoints.calendar_of(listing_id),
            {"startDate": start.isoformat(), "endDate": (window.end + timedelta(days=1)).isoformat()},
            ctx.resource,
        )
        rows = [row for row in page.rows if (day := _day_of(row)) is None or day <= window.end]
        new = {day for row in rows if (day := _day_of(row))} - days
        if not new:
            break
        fetched.append(Fetched(rows, page.requested_at, listing_id))
        days |= new
        start = max(days) + timedelta(days=1)
    expected = (max(days) - window.start).days + 1 if days else 0
    without_date = sum(_day_of(row) is None for answer in fetched for row in answer.rows)
    return _Answer(listing_id, fetched, expected, len(days) + without_date)


def _day_of(row: Any) -> date | None:
    text = row.get("date") if isinstance(row, dict) else None
    try:
        return date.fromisoformat(text[:10]) if isinstance(text, str) else None
    except ValueError:
        return None


def _sync_parents(
    ctx: SyncContext,
    path: str,
    parent_ids: Sequence[int],
    read: Callable[[int], _Answer],
    remember: Callable[[list[_Answer]], None] = lambda answers: None,
) -> Missing:
    """Read parents side by side and land them in order.

    :param path: of the parents' own list; a parent counts as gone only when it is not found there either.
    :raises SyncIncomplete: after the others are done, when some parents could not be read.
    """
    ctx.expected = 0
    missing = 0
    failed: list[_Answer] = []
    for answers in _batches(_read_side_by_side(ctx, path, parent_ids, read)):
        good = [answer for answer in answers if answer.error is None]
        failed += [answer for answer in answers if answer.error or answer.gone]
        ctx.expected += sum(answer.expected for answer in good)
        missing += sum(max(answer.expected - answer.seen, 0) for answer in good)
        with ctx.connection.transaction():
            ctx.land([fetched for answer in good for fetched in answer.fetched])
            remember([answer for answer in good if answer.complete])
        if len(failed) >= _FAILURES_BEFORE_GIVING_UP:
            break
    errors = [answer.error for answer in failed if answer.error]
    if len(failed) >= _FAILURES_BEFORE_GIVING_UP or errors:
        first = errors[0] if errors else "Hostaway does not know them any more, though it listed them just now"
        raise SyncIncomplete(
            f"{len(failed)} of {len(parent_ids)} parents of {ctx.resource} could not be read; the first: {first}"
        )
    return Missing(missing, "answers were shorter than they promised" if missing else "")


def _read_side_by_side(
    ctx: SyncContext, path: str, parent_ids: Sequence[int], read: Callable[[int], _Answer]
) -> Iterator[_Answer]:
    """Answers in the order of the parents, with as many requests in flight as the settings allow.

    Memory holds twice that many answers at most, however many parents there are.
    """

    def guarded(parent_id: int) -> _Answer:
        try:
            return read(parent_id)
        except HostawayNotFound as error:
            return _gone_or_failed(ctx, path, parent_id, error)
        except (CredentialsRefused, AccessDenied):
            raise
        except HostawayError as error:
            return _Answer(parent_id, error=error)

    waiting = iter(parent_ids)
    with ThreadPoolExecutor(ctx.settings.concurrency, thread_name_prefix=ctx.resource) as pool:
        in_flight: deque[Future[_Answer]] = deque(
            pool.submit(guarded, parent_id) for parent_id in islice(waiting, 2 * ctx.settings.concurrency)
        )
        try:
            while in_flight:
                yield in_flight.popleft().result()
                in_flight.extend(pool.submit(guarded, parent_id) for parent_id in islice(waiting, 1))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _gone_or_failed(ctx: SyncContext, path: str, parent_id: int, error: HostawayNotFound) -> _Answer:
    """Deleted since it was listed, or a wrong answer: the parent itself tells."""
    try:
        ctx.client.get(f"{path}/{parent_id}", resource=ctx.resource)
    except HostawayNotFound:
        log.info("parent_gone", account_id=ctx.account_id, resource=ctx.resource, parent_id=parent_id)
        return _Answer(parent_id, gone=True)
    except HostawayError as trouble:
        return _Answer(parent_id, error=trouble)
    return _Answer(parent_id, error=error)


def _batches(answers: Iterable[_Answer]) -> Iterator[list[_Answer]]:
    batch: list[_Answer] = []
    rows = 0
    for answer in answers:
        batch.append(answer)
        rows += max(answer.seen, 1)
        if rows >= _ROWS_PER_COMMIT:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch
