"""Reads the object in a posted body, in any encoding and wrapper.

Hostaway posts JSON. Proxies, relays or changes at Hostaway may compress it, change its encoding, put it into a form
field, encode it twice, or put it into another object. `body_formats` reads bodies that are not JSON.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from sync_hostaway.core.exceptions import HostawayMalformedReply
from sync_hostaway.events.body_formats import LAYERS, parse_nested_json, read_formats
from sync_hostaway.hostaway.responses import decode
from sync_hostaway.hostaway.values import as_list

# The first bytes of gzip, and of zlib, which HTTP calls deflate.
_COMPRESSED = (b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
# Maximum size in bytes of an unpacked body.
_LONGEST = 8 * 1024 * 1024
_WRAPPERS = ("payload", "data", "detail")
# An object may have such fields as well: they are wrappers only if the outer object has no id.
_WRAPPERS_WITHOUT_IDS = (
    *("body", "event", "object", "result", "content", "entity", "events"),
    *("reservation", "conversationmessage", "message"),
)
_NAMES = ("event", "eventname", "eventtype")
_KINDS = ("object", "objecttype", "entitytype")
_IDS = frozenset({"id", "conversationid", "reservationid"})


@dataclass(frozen=True)
class UnwrappedObject:
    """An object without its wrappers, and the names that these give it.

    :param event: such as `reservation.updated`.
    :param kind: such as `reservation`.
    """

    data: dict[str, Any]
    event: str | None
    kind: str | None


def decode_body(body: bytes) -> Any:
    """The content of a body as JSON values.

    :raises HostawayMalformedReply: when no part of it can be read.
    """
    plain = _to_utf8(_decompress(body))
    try:
        content = decode(plain)
    except HostawayMalformedReply:
        content = read_formats(plain)
        if content is None:
            raise
    return parse_nested_json(content)


def batch_items(content: Any) -> list[Any] | None:
    """The events of a batch: an array, or an envelope whose `data`, `payload` or `events` is one."""
    # PHP writes an array with gaps as an object.
    if items := as_list(content):
        return [parse_nested_json(item) for item in items]
    if isinstance(content, dict):
        for key, value in content.items():
            is_wrapper = len(content) == 1 or normalize_name(key) in (*_WRAPPERS, "events")
            items = as_list(parse_nested_json(value)) if is_wrapper else None
            if items:
                return [
                    {**content, key: item} if normalize_name(key) in _WRAPPERS else parse_nested_json(item)
                    for item in items
                ]
    return None


def unwrap(content: dict[str, Any]) -> UnwrappedObject:
    """The object in a content, and the names in its wrappers; the innermost name counts."""
    event = kind = None
    data = content
    for _ in range(LAYERS):
        event, kind = _text(data, _NAMES) or event, _text(data, _KINDS) or kind
        key, inner = _inner(data)
        if inner is None:
            break
        kind = kind or (key if key in ("reservation", "conversationmessage") else None)
        data = inner
    return UnwrappedObject(data, event, kind)


def normalize_name(name: str) -> str:
    """A name without case and separators: `conversation_message`, `ConversationMessage` → `conversationmessage`."""
    return "".join(character for character in name.casefold() if character.isalnum())


def _inner(data: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    values = {normalize_name(key): value for key, value in data.items()}
    wrappers = _WRAPPERS if _IDS & set(values) else (*_WRAPPERS, *_WRAPPERS_WITHOUT_IDS)
    # A key with any name is a wrapper if it holds one object and is the only key.
    for key in values if len(values) == 1 else wrappers:
        inner = parse_nested_json(values.get(key))
        if isinstance(inner, dict) and inner:
            return key, inner
    return "", None


def _text(data: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next(
        (value for key, value in data.items() if normalize_name(key) in names and isinstance(value, str) and value),
        None,
    )


def _decompress(body: bytes) -> bytes:
    if not body.startswith(_COMPRESSED):
        return body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = unpacker.decompress(body, _LONGEST)
    except zlib.error:
        return body
    return plain if unpacker.eof else body


def _to_utf8(body: bytes) -> bytes:
    encoding = json.detect_encoding(body)
    if encoding == "utf-8":
        return body
    try:
        return body.decode(encoding).encode()
    except UnicodeError:
        return body
