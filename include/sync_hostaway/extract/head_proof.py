"""Checks the heads: a complete list shows the changes that they have missed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sync_hostaway.extract.context import SyncContext
from sync_hostaway.extract.head_store import QUERIES, HeadStore
from sync_hostaway.extract.heads import MESSAGE_LISTS, HeadList
from sync_hostaway.hostaway.values import as_timestamp

# Stamps have whole seconds, requests take time, and our clock differs from Hostaway's.
_MARGIN = timedelta(seconds=5)


def find_missed_messages(ctx: SyncContext, moved: Collection[int] = ()) -> None:
    """Count conversations with a message that the heads missed, after the whole list of conversations was read.

    The heads missed a message if it came while heads were read, and neither an event nor a sync has requested its
    conversation since. A message with the same date as a known one is not noticed.

    :param moved: reservations that this run has found by the heads.
    """
    store = HeadStore(ctx.connection, ctx.account_id)
    heads = store.load()
    if any(which not in heads for which in MESSAGE_LISTS):
        return
    params = {"account_id": ctx.account_id, "run_key": ctx.run_key}
    missed: list[tuple[int, int | None]] = []
    for row in ctx.connection.execute(QUERIES["newer_conversations"], params):
        if row["reservation_id"] in moved:
            continue
        for which, text in ((HeadList.RECEIVED, row["received_on"]), (HeadList.SENT, row["sent_on"])):
            came_at, head = as_timestamp(text), heads[which]
            if came_at is None or not head.since < came_at < head.head.observed_at - _MARGIN:
                continue
            is_known = text in (row["stamp"] or "").split("|") or (
                row["known_at"] and row["known_at"] > came_at - _MARGIN
            )
            if not is_known:
                missed.append((row["conversation_id"], row["reservation_id"]))
                break
    if missed:
        conversation, reservation = missed[0]
        _stop_using_heads(
            ctx, store, len(missed), f"conversations, such as {conversation} of reservation {reservation}"
        )


def find_missed_changes(ctx: SyncContext) -> None:
    """Count reservations whose change the heads missed, after the changed reservations, or all, were read."""
    store = HeadStore(ctx.connection, ctx.account_id)
    changed = store.load().get(HeadList.CHANGED)
    if changed is None:
        return
    params = {
        "account_id": ctx.account_id,
        "run_key": ctx.run_key,
        "since": changed.since,
        "until": changed.head.observed_at - _MARGIN,
        "ahead": changed.ahead + _MARGIN,
    }
    missed = ctx.connection.execute(QUERIES["newer_reservations"], params).fetchall()
    if missed:
        _stop_using_heads(ctx, store, len(missed), f"reservations, such as {missed[0]['reservation_id']}")


def _stop_using_heads(ctx: SyncContext, store: HeadStore, missed: int, what: str) -> None:
    found = f"the heads had missed {missed} {what}"
    ctx.remarks.append(f"{found}: lists are read in their place for a week")
    if store.state().uses_heads:
        store.use_list(found, missed)
