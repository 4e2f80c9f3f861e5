"""Plans for the resources that are read parent by parent: messages of a thread, calendar of a listing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import structlog

from sync_hostaway.exceptions import (
    AccessDenied,
    CredentialsRefused,
    HostawayError,
    HostawayNotFound,
    SyncIncomplete,
)
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import Walk, by_offset, read_page
from sync_hostaway.landing.writer import Fetched
from sync_hostaway.sync.context import SyncContext

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
    error: HostawayError | None = None


def sync_messages(ctx: SyncContext) -> int:
    """Read the threads whose stamp changed since they were last read; in full mode, every thread with messages.

    A thread that an earlier try of the same run has read is not read again. Returns how many messages are missing.
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
        return _Answer(conversation_id, fetched, walk.count or walk.seen, walk.seen)

    def remember(answer: _Answer) -> None:
        if answer.seen >= answer.expected:
            thread = threads[answer.parent_id]
            ctx.execute(
                "thread_fetched",
                conversation_id=thread.conversation_id,
                stamp=thread.stamp,
                messages=answer.seen,
            )

    return _sync_parents(ctx, list(threads), read, remember)


def sync_calendar(ctx: SyncContext) -> int:
    """Read the calendar window of every listing. A calendar has no count to compare with, so none are ever missing."""
    window = ctx.window

    def read(listing_id: int) -> _Answer:
        page = read_page(
            ctx.client,
            endpoints.calendar_of(listing_id),
            {"startDate": window.start.isoformat(), "endDate": window.end.isoformat()},
            ctx.resource,
        )
        rows = len(page.rows)
        return _Answer(listing_id, [Fetched(page.rows, page.requested_at, listing_id)], rows, rows)

    return _sync_parents(ctx, [row["listing_id"] for row in ctx.rows("listing_ids")], read)


def _sync_parents(
    ctx: SyncContext,
    parent_ids: Sequence[int],
    read: Callable[[int], _Answer],
    remember: Callable[[_Answer], None] = lambda answer: None,
) -> int:
    """Read parents side by side and land them in order; returns how many rows are missing.

    :raises SyncIncomplete: after the others are done, when some parents could not be read.
    """
    ctx.expected = 0
    missing = 0
    failed: list[_Answer] = []
    for answers in _batches(_read_side_by_side(ctx, parent_ids, read)):
        good = [answer for answer in answers if answer.error is None]
        failed += [answer for answer in answers if answer.error is not None]
        ctx.expected += sum(answer.expected for answer in good)
        missing += sum(max(answer.expected - answer.seen, 0) for answer in good)
        with ctx.connection.transaction():
            ctx.land([fetched for answer in good for fetched in answer.fetched])
            for answer in good:
                remember(answer)
        if len(failed) >= _FAILURES_BEFORE_GIVING_UP:
            break
    if failed:
        raise SyncIncomplete(
            f"{len(failed)} of {len(parent_ids)} parents of {ctx.resource} could not be read; "
            f"the first: {failed[0].error}"
        )
    return missing


def _read_side_by_side(
    ctx: SyncContext, parent_ids: Sequence[int], read: Callable[[int], _Answer]
) -> Iterator[_Answer]:
    """Answers in the order of the parents, with as many requests in flight as the settings allow.

    Memory holds twice that many answers at most, however many parents there are.
    """

    def guarded(parent_id: int) -> _Answer:
        try:
            return read(parent_id)
        except HostawayNotFound as error:
            log.info(
                "parent_gone", account_id=ctx.account_id, resource=ctx.resource, parent_id=parent_id, error=str(error)
            )
            return _Answer(parent_id)
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
