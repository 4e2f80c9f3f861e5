"""Reads the rows of many parents, such as the messages of each conversation, in parallel and lands them in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import structlog

from sync_hostaway.core.exceptions import (
    AccessDenied,
    CredentialsRejected,
    HostawayError,
    HostawayNotFound,
    SyncHostawayError,
    SyncIncomplete,
)
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.threads import ContextThreads
from sync_hostaway.extract.context import MissingRows, SyncContext
from sync_hostaway.extract.refusals import REFUSALS
from sync_hostaway.landing.writer import Fetched

log = structlog.get_logger(__name__)

# A commit per conversation would cost more than reading it. After a kill, rows since the last commit are read again.
_ROWS_PER_COMMIT = 500
_SECONDS_PER_COMMIT = 5.0
# One parent with an error must not stop the others; many errors mean that the API has a problem.
_FAILURES_BEFORE_GIVING_UP = 10
_SAMPLED_AGAIN = 5
# A full sync of very many conversations takes most of a day.
_STALE_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class ParentResult:
    """Responses for one parent, or the error.

    :param unnamed: rows without a readable id.
    :param has_count: whether the list has a count: without one, no deletion is proven.
    :param not_found: Hostaway has deleted the parent.
    """

    parent_id: int
    fetched: Sequence[Fetched] = ()
    expected: int = 0
    seen: int = 0
    ids: frozenset[int] = frozenset()
    unnamed: int = 0
    has_count: bool = False
    not_found: bool = False
    error: SyncHostawayError | None = None

    @property
    def complete(self) -> bool:
        """Whether all rows of the parent were read."""
        return not self.not_found and self.error is None and self.seen >= self.expected


def parent_read_key(ctx: SyncContext) -> str:
    """The key that parents of this read are marked with: in full mode, that of the unfinished read."""
    if ctx.mode is Mode.INCREMENTAL:
        return ctx.run_key
    return ctx.start_read(f"parents active since {ctx.since}" if ctx.since else "every parent", _STALE_AFTER)


def sync_parents(
    ctx: SyncContext,
    path: str,
    parent_ids: Sequence[int],
    read: Callable[[int], ParentResult],
    save: Callable[[list[ParentResult]], None],
    verify: Callable[[list[ParentResult]], list[ParentResult]] = list,
    needs_more: Callable[[list[ParentResult]], bool] = lambda _: False,
) -> MissingRows:
    """Read parents in parallel and land their rows in order.

    :param path: of the parents' own list; a parent counts as deleted only if it is not found there either.
    :param save: called in the transaction that lands the rows, with the results that were read completely.
    :param verify: called before; returns implausible results as failed.
    :param needs_more: whether a commit that is due by time waits for more results.
    :raises SyncIncomplete: at the end, if some parents could not be read.
    """
    ctx.expected = 0
    missing = 0
    failed: list[ParentResult] = []
    # Closing the generator ends all requests, also after an exception.
    with closing(_read_in_parallel(ctx, path, parent_ids, read)) as arriving:
        for results in map(verify, _batches(_with_progress(ctx, len(parent_ids), arriving), needs_more)):
            good = [result for result in results if result.error is None]
            failed += [result for result in results if result.error or result.not_found]
            ctx.expected += sum(result.expected for result in good)
            missing += sum(max(result.expected - result.seen, 0) for result in good)
            with ctx.connection.transaction():
                ctx.land([fetched for result in good for fetched in result.fetched])
                save([result for result in good if result.complete])
            if len(failed) >= _FAILURES_BEFORE_GIVING_UP:
                break
    errors = [result.error for result in failed if result.error]
    if errors and not ctx.counts.seen and _are_all_refused(ctx, parent_ids, errors, read):
        raise errors[0]
    if len(failed) >= _FAILURES_BEFORE_GIVING_UP or errors:
        first = errors[0] if errors else "Hostaway does not find them, although it has just listed them"
        raise SyncIncomplete(
            f"{len(failed)} of {len(parent_ids)} parents of {ctx.resource} could not be read; the first: {first}"
        )
    if missing:
        return MissingRows(missing, "responses had fewer rows than their count, or could not be read")
    if ctx.mode is Mode.FULL:
        ctx.end_read()
    return MissingRows()


def _are_all_refused(
    ctx: SyncContext, parent_ids: Sequence[int], errors: list[SyncHostawayError], read: Callable[[int], ParentResult]
) -> bool:
    """Whether Hostaway refuses all parents: those that were read, and a sample of the others.

    A few refusals in an incremental sync prove nothing about the rest.
    """
    if not all(isinstance(error, REFUSALS) for error in errors):
        return False
    if len(errors) < _FAILURES_BEFORE_GIVING_UP:
        return ctx.mode is Mode.FULL and len(errors) == len(parent_ids)
    for parent_id in parent_ids[:: -(-len(parent_ids) // _SAMPLED_AGAIN)]:
        try:
            read(parent_id)
        except REFUSALS:
            continue
        except HostawayError:
            pass
        return False
    return True


def _read_in_parallel(
    ctx: SyncContext, path: str, parent_ids: Sequence[int], read: Callable[[int], ParentResult]
) -> Generator[ParentResult]:
    """Results in the order of the parents, with `concurrency` requests in flight.

    Memory holds at most twice as many results, for any number of parents.
    """

    def guarded(parent_id: int) -> ParentResult:
        try:
            return read(parent_id)
        except HostawayNotFound as error:
            return _not_found_or_failed(ctx, path, parent_id, error)
        except (CredentialsRejected, AccessDenied):
            raise
        except HostawayError as error:
            return ParentResult(parent_id, error=error)

    waiting = iter(parent_ids)
    with ContextThreads(ctx.settings.concurrency, thread_name_prefix=ctx.resource) as pool:
        in_flight: deque[Future[ParentResult]] = deque(
            pool.submit(guarded, parent_id) for parent_id in islice(waiting, 2 * ctx.settings.concurrency)
        )
        try:
            while in_flight:
                yield in_flight.popleft().result()
                in_flight.extend(pool.submit(guarded, parent_id) for parent_id in islice(waiting, 1))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _not_found_or_failed(ctx: SyncContext, path: str, parent_id: int, error: HostawayNotFound) -> ParentResult:
    """Request the parents themselves, to distinguish a deleted parent from a wrong response."""
    try:
        ctx.client.get(f"{path}/{parent_id}", resource=ctx.resource)
    except HostawayNotFound:
        log.info("parent_not_found", account_id=ctx.account_id, resource=ctx.resource, parent_id=parent_id)
        return ParentResult(parent_id, not_found=True)
    except HostawayError as parent_error:
        return ParentResult(parent_id, error=parent_error)
    return ParentResult(parent_id, error=error)


def _with_progress(ctx: SyncContext, parents: int, results: Iterable[ParentResult]) -> Iterator[ParentResult]:
    """The results, reporting progress for each."""
    seen = 0
    ctx.report_progress(seen, (0, parents))
    for number, result in enumerate(results, start=1):
        seen += result.seen
        ctx.report_progress(seen, (number, parents))
        yield result


def _batches(
    results: Iterable[ParentResult], needs_more: Callable[[list[ParentResult]], bool]
) -> Iterator[list[ParentResult]]:
    batch: list[ParentResult] = []
    rows, due = 0, time.monotonic() + _SECONDS_PER_COMMIT
    try:
        for result in results:
            batch.append(result)
            rows += max(result.seen, 1)
            full, late = rows >= _ROWS_PER_COMMIT, time.monotonic() >= due
            if full or (late and not needs_more(batch)):
                yield batch
                batch, rows = [], 0
            if full or late:
                due = time.monotonic() + _SECONDS_PER_COMMIT
    except (SyncHostawayError, KeyboardInterrupt):
        # Land complete results before the end, so that they are not read again.
        whole = [result for result in batch if result.complete]
        if whole and not needs_more(whole):
            yield whole
        raise
    if batch:
        yield batch
