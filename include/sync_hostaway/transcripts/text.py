"""Reads the text of a transcript: a header, then messages with a sender and mostly a time.

These forms of a message are known, each with or without a number in front; all else continues the message before it:

* `[1] May 11, 2025 at 12:53 PM`, and `Guest: text` on the next line
* `[2025-05-11 12:53] Guest: text`, `2025-05-11 12:53 - Guest: text`, `2025-05-11 12:53 | Guest | text`
* `Guest (2025-05-11 12:53): text`, `Guest - 2025-05-11 12:53`, and the text on the next lines
* `[12:53] Guest: text` below a line with the date alone
* `Guest: text`, `<Guest> text`, in files without times
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo

from sync_hostaway.transcripts.header import DECORATION, Header, Note, is_title, read_header
from sync_hostaway.transcripts.names import GUEST, HOST, fold, role_of
from sync_hostaway.transcripts.stamps import DATE, TIME, DateOrder, Stamp, StampReader

_STAMP = rf"(?:{DATE}(?:(?:[ T,]| at | um | a las | à | alle | às | - )+{TIME})?|{TIME})"
_NUMBER = r"(?:\[\d{1,6}\]|#\d{1,6}|\d{1,6}[.)](?= ))\s*"
_STAMPED = re.compile(
    rf"(?P<number>{_NUMBER})?(?P<open>[\[(])?(?P<stamp>{_STAMP})(?P<close>[\])])?\s*(?:[-–—|:,>]\s*)?(?P<rest>.*)",
    re.IGNORECASE,
)
_BRACKETED_UNREADABLE = re.compile(r"[\[(](?P<stamp>\d[^\[\]()]{5,40})[\])]\s*(?:[-–—|:]\s*)?(?P<rest>.*)")
_NUMBERED = re.compile(r"(?:\[\d{1,6}\]|#\d{1,6})\s+(?P<rest>.*)")
_SENDER_STAMPED = re.compile(
    rf"(?P<sender>[^:\[\]<>|]{{1,80}}?)\s*(?:[-–—|,@]|\bat\b|\bon\b)?\s*(?P<open>[\[(])?"
    rf"(?P<stamp>{DATE}[^\])]{{0,6}}?{TIME}|{DATE})"
    r"(?(open)[\])])\s*(?:[:：-]\s*(?P<text>.*))?",
    re.IGNORECASE,
)
_SENT = re.compile(r"\**(?P<sender>[^\W\d_][^:：|\t]{0,79}?)\**\s*(?:[:：]\**|\||\t)\s*(?!//)(?P<text>.*)")
_IRC = re.compile(r"<(?P<sender>[^<>]{1,80})>\s*(?P<text>.*)")
_DATE_LINE = re.compile(rf"[-=*\s–—]*(?P<date>{DATE})[-=*\s–—]*", re.IGNORECASE)
_ORDINARY = str.maketrans("\u00a0\u202f\u2007［］", "   []")
# What hosts write before a colon in a message
_NO_SENDERS = {
    "address", "wifi", "wi fi", "network", "password", "wifi password", "code", "door code", "gate code", "check in",
    "check out", "checkin", "checkout", "parking", "note", "ps", "p s", "re", "subject", "date", "time", "phone", "tel",
    "email", "price", "total", "http", "https", "link",
}  # fmt: skip


@dataclass(frozen=True)
class TranscriptMessage:
    """A message of a transcript.

    :param line: where it begins in the file, from 1.
    :param sender: `guest`, `host`, `automation`; None when the name does not tell.
    :param sent_at: UTC; None when the file does not say it.
    """

    line: int
    sender_name: str | None
    sender: str | None
    sent_at: datetime | None
    body: str


@dataclass(frozen=True)
class TranscriptText:
    """A file that was read."""

    header: Header
    messages: list[TranscriptMessage]
    notes: list[Note]


@dataclass
class _Draft:
    line: int
    sender: str | None
    sent_at: datetime | None
    lines: list[str] = field(default_factory=list)


def read_transcript(text: str, guest_name: str | None, order: DateOrder, zone: tzinfo) -> TranscriptText:
    """Read a transcript.

    :param guest_name: of the file's name, by which messages of the guest are known.
    :param zone: time zone of times that name none.
    """
    lines = [_plain(line) for line in re.split(r"\r\n|\r|\n", text)]
    reader = StampReader(order, zone, lines)
    notes: list[Note] = []
    header, first = read_header(lines, guest_name, reader, notes)
    guest = header.guest or guest_name
    drafts = _Messages(lines, first, guest, reader, notes).read()
    messages = [_finished(draft, guest) for draft in drafts]
    notes += [Note(message.line, "a message without text") for message in messages if not message.body]
    messages = _with_known_sides([message for message in messages if message.body])
    unknown = {message.sender_name or "": message.line for message in reversed(messages) if message.sender is None}
    notes += [
        Note(line, f"the sender {name!r} is neither the guest nor the host" if name else "a message without a sender")
        for name, line in sorted(unknown.items(), key=lambda item: item[1])
    ]
    if header.count is not None and header.count != len(drafts):
        notes.append(Note(None, f"the header counts {header.count} messages, {len(drafts)} were found"))
    return TranscriptText(header, messages, sorted(notes, key=lambda note: note.line or 0))


def _plain(line: str) -> str:
    """A line with ordinary blanks and brackets, and without the marks of direction of chat exports."""
    return re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", "", line.translate(_ORDINARY)).rstrip()


class _Messages:
    """Goes through the lines after the header."""

    def __init__(self, lines: list[str], first: int, guest: str | None, reader: StampReader, notes: list[Note]) -> None:
        self._lines = lines
        self._first = first
        self._guest = guest
        self._reader = reader
        self._notes = notes
        self._day: date | None = None
        self._drafts: list[_Draft] = []
        self._awaits_sender = False
        self._has_times = any(self._is_stamped(line) for line in lines[first:])
        labels = Counter(found["sender"].strip() for line in lines[first:] if (found := _SENT.fullmatch(line.strip())))
        sides = {role_of(label, guest, whole=True) for label in labels} & {GUEST, HOST}
        # The other side has a name of its own, and may have written one message only.
        self._lacks_side = len(sides) == 1
        self._repeated = {
            label
            for label, times in labels.items()
            if times > 1 and len(label.split()) <= 4 and fold(label) not in _NO_SENDERS
        }

    def read(self) -> list[_Draft]:
        for place, line in enumerate(self._lines[self._first :], start=self._first + 1):
            if not self._begins(line.strip(), place):
                self._continue(line, place)
        return self._drafts

    def _continue(self, line: str, place: int) -> None:
        if self._drafts:
            self._drafts[-1].lines.append(line)
        elif not DECORATION.fullmatch(line) and not is_title(line):
            self._notes.append(Note(place, "not understood: it belongs to no message"))

    def _begins(self, line: str, place: int) -> bool:
        """Whether a line begins a message, which is then begun."""
        if self._awaits_sender and line:
            self._awaits_sender = False
            sent = _SENT.fullmatch(line) or _IRC.fullmatch(line)
            if sent:
                self._drafts[-1].sender = sent["sender"].strip()
                self._drafts[-1].lines.append(sent["text"])
                return True
        if day := _DATE_LINE.fullmatch(line):
            stamp = self._reader.read(day["date"])
            if stamp.day:
                self._day = stamp.day
                return True
        return self._begins_with_stamp(line, place) or self._begins_with_sender(line, place)

    def _begins_with_stamp(self, line: str, place: int) -> bool:
        found = _STAMPED.fullmatch(line)
        if found and bool(found["open"]) == bool(found["close"]):
            rest = found["rest"].strip()
            sent = _SENT.fullmatch(rest) or _IRC.fullmatch(rest)
            is_whole = bool(re.fullmatch(rf"{DATE}.*{TIME}", found["stamp"], re.IGNORECASE))
            is_certain = bool(found["number"] or found["open"] or (not rest and is_whole))
            if sent or is_certain or role_of(rest, self._guest):
                self._begin(self._reader.read(found["stamp"], self._day), place, sent, rest)
                return True
        unreadable = _BRACKETED_UNREADABLE.fullmatch(line)
        if unreadable and (sent := _SENT.fullmatch(unreadable["rest"])):
            self._begin(Stamp(problem=f"the time {unreadable['stamp']!r} cannot be read"), place, sent, "")
            return True
        numbered = _NUMBERED.fullmatch(line)
        if numbered:
            sent = _SENT.fullmatch(numbered["rest"])
            if sent:
                self._begin(Stamp(), place, sent, "")
            else:
                stamp = Stamp(problem=f"the time {numbered['rest']!r} cannot be read")
                self._begin(stamp, place, None, "")
            return True
        return False

    def _begins_with_sender(self, line: str, place: int) -> bool:
        stamped = _SENDER_STAMPED.fullmatch(line)
        if stamped:
            sender = stamped["sender"].strip()
            if role_of(sender, self._guest) or (stamped["open"] and len(sender.split()) <= 4):
                self._drafts.append(_Draft(place, sender, self._moment(self._reader.read(stamped["stamp"]), place)))
                self._drafts[-1].lines.append(stamped["text"] or "")
                return True
        sent = _SENT.fullmatch(line) or _IRC.fullmatch(line)
        if not sent:
            return False
        sender = sent["sender"].strip()
        if self._has_times and fold(sender) not in (GUEST, HOST) and sender not in self._senders():
            return False
        is_sender = role_of(sender, self._guest, whole=True) or sender in self._repeated or not self._drafts
        if is_sender or (self._lacks_side and _is_name(sender)):
            self._begin(Stamp(), place, sent, "")
            return True
        return False

    def _senders(self) -> set[str | None]:
        return {draft.sender for draft in self._drafts}

    def _begin(self, stamp: Stamp, place: int, sent: re.Match[str] | None, rest: str) -> None:
        draft = _Draft(place, None, self._moment(stamp, place))
        if sent:
            draft.sender = sent["sender"].strip()
            draft.lines.append(sent["text"])
        elif rest and role_of(rest, self._guest):
            draft.sender = rest
        else:
            draft.lines += [rest] if rest else []
            self._awaits_sender = not rest
        self._drafts.append(draft)

    def _moment(self, stamp: Stamp, place: int) -> datetime | None:
        if stamp.problem:
            self._notes.append(Note(place, stamp.problem))
        return stamp.moment

    def _is_stamped(self, line: str) -> bool:
        line = line.strip()
        found = _STAMPED.fullmatch(line)
        if found and (found["number"] or found["open"] or _SENT.fullmatch(found["rest"].strip())):
            return True
        stamped = _SENDER_STAMPED.fullmatch(line)
        return bool(stamped and (stamped["open"] or role_of(stamped["sender"].strip(), self._guest)))


def _is_name(label: str) -> bool:
    words = label.split()
    return len(words) <= 3 and fold(label) not in _NO_SENDERS and all(word[:1].upper() == word[:1] for word in words)


def _finished(draft: _Draft, guest: str | None) -> TranscriptMessage:
    lines = list(draft.lines)
    while lines and DECORATION.fullmatch(lines[-1]):
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    sender = role_of(draft.sender, guest) if draft.sender else None
    return TranscriptMessage(draft.line, draft.sender, sender, draft.sent_at, "\n".join(lines).strip())


def _with_known_sides(messages: list[TranscriptMessage]) -> list[TranscriptMessage]:
    """Of two senders, one of whom is known, the other is the other side."""
    names = {message.sender_name: message.sender for message in messages if message.sender_name}
    unknown = [name for name, sender in names.items() if sender is None]
    sides = {sender for sender in names.values() if sender in (GUEST, HOST)}
    if len(unknown) != 1 or len(sides) != 1:
        return messages
    other = HOST if sides == {GUEST} else GUEST
    return [replace(message, sender=other) if message.sender_name == unknown[0] else message for message in messages]
