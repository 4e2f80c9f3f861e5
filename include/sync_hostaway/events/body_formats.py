"""Reads posted bodies that are not one JSON document.

These are several documents in sequence, a document with other text around it, percent-encoded JSON, forms and
multipart.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from sync_hostaway.core.exceptions import HostawayMalformedReply
from sync_hostaway.hostaway.responses import decode, decode_at, storable

# Maximum number of encodings and wrappers around an object.
LAYERS = 8
_FIELDS = 1000
# After so many beginnings that are not a document, no more are tried: each may take as long as the whole body.
_FAILURES = 20
_PARTS = re.compile(r"[^\[\]]+")
# JSON in Base64, as brokers such as Google's Pub/Sub send it: the first letter is that of `{`, `[` or a quote.
_BASE64 = re.compile(r"\s*[eWI][\w+/\s-]{7,}=*\s*", re.ASCII)
_PERCENT_ENCODED = re.compile(r"\s*%(?:7B|5B|22)", re.IGNORECASE)
# Where a document may begin: anywhere for the first one; after an unreadable one, at the beginning of a line. An
# indented line may be a part of the unreadable document.
_ANYWHERE = re.compile(r'\{|\[\s*[\[{"]|"[\\"\s]{0,40}[\[{]')
_NEW_LINE = re.compile(r'(?<=[\n\x1e\0])(?:data:[ \t]*)?(?=[\[{"])')
_PART_NAME = re.compile(rb'[;\s]name="?([^";\n]+)')
# A line that begins an object; a relay may write braces elsewhere.
_OBJECT = re.compile(r'^\{\s*"', re.MULTILINE)
_MULTIPART = re.compile(rb"\s*--([^\s\"]{1,70})[ \t]*\r?\n(?=content-)", re.IGNORECASE)


def parse_nested_json(value: Any) -> Any:
    """A value in which each text that is JSON is replaced by this JSON, and each array of one item by the item."""
    for _ in range(LAYERS):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
            continue
        if not isinstance(value, str):
            break
        text = unquote_plus(value) if _PERCENT_ENCODED.match(value) else _decode_base64(value)
        if not text.lstrip().startswith(("{", "[", '"')):
            break
        try:
            value = decode(text.encode())
        except (HostawayMalformedReply, UnicodeEncodeError):
            if text == value:
                break
            value = text
    return value


def read_formats(body: bytes) -> Any:
    """The content of a body that is not one JSON document; None if no part of it can be read.

    :param body: in UTF-8, and not compressed.
    """
    if boundary := _MULTIPART.match(body):
        return _nested(_multipart_fields(body, boundary[1]))
    received = _decode_text(body)
    text = _decode_base64(received)
    if text != received:
        return _documents(text)
    if _PERCENT_ENCODED.match(text):
        text = unquote_plus(text)
    # JSON may contain text that looks like a form, such as the query of a URL.
    is_json = text.lstrip("\ufeff\x1e\0 \t\r\n").startswith(("{", "["))
    return _documents(text) if is_json else (_parse_form(body) or _documents(text))


def _documents(text: str) -> Any:
    """The JSON documents in a text: the document if there is only one, else a list.

    The list ends with the unreadable text, if this may contain documents, too.
    """
    found: list[Any] = []
    rest: list[str] = []
    place, beginning = 0, _ANYWHERE
    failures = 0
    while failures < _FAILURES and (start := beginning.search(text, place)):
        begin = start.end() if beginning is _NEW_LINE else start.start()
        rest.append(text[place:begin])
        try:
            value, place = decode_at(text, begin)
            value = parse_nested_json(value)
            if isinstance(value, dict | list):
                found.append(value)
            beginning = _ANYWHERE
        except HostawayMalformedReply:
            rest.append(text[begin : begin + 1])
            place, beginning = begin + 1, _NEW_LINE
            failures += 1
    unread = "".join([*rest, text[place:]])
    if not found:
        return None
    if "{" in unread if len(found) > 1 else _OBJECT.search(unread):
        return [*found, storable(unread)]
    return found if len(found) > 1 else found[0]


def _parse_form(body: bytes) -> Any:
    try:
        fields = parse_qsl(body.decode(), strict_parsing=True, max_num_fields=_FIELDS)
    except ValueError:
        return None
    # Names have no quotes. Quotes show that this is JSON, in which the query of a URL looks like a field.
    return None if any('"' in name for name, _ in fields) else _nested(fields)


def _multipart_fields(body: bytes, boundary: bytes) -> list[tuple[str, str]]:
    """Name and value of each part; parts without a name are numbered, as the items of an array."""
    fields = []
    for number, part in enumerate(body.split(b"--" + boundary)[1 : _FIELDS + 1]):
        head, blank_line, content = part.replace(b"\r\n", b"\n").partition(b"\n\n")
        if blank_line:
            name = _PART_NAME.search(head)
            fields.append(
                ((name[1] if name else b"%d" % number).decode("utf-8", "replace"), _decode_text(content).strip())
            )
    return fields


def _decode_base64(text: str) -> str:
    """The JSON that a text contains in Base64; another text stays as it is."""
    if not _BASE64.fullmatch(text):
        return text
    letters = "".join(text.split()).rstrip("=")
    try:
        decoded = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text
    return decoded if decoded.startswith(("{", "[", '"')) else text


def _decode_text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _nested(fields: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
    """The fields of a form, `data[id]=5` as PHP nests them; None when there are none."""
    if not fields:
        return None
    form: dict[str, Any] = {}
    for name, value in fields:
        *outer, last = _PARTS.findall(name) or [name]
        place: Any = form
        for part in outer[:LAYERS]:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[last] = parse_nested_json(value)
    # %00 and the like
    stored: dict[str, Any] = storable(form)
    return stored
