"""The inbox as the worker uses it: due events per account, and the results of processing them.

One worker at a time processes the events of an account. It holds an advisory lock, which ends with its connection, and
locks no row of the inbox, because the receiver updates these rows and must not wait. A worker that is killed leaves its
events unchanged for the next one.
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
# For the receiver, which uses asynchronous connections.
HAS_PENDING_DELTA_LOADS_QUERY = _QUERIES["has_pending_delta_loads"]

# Pauses of 1, 2, 4 … s up to ten minutes: an event is dead after about two hours.
_MOST_ATTEMPTS, _LONGEST_PAUSE = 20, 600.0


@dataclass(frozen=True)
class DueEvent:
    """A due event.

    :param not_found_count: attempts in which Hostaway did not have the object.
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
        """Calendar days that an earlier attempt could not read."""
        return {
            (listing, date.fromisoformat(start), date.fromisoformat(end)) for listing, start, end in self.unread_nights
        }

    @property
    def fetch_request(self) -> FetchRequest | None:
        """The request for its object; None when the event names no object."""
        if self.object == RESERVATION and self.object_id:
            return FetchRequest(Resource.RESERVATIONS, self.object_id)
        if self.object == MESSAGE and self.conversation_id:
            return FetchRequest(Resource.CONVERSATIONS, self.conversation_id)
        if self.object == MESSAGE and self.reservation_id:
            return FetchRequest(Resource.CONVERSATIONS, self.reservation_id, of_reservation=True)
        return None

    @property
    def names_no_message(self) -> bool:
        """Whether it names a reservation whose conversations may have new messages, as events of polls do."""
        return self.object == MESSAGE and not self.object_id

    @property
    def entity(self) -> tuple[Resource, str]:
        """Resource and entity id of its row in landing."""
        return Resource.RESERVATIONS if self.object == RESERVATION else Resource.MESSAGES, str(self.object_id)


def due_accounts(connection: Connection, busy: Collection[int]) -> list[int]:
    """Active accounts with due events, longest wait first.

    :param busy: accounts to leave out.
    """
    return [row["account_id"] for row in connection.execute(_QUERIES["due_accounts"], {"busy": list(busy)})]


def seconds_until_due(connection: Connection, busy: Collection[int] = ()) -> float:
    """Seconds until the next event of an active account is due; infinite when none is pending.

    A negative value is the time for which an event has been due.

    :param busy: accounts to leave out.
    """
    seconds = fetch_value(connection, _QUERIES["seconds_until_due"], {"busy": list(busy)})
    return float("inf") if seconds is None else float(seconds)


def has_pending_delta_loads(connection: Connection) -> bool:
    """Whether loads of a delta are not transformed yet."""
    return bool(fetch_value(connection, HAS_PENDING_DELTA_LOADS_QUERY))


class AccountInbox:
    """Events of one account in one run.

    :param run_key: stored with each event that the run processes.
    """

    def __init__(self, connection: Connection, account_id: int, run_key: str) -> None:
        self._connection = connection
        self._params = {"account_id": account_id, "run_key": run_key}

    def due(self, limit: int) -> list[DueEvent]:
        """Due events, longest wait first."""
        rows = self._connection.execute(_QUERIES["due_events"], {**self._params, "limit": limit})
        return [DueEvent(**row) for row in rows]

    def finish(
        self, events: Sequence[DueEvent], state: str, reason: str | None = None, load: int | None = None
    ) -> list[DueEvent]:
        """End events and return those that ended. An event that was received again in the meantime stays pending.

        :param load: id of the load that wrote their row; None: the row was unchanged.
        """
        ended = self._execute(
            "finish",
            state=state,
            reason=reason,
            event_ids=[event.event_id for event in events],
            times_received=[event.times_received for event in events],
            load_id=load,
        )
        ended_ids = {row["event_id"] for row in ended}
        return [event for event in events if event.event_id in ended_ids]

    def fail(self, events: Sequence[DueEvent], reason: str, *, not_found: bool = False) -> None:
        """Schedule another attempt after a growing pause; after the last attempt, end the events and request a sync.

        :param not_found: Hostaway does not have their object.
        """
        self._execute(
            "fail",
            reason=reason,
            not_found=not_found,
            event_ids=[event.event_id for event in events],
            most_attempts=_MOST_ATTEMPTS,
            longest=_LONGEST_PAUSE,
        )

    def save_unread_nights(self, events: Sequence[DueEvent], requests: Sequence[FetchRequest]) -> None:
        """Save calendar days that could not be read: after the reservation has landed, its old dates are lost."""
        self._execute(
            "save_unread_nights",
            event_ids=[event.event_id for event in events],
            unread_nights=Jsonb([[request.id, str(request.start), str(request.end)] for request in requests]),
        )

    def postpone_account(self, seconds: float, reason: str) -> None:
        """Postpone all pending events of the account. This is not counted as an attempt."""
        self._execute("postpone_account", seconds=seconds, reason=reason)

    def _execute(self, query: str, **params: Any) -> Cursor[DictRow]:
        return self._connection.execute(_QUERIES[query], {**self._params, **params})
