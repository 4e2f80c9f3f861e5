"""A poll of an account: three calls show the changes, and each change becomes an event of the inbox.

From there on, the events are processed as those of a webhook: `hostaway_delta` reads, lands and transforms their
objects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from sync_hostaway.accounts.registry import get_account
from sync_hostaway.core.db import Connection, advisory_lock, load_queries
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events.parse import MESSAGE, RESERVATION
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.extract.head_store import HeadStore, PollState
from sync_hostaway.extract.heads import (
    MESSAGE_LISTS,
    Head,
    HeadList,
    HeadReader,
    Movement,
    look_alike,
)
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.values import as_timestamp

log = structlog.get_logger(__name__)

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
# The interval for accounts that are read by their lists.
_LISTS_EVERY = timedelta(hours=1)
_LISTS = (Resource.RESERVATIONS, Resource.CONVERSATIONS, Resource.MESSAGES)
# The server's sort order is checked once a day.
_SORT_CHECK_INTERVAL = timedelta(days=1)
# Stamps have whole seconds, and requests take time.
_CLOCK_MARGIN = timedelta(seconds=3)


@dataclass
class AccountPoll:
    """The result of a poll of one account.

    :param calls: to Hostaway.
    :param events: put into the inbox.
    :param landed: rows that a read of the lists landed, if the heads are not used.
    :param method: `heads`, `list`, or `skipped` if another process polls the account.
    """

    account_id: int
    calls: int = 0
    events: int = 0
    landed: int = 0
    method: str = "heads"
    error: str | None = None


def due_accounts(
    connection: Connection, every: timedelta, account_ids: Iterable[int] | None = None, *, within: float = 0.0
) -> list[int]:
    """Ids of the accounts to poll, those that waited longest first.

    These are the active accounts after their first complete sync whose webhook is not registered or not healthy. The
    account option `polling` may change this.

    :param every: how often each account is polled.
    :param account_ids: only these accounts.
    :param within: also accounts that become due within so many seconds.
    """
    chosen = None if account_ids is None else list(account_ids)
    params = {
        "interval": every,
        "account_ids": chosen,
        "polling": get_settings().polling,
        "within": timedelta(seconds=within),
    }
    return [row["account_id"] for row in connection.execute(_QUERIES["due_accounts"], params)]


def poll_account(connection: Connection, client: HostawayClient, run_key: str) -> AccountPoll:
    """Poll one account. The changes are in the inbox when this returns.

    :param run_key: stored with the rows of a read of the lists.
    :raises HostawayError: when Hostaway does not answer as it should; the next poll finds the same changes.
    """
    poll = AccountPoll(client.account_id)
    with advisory_lock(connection, "poll", client.account_id, wait=False) as is_ours:
        if not is_ours:
            poll.method = "skipped"
            return poll
        store = HeadStore(connection, client.account_id)
        state = store.state()
        heads: Mapping[HeadList, Head] | None = {}
        if client.settings.polling != "list" and state.uses_heads:
            if state.method == "list":
                with connection.transaction():
                    store.use_heads()
            heads = _Poll(connection, client, store, state).run(poll)
        if heads is not None and _read_lists(connection, store, run_key, poll, replaces_heads=not heads):
            # They were read before the lists: the next comparison shows what the lists may have missed.
            with connection.transaction():
                store.take(heads, anyway=True)
    return poll


def note_failure(connection: Connection, account_id: int, error: str) -> None:
    """Store why a poll failed."""
    connection.execute(_QUERIES["poll_failed"], {"account_id": account_id, "error": error})


class _Poll:
    """One read of the heads."""

    def __init__(self, connection: Connection, client: HostawayClient, store: HeadStore, state: PollState) -> None:
        self._connection = connection
        self._client = client
        self._store = store
        self._state = state
        self._reader = HeadReader(client)
        self._params = {"account_id": client.account_id}

    def run(self, poll: AccountPoll) -> Mapping[HeadList, Head] | None:
        """Put an event into the inbox for each change; None if the heads show every change.

        Otherwise the lists have to be read, and these heads are kept after that: none if they cannot be relied on.
        """
        requested_at = self._client.now()
        bases = self._store.bases()
        heads = {which: self._reader.read(which, bases.get(which)) for which in self._lists}
        disorder = self._disorder(heads)
        poll.calls = self._client.stats.calls
        with self._connection.transaction():
            if disorder:
                self._store.take({})
                self._store.use_list(disorder)
                return {}
            movements = self._store.take(heads)
            whole = {which: movement for which, movement in movements.items() if movement.is_whole}
            # What a head shows only in part, the lists show completely: no event for each of its rows.
            poll.events = self._put_events(heads, whole, requested_at)
            if len(whole) < len(heads):
                return heads
            self._connection.execute(_QUERIES["was_polled"], self._params)
        return None

    @property
    def _lists(self) -> list[HeadList]:
        mirrored = self._client.settings.resources
        changed = [HeadList.CHANGED] if Resource.RESERVATIONS in mirrored else []
        return [*changed, *(MESSAGE_LISTS if Resource.CONVERSATIONS in mirrored else ())]

    def _disorder(self, heads: Mapping[HeadList, Head]) -> str | None:
        """Why the heads cannot be relied on; None if they can."""
        if self._reader.has_changes_in_disorder():
            return "reservations do not come newest change first"
        seen_at = self._state.sort_seen_at
        if not look_alike(heads) or (seen_at and datetime.now(UTC) - seen_at < _SORT_CHECK_INTERVAL):
            return None
        if self._reader.ignores_sort():
            return "Hostaway ignores the sort order by messages"
        self._store.sort_was_seen()
        return None

    def _put_events(
        self, heads: Mapping[HeadList, Head], movements: Mapping[HeadList, Movement], requested_at: datetime
    ) -> int:
        changed = movements.get(HeadList.CHANGED, Movement()).moved
        stamps = {row.id: as_timestamp(row.updated_on) for row in changed}
        put = 0
        if changed:
            skew = requested_at - heads[HeadList.CHANGED].observed_at + _CLOCK_MARGIN
            params = {"reservation_ids": list(stamps), "updated_on": list(stamps.values()), "skew": skew}
            rows = self._connection.execute(_QUERIES["not_landed"], {**self._params, **params})
            put += self._put("reservation.polled", RESERVATION, heads, [row["reservation_id"] for row in rows])
        with_message = {row.id for which in MESSAGE_LISTS if which in movements for row in movements[which].moved}
        return put + self._put("messages.polled", MESSAGE, heads, sorted(with_message))

    def _put(self, event: str, kind: str, heads: Mapping[HeadList, Head], ids: list[int]) -> int:
        # The same change, stored twice, is one event; a later change is another one.
        moment = max(head.observed_at for head in heads.values()).isoformat()
        hashes = [hashlib.sha256(f"{event} {number} {moment}".encode()).digest() for number in ids]
        params: dict[str, Any] = {"event": event, "object": kind, "reservation_ids": ids, "content_hashes": hashes}
        return self._connection.execute(_QUERIES["put_events"], {**self._params, **params}).rowcount


def _read_lists(
    connection: Connection, store: HeadStore, run_key: str, poll: AccountPoll, *, replaces_heads: bool
) -> bool:
    """Read the account as an incremental sync does; returns whether that was done without an error.

    If a sync is running, this returns without waiting: the sync reads the same rows.

    :param replaces_heads: whether the heads cannot be used; then this is done once an hour.
    """
    poll.method = "list"
    state = store.state()
    # After an error, too: each poll would repeat the read otherwise.
    is_hourly = replaces_heads or state.error is not None
    if is_hourly and state.listed_at and datetime.now(UTC) - state.listed_at < _LISTS_EVERY:
        return False
    with advisory_lock(connection, f"sync {Resource.CONVERSATIONS}", poll.account_id, wait=False) as is_ours:
        if not is_ours:
            return False
        lists = set(_LISTS) & set(get_account(connection, poll.account_id).settings.resources)
        if not store.has_conversations():
            # The first read of them takes hours, and belongs to a sync.
            lists.discard(Resource.CONVERSATIONS)
            lists.discard(Resource.MESSAGES)
        results = sync_account(connection, poll.account_id, Mode.INCREMENTAL, lists, run_key=run_key)
    poll.calls += sum(result.api_calls for result in results)
    poll.landed += sum(result.counts.new + result.counts.changed + result.counts.deleted for result in results)
    poll.error = next((result.error for result in results if result.error), None)
    with connection.transaction():
        store.take({})
        connection.execute(_QUERIES["lists_were_read"], {"account_id": poll.account_id, "error": poll.error})
    return not any(result.has_failed for result in results)
