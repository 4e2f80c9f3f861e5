"""Shows, replays and discards events. The command line and the HTTP API only call this."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.events.parse import State, read_events

_QUERIES = load_queries(Path(__file__).with_name("replay.sql"))


@dataclass(frozen=True)
class EventFilter:
    """Which events; None: any.

    :param since: received at or after.
    :param object: kind of object, such as `reservation`.
    :raises InvalidValue: when a criterion is given but empty: it would choose no event, or be taken for "any".
    """

    account_id: int | None = None
    states: tuple[State, ...] | None = None
    since: datetime | None = None
    object: str | None = None
    object_id: int | None = None
    event_ids: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value == () or (isinstance(value, str) and not value.strip()):
                raise InvalidValue(f"{name.removesuffix('s')} is empty: give a value, or leave it out")

    def meant(self, everything: bool) -> EventFilter:
        """The filter, for something to be done with its events.

        :param everything: whether every event of every account is meant.
        :raises InvalidValue: when neither a criterion nor `everything` is given, or both are.
        """
        if (self == EventFilter()) is not everything:
            raise InvalidValue(
                "Say which events: ids, account, state, since or object; or say that all are meant, not both"
            )
        return self

    @classmethod
    def about(cls, text: str) -> dict[str, Any]:
        """The fields `object` and `object_id` from text such as "reservation:123", "reservation" or "123".

        :raises InvalidValue: when there is no id where one is expected, or it is no number.
        """
        kind, colon, number = text.strip().rpartition(":")
        if not colon and not number.isdecimal():
            kind, number = number, ""
        is_number = number.isdecimal() and number.isascii() and len(number) < 19
        if (colon and not kind) or (number and not is_number) or not (is_number or (kind and not colon)):
            raise InvalidValue(f"{text!r} names no object; it looks like reservation:123, reservation or 123")
        return {"object": kind or None, "object_id": int(number) if number else None}


def list_events(connection: Connection, wanted: EventFilter, limit: int = 50) -> list[dict[str, Any]]:
    """Events without their bodies, newest first."""
    query = _QUERIES["list_events"].format(chosen=_QUERIES["chosen"])
    return list(connection.execute(query, {**_params(wanted), "limit": limit}))


def get_event(connection: Connection, event_id: int) -> dict[str, Any]:
    """One event with its body.

    :raises InvalidValue: when there is none of that id.
    """
    row = connection.execute(_QUERIES["get_event"], {"event_id": event_id}).fetchone()
    if row is None:
        raise InvalidValue(f"There is no webhook event {event_id}; it may be older than the retention")
    return row


def replay(connection: Connection, wanted: EventFilter) -> int:
    """Have events served again, from their first attempt; returns how many.

    Those that could not be read are read again, and stay as they are when that does not help.
    """
    query = _QUERIES["replay"].format(chosen=_QUERIES["chosen"])
    with connection.transaction():
        return connection.execute(query, _params(wanted)).rowcount + _read_again(connection, wanted)


def discard(connection: Connection, wanted: EventFilter) -> int:
    """Have events that wait or are dead never served; returns how many."""
    query = _QUERIES["discard"].format(chosen=_QUERIES["chosen"])
    return connection.execute(query, _params(wanted)).rowcount


def _read_again(connection: Connection, wanted: EventFilter) -> int:
    query = _QUERIES["read_again"].format(chosen=_QUERIES["chosen"])
    understood, after = 0, 0
    while rows := connection.execute(query, {**_params(wanted), "after": after}).fetchall():
        for row in rows:
            # A batch that an older version kept whole stays so: one row is one event.
            event, *others = read_events(row["body"])
            if event.state == State.PENDING and not others:
                params = {**asdict(event), "event_id": row["event_id"]}
                understood += connection.execute(_QUERIES["understand"], params).rowcount
        after = rows[-1]["event_id"]
    return understood


def _params(wanted: EventFilter) -> dict[str, Any]:
    return {
        **asdict(wanted),
        "states": [state.value for state in wanted.states] if wanted.states else None,
        "event_ids": list(wanted.event_ids) if wanted.event_ids is not None else None,
    }
