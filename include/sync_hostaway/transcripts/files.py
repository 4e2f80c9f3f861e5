"""The files of an import: which there are, what their names say, and their text."""

from __future__ import annotations

import codecs
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path

from charset_normalizer import from_bytes

from sync_hostaway.transcripts.names import fold
from sync_hostaway.transcripts.stamps import DateOrder, StampReader

SUFFIX = "_conversation"
"""How the name of a transcript ends, before `.txt`."""
LARGEST_FILE = 20_000_000
_DAY = r"(?:\d{4}[-_.]\d{2}[-_.]\d{2}|(?:19|20)\d{6}|\d{2}[-_.]\d{2}[-_.]\d{4})"
_STAY = re.compile(rf"^(?P<guest>.*?)(?:^|[_ ]+)(?P<first>{_DAY})(?:[_ -](?:to[_ -])?(?P<last>{_DAY}))?$", re.DOTALL)
_NO_DATE = re.compile(r"[_ ](?:unknown[_ ]?date|no[_ ]?date|undated|unknown|none|null|n[-_]?a)$", re.IGNORECASE)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Share of bytes outside of ASCII above which a text is taken for one in another script than Latin
_OTHER_SCRIPT = 0.3


@dataclass(frozen=True)
class TranscriptFile:
    """A file, and the data in its path.

    :param first_day: date of the name; with a last_day, the first of two.
    :param date_problem: why the date of the name cannot be read, where one is there.
    :param place: folder of the listing and name of the file: what the file is known by.
    """

    path: Path
    place: str
    listing_name: str | None
    guest_name: str | None
    first_day: date | None
    last_day: date | None
    date_problem: str | None

    @property
    def transcript_id(self) -> str:
        """The same for the same place, wherever the folder above it is."""
        return hashlib.sha256(self.place.encode()).hexdigest()[:24]


def find_files(folder: Path) -> Iterator[Path]:
    """Text files below a folder, in the order of their paths. Links to folders are not followed."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == ".txt" and not path.name.startswith("."):
            yield path


def is_transcript(path: Path) -> bool:
    """Whether the name of a file is that of a transcript."""
    return path.stem.lower().endswith(SUFFIX)


def of_path(path: Path, root: Path, order: DateOrder) -> TranscriptFile:
    """The data in the path of a transcript: `conversations/LISTING/GUEST_DATE_conversation.txt`.

    :param order: of day and month, where the year comes last.
    """
    name = text_of(path.stem[: -len(SUFFIX)])
    is_below_listing = path.parent != root and path.parent.name.lower() != "conversations"
    listing = text_of(path.parent.name) if is_below_listing else None
    place = f"{listing or ''}/{text_of(path.name)}"
    found = _STAY.match(name)
    if not found:
        return TranscriptFile(path, place, listing, _readable(_NO_DATE.sub("", name)), None, None, None)
    days, problem = [], None
    for text in filter(None, found.group("first", "last")):
        stamp = StampReader(order, UTC, [text]).read(text.replace("_", "-") if len(text) > 8 else _dashed(text))
        problem = problem or stamp.problem
        days += [stamp.day] if stamp.day else []
    last = max(days) if len(days) > 1 else None
    return TranscriptFile(path, place, listing, _readable(found["guest"]), min(days, default=None), last, problem)


def text_of(name: str) -> str:
    """The name of a file as text: composed letters, and U+FFFD for bytes that are no UTF-8."""
    return unicodedata.normalize("NFC", name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _dashed(digits: str) -> str:
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def _readable(name: str) -> str | None:
    """A name with blanks for the underscores that replace them in names of files."""
    text = " ".join(name.replace("_", " ").split())
    return text if fold(text) else None


def read_text(path: Path, encoding: str | None) -> tuple[str, str | None]:
    """The text of a file, and what is uncertain about it.

    :param encoding: of files without a byte order mark; None: UTF-8, or else what the bytes look like.
    :raises OSError: when the file cannot be read.
    :raises ValueError: when it is no text, with the reason.
    """
    # a pipe would be waited for without end
    if not path.is_dir() and not path.is_file() and path.exists():
        raise ValueError("no regular file")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"larger than {LARGEST_FILE // 1_000_000} MB")
    content = path.read_bytes()
    text, doubt = _decoded(content, encoding)
    if "\0" in text:
        raise ValueError("no text: it has zero bytes")
    return text, doubt


def _decoded(content: bytes, encoding: str | None) -> tuple[str, str | None]:
    for mark, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _strictly(content, name), None
    if encoding:
        return _strictly(content, encoding), None
    if utf16 := _utf16_without_mark(content):
        return _strictly(content, utf16), None
    try:
        return content.decode("utf-8"), None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    outside = sum(byte > 127 for byte in content) / max(1, sum(chr(byte).isalpha() or byte > 127 for byte in content))
    best = from_bytes(content).best() if outside > _OTHER_SCRIPT else None
    name = best.encoding if best else "cp1252"
    doubt = f"line {line} is not UTF-8: the file was read as {name}. If that is wrong, name the encoding: --encoding"
    return content.decode(name, errors="replace"), doubt


def _utf16_without_mark(content: bytes) -> str | None:
    """UTF-16 shows by its zero bytes: every other byte of ASCII characters, such as line ends, and no others."""
    first, second = content[0::2].count(0), content[1::2].count(0)
    if len(content) % 2 or max(first, second) < 2 or min(first, second):
        return None
    return "utf-16-be" if first else "utf-16-le"


def _strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not {encoding}") from None
