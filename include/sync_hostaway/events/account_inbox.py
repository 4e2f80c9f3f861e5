"""The inbox seen from a drain: whose events are due, and what became of them.

One drain serves an account at a time. It holds an advisory lock, which ends with its connection, and no row of the
inbox: the receiver counts a repeated delivery in its row and must not wait. So a drain that is killed at any point
leaves its events as they were, for the next one to find.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.resources import Resource
from sync_hostaway.events.parse import MESSAGE, RESERVATION
from sync_hostaway.events.refetch import FetchRequest
from sync_hostaway.events.reservation_nights import DateRange

_QUERIES = load_queries(Path(__file__).with_name("account_inbox.sql"))

# Pauses of 1, 2, 4 … s up to ten minutes: an event gives up after two hours.
_MOST_ATTEMPTS, _LONGEST_PAUSE = 20, 600.0


@dataclass(frozen=True)
class DueEvent:
    """A due event.

    :param not_found_count: how often Hostaway did not have its object.
    """

    event_id: int
    event: str | None
    object: str | None
    object_id: int | None
    conversation_id: int | None
    reservation_id: int | None
    times_received: int
    received_at: datetime
    not_found_count: int
    unread_nights: list[tuple[int, str, str]]

    @property
    def date_ranges(self) -> set[DateRange]:
        """Calendar days that an earlier try could not read."""
        return {
            (listing, date.fromisoformat(start), date.fromisoformat(end)) for listing, start, end in self.unread_nights
        }

    @property
    def fetch_request(self) -> FetchRequest | None:
        """What to read; None when the event does not lead to it."""
        if self.object == RESERVATION and self.object_id:
            return FetchRequest(Resource.RESERVATIONS, self.object_id)
        if self.object == MESSAGE and self.conversation_id:
            return FetchRequest(Resource.CONVERSATIONS, self.conversation_id)
        if self.object == MESSAGE and self.reservation_id:
            return FetchRequest(Resource.CONVERSATIONS, self.reservation_id, of_reservation=True)
        return None

    @property
    def entity(self) -> tuple[Resource, str]:
        """The landed row it is about."""
        return Resource.RESERVATIONS if self.object == RESERVATION else Resource.MESSAGES, str(self.object_id)


def due_accounts(connection: Connection, busy: Collection[int]) -> list[int]:
    """Active accounts with due events, who has waited longest first.

    :param busy: accounts to leave out.
    """
    return [row["account_id"] for row in connection.execute(_QUERIES["due_accounts"], {"busy": list(busy)})]


def seconds_until_due(connection: Connection, busy: Collection[int] = ()) -> float:
    """How long until the next event of an active account is due; infinite when none is pending.

    Below zero when one is due already: so long it has been waiting.

    :param busy: accounts to leave out.
    """
    seconds = fetch_value(connection, _QUERIES["seconds_until_due"], {"busy": list(busy)})
    return float("inf") if seconds is None else float(seconds)


def has_pending_delta_loads(connection: Connection) -> bool:
    """Whether what some drain has landed waits for its transform."""
    return bool(fetch_value(connection, _QUERIES["has_pending_delta_loads"]))


class AccountInbox:
    """Events of one account, as one run sees them."""

    def __init__(self, connection: Connection, account_id: int, run_key: str) -> None:
        self._connection = connection
        self._params = {"account_id": account_id, "run_key": run_key}

    def due(self, limit: int) -> list[DueEvent]:
        """Due events, those that have waited longest first."""
        rows = self._connection.execute(_QUERIES["due_events"], {**self._params, "limit": limit})
        return [DueEvent(**row) for row in rows]

    def finish(
        self, events: Sequence[DueEvent], state: str, reason: str | None = None, load: int | None = None
    ) -> list[DueEvent]:
        """End events, and give those that have ended: what came once more meanwhile stays pending.

        :param load: the one that brought their row.
        """
        ended = self._execute(
            "finish",
            state=state,
            reason=reason,
            event_ids=[event.event_id for event in events],
            times_received=[event.times_received for event in events],
            load_id=load,
        )
        numbers = {row["event_id"] for row in ended}
        return [event for event in events if event.event_id in numbers]

    def fail(self, events: Sequence[DueEvent], reason: str, *, not_found: bool = False) -> None:
        """Try events again later, each after a longer pause than the last time; or give them up, and want a sync.

        :param not_found: Hostaway does not have what they are about.
        """
        self._execute(
            "fail",
            reason=reason,
            not_found=not_found,
            event_ids=[event.event_id for event in events],
            most_attempts=_MOST_ATTEMPTS,
            longest=_LONGEST_PAUSE,
        )

    def save_unread_nights(self, events: Sequence[DueEvent], days: Sequence[FetchRequest]) -> None:
        """Note calendar days that could not be read: once the reservation has landed, nobody knows its old nights."""
        self._execute(
            "save_unread_nights",
            event_ids=[event.event_id for event in events],
            unread_nights=Jsonb([[need.id, str(need.start), str(need.end)] for need in days]),
        )

    def postpone_account(self, seconds: float, reason: str) -> None:
        """Let the whole account wait: nothing is wrong with its events."""
        self._execute("postpone_account", seconds=seconds, reason=reason)

    def _execute(self, query: str, **params: Any) -> Cursor[DictRow]:
        return self._connection.execute(_QUERIES[query], {**self._params, **params})
