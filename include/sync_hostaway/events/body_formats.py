"""Reads what a posted body holds where it is not one JSON document.

Read are several documents in a row, a document with other text around it, percent-encoded JSON, forms and multipart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from sync_hostaway.core.exceptions import HostawayMalformedReply
from sync_hostaway.hostaway.responses import decode, decode_at, storable

# How often JSON is taken out of text, and an object out of a wrapper.
LAYERS = 8
_FIELDS = 1000
# Beginnings that are no document, after which no further one is tried: each may take as long as the whole body.
_FAILURES = 20
_PARTS = re.compile(r"[^\[\]]+")
_PERCENT_ENCODED = re.compile(r"\s*%(?:7B|5B|22)", re.IGNORECASE)
# Where a document may begin: anywhere for the first one, at the beginning of a line after one that could not be read.
# What is indented there may be a part of it.
_ANYWHERE = re.compile(r'\{|\[\s*[\[{"]|"[\\"\s]{0,40}[\[{]')
_NEW_LINE = re.compile(r'(?<=[\n\x1e\0])(?:data:[ \t]*)?(?=[\[{"])')
_PART_NAME = re.compile(rb'[;\s]name="?([^";\n]+)')
_MULTIPART = re.compile(rb"\s*--([^\s\"]{1,70})[ \t]*\r?\n(?=content-)", re.IGNORECASE)


def parse_nested_json(value: Any) -> Any:
    """A value of which text that is JSON has become that JSON, and an array of one item the item."""
    for _ in range(LAYERS):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
            continue
        if not isinstance(value, str):
            break
        text = unquote_plus(value) if _PERCENT_ENCODED.match(value) else value
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
    """What a body holds that is not one JSON document; None when it holds nothing that can be read.

    :param body: in UTF-8, and not compressed.
    """
    if boundary := _MULTIPART.match(body):
        return _nested(_multipart_fields(body, boundary[1]))
    text = _decode_text(body)
    if _PERCENT_ENCODED.match(text):
        text = unquote_plus(text)
    # JSON may contain what looks like a form: the query of a URL.
    is_json = text.lstrip("\ufeff\x1e\0 \t\r\n").startswith(("{", "["))
    return _documents(text) if is_json else (_parse_form(body) or _documents(text))


def _documents(text: str) -> Any:
    """The JSON documents in a text: the document when there is one, else a list.

    The list ends with a text of what could not be read, where that may have been a document, too.
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
    if len(found) == 1 or not found:
        return found[0] if found else None
    return [*found, storable(unread)] if "{" in unread else found


def _parse_form(body: bytes) -> Any:
    try:
        fields = parse_qsl(body.decode(), strict_parsing=True, max_num_fields=_FIELDS)
    except ValueError:
        return None
    # No name has quotes: they are of JSON, in which the query of a URL looks like a field.
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
