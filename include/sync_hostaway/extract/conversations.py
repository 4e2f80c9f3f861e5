"""Syncs of conversations: their whole list once a day, otherwise only conversations with new messages."""

from __future__ import annotations

from sync_hostaway.core.exceptions import AccessDenied, CredentialsRejected, HostawayError, HostawayNotFound
from sync_hostaway.core.resources import Mode
from sync_hostaway.extract.context import MissingRows, SyncContext
from sync_hostaway.extract.head_proof import find_missed_messages
from sync_hostaway.extract.head_store import HeadStore
from sync_hostaway.extract.heads import MESSAGE_LISTS, HeadReader
from sync_hostaway.extract.lists import sync_list
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import read_page
from sync_hostaway.landing.writer import Fetched

# A list of so few pages costs as many calls as the heads.
_FEW_PAGES = 2
_READ_SINGLY = 10


def sync_conversations(ctx: SyncContext) -> MissingRows:
    """Read the list of conversations. If it was read completely today, read only those with new messages in the heads.

    Hostaway offers no filter by change, so the list of a large account costs many calls.
    """
    pages = -(-ctx.count_active(None) // ctx.settings.page_size)
    if ctx.since or not ctx.writes or 0 < pages <= _FEW_PAGES:
        return _read_list(ctx, frozenset())
    moved = _moved(ctx)
    if ctx.mode is Mode.FULL or moved is None or not ctx.value("list_was_read_lately", read_again_after=None):
        return _read_list(ctx, moved)
    return _read_moved(ctx, moved, pages)


def _moved(ctx: SyncContext) -> frozenset[int] | None:
    """Reservations with new messages since the last read of the heads; None if the heads cannot be used."""
    store = HeadStore(ctx.connection, ctx.account_id)
    known, reader = store.load(), HeadReader(ctx.client)
    if ctx.settings.polling == "list" or not store.state().uses_heads:
        return None
    try:
        heads = {which: reader.read(which, known[which].head if which in known else None) for which in MESSAGE_LISTS}
    except (AccessDenied, CredentialsRejected):
        raise
    except HostawayError:
        # The list is read in their place. If that fails, too, its error is reported.
        return None
    with ctx.connection.transaction():
        movements = store.take(heads)
        if len(known.keys() & set(MESSAGE_LISTS)) < len(MESSAGE_LISTS) or any(
            not movement.is_whole for movement in movements.values()
        ):
            store.take(heads, anyway=True)
            return None
        moved = frozenset(row.id for movement in movements.values() for row in movement.moved)
        # In this transaction: a change of the heads must not be lost when they are replaced.
        ctx.execute("conversations_moved", reservation_ids=list(moved))
    return moved


def _read_list(ctx: SyncContext, moved: frozenset[int] | None) -> MissingRows:
    """Read the whole list, and check what the heads have missed.

    :param moved: reservations that this run found by the heads; None if the heads were not used, and so cannot have
        missed anything.
    """
    missing = sync_list(ctx, endpoints.CONVERSATIONS)
    if not missing and moved is not None and ctx.writes and ctx.since is None:
        with ctx.connection.transaction():
            find_missed_messages(ctx, moved)
    return missing


def _read_moved(ctx: SyncContext, moved: frozenset[int], pages: int) -> MissingRows:
    """Read the conversations of these reservations. If they are many, only their messages are read.

    Other fields of a conversation, such as whether a message is unread, follow with the next whole list.
    """
    known = {row["reservation_id"] for row in ctx.rows("conversations_of", reservation_ids=list(moved))}
    singly = moved if len(moved) <= _READ_SINGLY else moved - known
    if len(singly) > pages:
        return _read_list(ctx, moved)
    ctx.expected = None
    ctx.report_progress(0)
    for reservation_id in sorted(singly):
        try:
            page = read_page(
                ctx.client, endpoints.conversations_of(reservation_id), endpoints.WITH_RESOURCES, ctx.resource
            )
        except HostawayNotFound:
            # Deleted since: the next full sync marks it.
            continue
        ctx.land([Fetched(page.rows, page.requested_at)])
        ctx.report_progress(ctx.counts.seen)
    return MissingRows()
