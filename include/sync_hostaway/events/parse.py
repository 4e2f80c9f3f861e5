"""Parses the bodies that Hostaway posts. An event only names an object to fetch again.

Hostaway's events have no signature and no number, and come twice and in any order. They have one of three forms:

    {"object": …, "event": …, "accountId": …, "data": {…}}
    {"payload": {"event": …, "data": {…}}}
    {…}                                                     the bare object

`bodies` reads other forms, such as batches and HTML forms.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sync_hostaway.core.exceptions import HostawayMalformedReply
from sync_hostaway.events.bodies import batch_items, decode_body, normalize_name, unwrap
from sync_hostaway.hostaway.responses import decode
from sync_hostaway.hostaway.values import as_id

RESERVATION = "reservation"
MESSAGE = "conversationMessage"

TEST_REQUEST_SIZE = 1024
"""Longest body in bytes that can be a registration's test request."""

# Hostaway's objects are five levels deep.
_DEPTH = 32
_NAME_LENGTH = 100
_NO_OBJECT = "a JSON object was expected"
# Names of kinds without case and separators.
_KINDS = {
    "reservation": RESERVATION,
    "reservations": RESERVATION,
    "conversationmessage": MESSAGE,
    "conversationmessages": MESSAGE,
    "message": MESSAGE,
}


class EventState(StrEnum):
    """The state of an event."""

    PENDING = "pending"
    DONE = "done"
    OBJECT_DELETED = "object_deleted"
    DEAD = "dead"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class ParsedEvent:
    """An event as the inbox stores it.

    :param state: pending; ignored for an unknown kind of object; unreadable when the body names no object.
    :param content_hash: equal for repeated deliveries of one event.
    :param reason: why it is not pending.
    """

    state: EventState
    content_hash: bytes
    body: bytes | None
    event: str | None = None
    object: str | None = None
    object_id: int | None = None
    conversation_id: int | None = None
    reservation_id: int | None = None
    reason: str | None = None


def parse_events(body: bytes) -> list[ParsedEvent]:
    """Parse a posted body: one event, or those of a batch. Never raises: an unreadable body is kept as received."""
    try:
        return _read(body)
    except (HostawayMalformedReply, RecursionError):
        return [_unreadable(body, f"neither JSON nor a form, or nested deeper than {_DEPTH} levels")]


def _read(body: bytes) -> list[ParsedEvent]:
    content = decode_body(body)
    if _is_deeper_than(content, _DEPTH):
        raise RecursionError
    batch = batch_items(content)
    if batch:
        found = [
            _event(item, _encode(item)) if isinstance(item, dict) else _unreadable(_encode(item), _NO_OBJECT)
            for item in batch
        ]
        if any(event.state == EventState.PENDING for event in found):
            return found
    if not isinstance(content, dict):
        return [_unreadable(body, _NO_OBJECT)]
    return [_event(content, body)]


def parse_event(body: bytes) -> ParsedEvent:
    """The event of a body, the first one of a batch."""
    return parse_events(body)[0]


def is_test_request(body: bytes) -> bool:
    """Whether this is a registration's test request, such as {"data":"test"}: it names neither event nor object."""
    if len(body) > TEST_REQUEST_SIZE:
        return False
    try:
        content = decode(body)
    except (HostawayMalformedReply, RecursionError):
        return False
    is_test = isinstance(content, dict) and isinstance(content.get("data"), str)
    return is_test and not {"event", "object"} & set(content) and parse_event(body).state != EventState.PENDING


def _unreadable(body: bytes, reason: str) -> ParsedEvent:
    return ParsedEvent(EventState.UNREADABLE, hashlib.sha256(body).digest(), body, reason=reason)


def _event(content: dict[str, Any], body: bytes) -> ParsedEvent:
    found = unwrap(content)
    name = found.event
    kind = _KINDS.get(normalize_name(found.kind or "")) or found.kind or _kind_of(name, found.data)
    data = {normalize_name(key): value for key, value in found.data.items()}
    object_id, conversation_id = as_id(data.get("id")), as_id(data.get("conversationid"))
    reservation_id = object_id if kind == RESERVATION else as_id(data.get("reservationid"))
    if kind == RESERVATION and "id" not in data:
        # An envelope that names the object and does not contain it
        object_id = reservation_id = as_id(data.get("reservationid") or data.get("objectid"))
    if kind not in (RESERVATION, MESSAGE):
        state, reason = EventState.IGNORED, f"objects of the kind {kind or 'that is not named'} are not processed"
    elif reservation_id or (kind == MESSAGE and conversation_id):
        state, reason = EventState.PENDING, None
    else:
        state, reason = EventState.UNREADABLE, f"the {kind} has no id by which it can be read"
    return ParsedEvent(
        state=state,
        content_hash=_hash(content),
        body=body,
        event=name and name[:_NAME_LENGTH],
        object=kind and kind[:_NAME_LENGTH],
        object_id=object_id,
        conversation_id=conversation_id,
        reservation_id=reservation_id,
        reason=reason,
    )


def _kind_of(event: str | None, data: dict[str, Any]) -> str | None:
    """The kind of an object that does not name it: from its event, or from fields that only this kind has."""
    subject = normalize_name((event or "").partition(".")[0])
    names = {normalize_name(key) for key in data}
    if subject in _KINDS:
        return _KINDS[subject]
    if "conversationid" in names:
        return MESSAGE
    if "arrivaldate" in names:
        return RESERVATION
    # such as reservation_updated, new-reservation, messageReceived
    words = normalize_name(event or "")
    return next((kind for name, kind in _KINDS.items() if name in words), None)


def _encode(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def _hash(content: dict[str, Any]) -> bytes:
    # The order of keys differs between deliveries of one event.
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).digest()


def _is_deeper_than(value: Any, levels: int) -> bool:
    nested = [value]
    for _ in range(levels + 1):
        nested = [
            child
            for item in nested
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return bool(nested)
