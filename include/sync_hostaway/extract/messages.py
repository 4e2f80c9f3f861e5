"""The sync of messages, which are read per conversation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from sync_hostaway.core.exceptions import SyncIncomplete
from sync_hostaway.core.resources import Resource
from sync_hostaway.extract.context import MissingRows, SyncContext
from sync_hostaway.extract.deletions import verify_deletions
from sync_hostaway.extract.per_parent import ParentResult, parent_read_key, sync_parents
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import ListRead, pages_by_offset
from sync_hostaway.landing.writer import Fetched


def sync_messages(ctx: SyncContext) -> MissingRows:
    """Read conversations whose stamp changed since they were last read; in full mode, all with messages.

    A conversation that an earlier attempt or an unfinished full sync has read is not read again.
    """
    ctx.cascade_deletes(Resource.CONVERSATIONS)
    read_key, requested_at = parent_read_key(ctx), ctx.value("now")
    stamps = {row["conversation_id"]: row["stamp"] for row in ctx.rows("conversations_to_read", read_key=read_key)}

    def verify(results: list[ParentResult]) -> list[ParentResult]:
        """Keep messages that Hostaway still has; a conversation that omits many of them counts as not read."""
        unnamed = sum(result.unnamed for result in results)
        suspected = verify_deletions(
            ctx, _ids(results), before=ctx.started_at, parent_ids=_complete_parent_ids(results), unnamed=unnamed
        )
        conversations = {row.parent_id for row in suspected.rows}
        error = SyncIncomplete(suspected.reason) if suspected.reason else None
        return [
            replace(result, ids=result.ids | suspected.ids, error=error)
            if result.parent_id in conversations
            else result
            for result in results
        ]

    def needs_more(results: list[ParentResult]) -> bool:
        """Whether messages are missing: their share can be judged only over several conversations."""
        return bool(ctx.unseen(_ids(results), before=ctx.started_at, parent_ids=_complete_parent_ids(results)))

    def save(results: list[ParentResult]) -> None:
        ids = [result.parent_id for result in results]
        ctx.mark_deleted_unseen(_ids(results), before=ctx.started_at, parent_ids=_complete_parent_ids(results))
        ctx.execute(
            "conversations_fetched",
            read_key=read_key,
            requested_at=requested_at,
            conversation_ids=ids,
            stamps=[stamps[conversation_id] for conversation_id in ids],
            messages=[result.seen for result in results],
        )

    return sync_parents(
        ctx, endpoints.CONVERSATIONS, list(stamps), partial(_read_conversation, ctx), save, verify, needs_more
    )


def _read_conversation(ctx: SyncContext, conversation_id: int) -> ParentResult:
    list_read = ListRead()
    pages = pages_by_offset(
        ctx.client,
        endpoints.messages_of(conversation_id),
        endpoints.WITH_SCHEDULED,
        resource=ctx.resource,
        list_read=list_read,
    )
    fetched = [Fetched(page.rows, page.requested_at, conversation_id) for page in pages]
    counted = list_read.count is not None
    expected, ids = list_read.count or list_read.seen, frozenset(list_read.ids)
    return ParentResult(conversation_id, fetched, expected, list_read.seen, ids, list_read.without_id, counted)


def _ids(results: Iterable[ParentResult]) -> list[int]:
    return [identity for result in results for identity in result.ids]


def _complete_parent_ids(results: Iterable[ParentResult]) -> list[int]:
    return [result.parent_id for result in results if result.complete and result.has_count]
