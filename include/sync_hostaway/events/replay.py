"""Shows, replays and discards events. Used by the command line and the HTTP API."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.events.parse import EventState, parse_events

_QUERIES = load_queries(Path(__file__).with_name("replay.sql"))


@dataclass(frozen=True)
class EventFilter:
    """Which events; None: any.

    :param since: received at or after.
    :param object: kind of object, such as `reservation`.
    :raises InvalidValue: when a criterion is empty: it could mean no event, or any event.
    """

    account_id: int | None = None
    states: tuple[EventState, ...] | None = None
    since: datetime | None = None
    object: str | None = None
    object_id: int | None = None
    event_ids: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value == () or (isinstance(value, str) and not value.strip()):
                raise InvalidValue(f"{name.removesuffix('s')} is empty: give a value, or leave it out")

    def require_criterion(self, everything: bool) -> EventFilter:
        """The filter itself, after a check that it is intended.

        :param everything: whether to use every event of every account.
        :raises InvalidValue: when neither a criterion nor `everything` is given, or both are.
        """
        if (self == EventFilter()) is not everything:
            raise InvalidValue(
                "Name the events by ids, account, state, since or object, or choose all events; not both"
            )
        return self

    @classmethod
    def parse_object(cls, text: str) -> dict[str, Any]:
        """The fields `object` and `object_id` from text such as "reservation:123", "reservation" or "123".

        :raises InvalidValue: when there is no id where one is expected, or it is no number.
        """
        kind, colon, number = text.strip().rpartition(":")
        if not colon and not number.isdecimal():
            kind, number = number, ""
        is_number = number.isdecimal() and number.isascii() and len(number) < 19
        if (colon and not kind) or (number and not is_number) or not (is_number or (kind and not colon)):
            raise InvalidValue(f"{text!r} names no object; use reservation:123, reservation or 123")
        return {"object": kind or None, "object_id": int(number) if number else None}


def list_events(connection: Connection, event_filter: EventFilter, limit: int) -> list[dict[str, Any]]:
    """Events without their bodies, newest first."""
    query = _QUERIES["list_events"].format(matches_filter=_QUERIES["matches_filter"])
    return list(connection.execute(query, {**_params(event_filter), "limit": limit}))


def get_event(connection: Connection, event_id: int) -> dict[str, Any]:
    """One event with its body.

    :raises InvalidValue: when there is none of that id.
    """
    row = connection.execute(_QUERIES["get_event"], {"event_id": event_id}).fetchone()
    if row is None:
        raise InvalidValue(f"There is no webhook event {event_id}. It may be older than the retention")
    return row


def replay(connection: Connection, event_filter: EventFilter) -> int:
    """Set events to pending, with all their attempts; returns how many.

    Unreadable and ignored events are parsed again; they do not change if no object is found.
    """
    query = _QUERIES["replay"].format(matches_filter=_QUERIES["matches_filter"])
    with connection.transaction():
        return connection.execute(query, _params(event_filter)).rowcount + _parse_again(connection, event_filter)


def discard(connection: Connection, event_filter: EventFilter) -> int:
    """Set pending and dead events to discarded: they are never processed. Returns how many."""
    query = _QUERIES["discard"].format(matches_filter=_QUERIES["matches_filter"])
    return connection.execute(query, _params(event_filter)).rowcount


def _parse_again(connection: Connection, event_filter: EventFilter) -> int:
    query = _QUERIES["unparsed_bodies"].format(matches_filter=_QUERIES["matches_filter"])
    understood, after = 0, 0
    while rows := connection.execute(query, {**_params(event_filter), "after": after}).fetchall():
        for row in rows:
            # One row is one event: a batch that was stored as one row is not split.
            event, *others = parse_events(row["body"])
            if event.state == EventState.PENDING and not others:
                params = {**asdict(event), "event_id": row["event_id"]}
                understood += connection.execute(_QUERIES["mark_parsed"], params).rowcount
        after = rows[-1]["event_id"]
    return understood


def _params(event_filter: EventFilter) -> dict[str, Any]:
    return {
        **asdict(event_filter),
        "states": [state.value for state in event_filter.states] if event_filter.states else None,
        "event_ids": list(event_filter.event_ids) if event_filter.event_ids is not None else None,
    }
