"""API keys as people paste them."""

from __future__ import annotations

import codecs
import unicodedata

from sync_hostaway.core.exceptions import InvalidValue

_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}


def clean_api_key(text: str) -> str:
    """The key without characters that were copied with it: blanks, line ends, a byte order mark, quotes around it.

    :raises InvalidValue: when nothing is left, or the key contains a character that keys do not have. The message does
        not repeat the key.
    """
    key = _strip_blanks(text)
    while len(key) > 1 and _QUOTES.get(key[0]) == key[-1]:
        key = _strip_blanks(key[1:-1])
    if not key:
        raise InvalidValue("The API key is empty")
    if any(_is_blank(character) for character in key):
        raise InvalidValue(
            "The API key contains a blank or an invisible character. Copy it again: Hostaway, Settings > Hostaway API"
        )
    return key


def decode_api_key(content: bytes) -> str:
    """The first line of a file or pipe with a key, in the encodings that editors and shells write.

    :raises InvalidValue: when it is not text.
    """
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        lines = content.decode(encoding).splitlines()
    except UnicodeDecodeError:
        raise InvalidValue("The API key on standard input is not text in UTF-8") from None
    return next((line for line in lines if _strip_blanks(line)), "")


def _strip_blanks(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_blank(text[start]):
        start += 1
    while end > start and _is_blank(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_blank(character: str) -> bool:
    """Blanks of every kind, control characters, and characters without a shape (zero width, byte order mark)."""
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf", "Zs", "Zl", "Zp")
