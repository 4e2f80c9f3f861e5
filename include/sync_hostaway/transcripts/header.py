"""Reads the header of a transcript, before its first message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from sync_hostaway.transcripts.names import fold
from sync_hostaway.transcripts.stamps import StampReader

DECORATION = re.compile(r"[=\-_*#~\s–—]*")
_KEY_LINE = re.compile(r"\**(?P<key>[^\W\d_][\w \-]{1,30}?)\**\s*[:：]\**\s*(?P<value>.*)")
_TITLE_WORDS = {"guest", "conversation", "transcript", "chat", "messages", "message", "history", "export", "with"}
# Keys of a header. With None: known, and of no use here. Those in _AMBIGUOUS may begin a message as well.
_KEYS = {
    **dict.fromkeys(("guest", "guest name", "name"), "guest"),
    **dict.fromkeys(("listing", "listing name", "property", "property name", "unit"), "listing"),
    **dict.fromkeys(("check in date", "check in", "checkin", "checkin date", "arrival", "arrival date"), "arrival"),
    **dict.fromkeys(("check out date", "check out", "checkout", "checkout date", "departure"), "departure"),
    "departure date": "departure",
    **dict.fromkeys(("total messages", "messages", "message count"), "count"),
    **dict.fromkeys(
        ("channel", "source", "reservation", "reservation id", "booking", "booking id", "confirmation code", "status",
         "nights", "guests", "phone", "email", "exported", "exported at", "export date", "date", "conversation id",
         "account", "host", "dates", "stay"),
        None,
    ),
}  # fmt: skip
_AMBIGUOUS = {"guest", "host", "name", "source", "status", "date", "email", "phone", "messages"}


@dataclass(frozen=True)
class Note:
    """What was not understood.

    :param line: in the file, from 1; None: the file as a whole.
    """

    line: int | None
    reason: str


@dataclass
class Header:
    """The header of a file, before its first message."""

    guest: str | None = None
    listing: str | None = None
    arrival: date | None = None
    departure: date | None = None
    count: int | None = None


def read_header(lines: list[str], guest_name: str | None, reader: StampReader, notes: list[Note]) -> tuple[Header, int]:
    """The header, and the place of the first line after it."""
    found: list[tuple[int, str, str]] = []
    last_certain = -1
    for place, line in enumerate(lines):
        key_line = _KEY_LINE.fullmatch(line.strip())
        key = fold(key_line["key"]) if key_line else ""
        if key_line and key in _KEYS:
            is_guest = key in ("guest", "name") and fold(key_line["value"]) == fold(guest_name or "")
            if key not in _AMBIGUOUS or is_guest:
                last_certain = place
            found.append((place, key, key_line["value"].strip()))
        elif is_title(line):
            last_certain = place
        elif not DECORATION.fullmatch(line):
            break
    header = Header()
    for place, key, value in found:
        if place <= last_certain:
            _set(header, key, value, reader, notes, place + 1)
    return header, last_certain + 1


def is_title(line: str) -> bool:
    words = fold(line).split()
    return bool(words) and ":" not in line and len(words) <= 6 and set(words) <= _TITLE_WORDS


def _set(header: Header, key: str, value: str, reader: StampReader, notes: list[Note], line: int) -> None:
    name = _KEYS[key]
    if name in ("guest", "listing"):
        setattr(header, name, value or None)
    elif name in ("arrival", "departure") and value:
        stamp = reader.read(value)
        setattr(header, name, stamp.day)
        if stamp.day is None:
            notes.append(Note(line, stamp.problem or f"the date {value!r} cannot be read"))
    elif name == "count" and value.isdecimal():
        header.count = int(value[:9])
