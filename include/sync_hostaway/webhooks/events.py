"""Reads what Hostaway posts. An event is a hint at an object: which one to fetch again, and no more.

Hostaway signs nothing, numbers nothing, sends things twice and in any order, and wraps the object in one of three ways:

    {"object": …, "event": …, "accountId": …, "data": {…}}
    {"payload": {"event": …, "data": {…}}}
    {…}                                                     the bare object
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sync_hostaway.exceptions import HostawayMalformedReply
from sync_hostaway.hostaway.replies import decode
from sync_hostaway.hostaway.values import as_id

RESERVATION = "reservation"
MESSAGE = "conversationMessage"

PROBE_SIZE = 1024
"""Longest body in bytes that can be a registration's test request."""

# Hostaway's objects are five levels deep.
_DEPTH = 32
_NAME_LENGTH = 100


class State(StrEnum):
    """What has become of an event."""

    PENDING = "pending"
    DONE = "done"
    GONE = "gone"
    DEAD = "dead"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class Event:
    """An event as the inbox keeps it.

    :param state: pending; ignored when nobody here knows such objects; unreadable when it leads to no object.
    :param content_hash: the same for everything Hostaway sends twice.
    :param reason: why it is not pending.
    """

    state: State
    content_hash: bytes
    body: bytes | None
    event: str | None = None
    object: str | None = None
    object_id: int | None = None
    conversation_id: int | None = None
    reservation_id: int | None = None
    reason: str | None = None


def read_event(body: bytes) -> Event:
    """Read a posted body. Never raises: what cannot be read is kept as it came."""
    try:
        content = decode(body)
        is_sound = not _deeper_than(content, _DEPTH)
    except (HostawayMalformedReply, RecursionError):
        is_sound = False
    if not is_sound or not isinstance(content, dict):
        why = "a JSON object was expected" if is_sound else f"not JSON, or nested deeper than {_DEPTH} levels"
        return Event(State.UNREADABLE, hashlib.sha256(body).digest(), body, reason=why)
    return _event(content, body)


def is_probe(body: bytes) -> bool:
    """Whether this is a registration's test request, such as {"data":"test"}: it names neither event nor object."""
    if len(body) > PROBE_SIZE:
        return False
    try:
        content = decode(body)
    except (HostawayMalformedReply, RecursionError):
        return False
    return isinstance(content, dict) and isinstance(content.get("data"), str) and not {"event", "object"} & set(content)


def _event(content: dict[str, Any], body: bytes) -> Event:
    envelope = content["payload"] if isinstance(content.get("payload"), dict) else content
    data = envelope["data"] if isinstance(envelope.get("data"), dict) else envelope
    name = _text(envelope.get("event")) or _text(content.get("event"))
    kind = _text(envelope.get("object")) or _text(content.get("object")) or _kind_of(name, data)
    object_id, conversation_id = as_id(data.get("id")), as_id(data.get("conversationId"))
    reservation_id = object_id if kind == RESERVATION else as_id(data.get("reservationId"))
    if kind not in (RESERVATION, MESSAGE):
        state, reason = State.IGNORED, f"nothing is done about objects of the kind {kind or 'that is not named'}"
    elif reservation_id or (kind == MESSAGE and conversation_id):
        state, reason = State.PENDING, None
    else:
        state, reason = State.UNREADABLE, f"the {kind} has no id that leads to it"
    return Event(
        state=state,
        content_hash=_hash(content),
        body=body,
        event=name,
        object=kind,
        object_id=object_id,
        conversation_id=conversation_id,
        reservation_id=reservation_id,
        reason=reason,
    )


def _kind_of(event: str | None, data: dict[str, Any]) -> str | None:
    """What an object is that nobody names: what its event is about, or what only such objects have."""
    subject = (event or "").partition(".")[0]
    if subject == "message" or "conversationId" in data:
        return MESSAGE
    if subject == "reservation" or "arrivalDate" in data:
        return RESERVATION
    return None


def _hash(content: dict[str, Any]) -> bytes:
    # The order of keys says nothing, and is not the same in every delivery of one event.
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).digest()


def _deeper_than(value: Any, levels: int) -> bool:
    nested = [value]
    for _ in range(levels + 1):
        nested = [
            child
            for item in nested
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return bool(nested)


def _text(value: Any) -> str | None:
    return value[:_NAME_LENGTH] if isinstance(value, str) and value else None
