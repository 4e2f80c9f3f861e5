"""Finds what identifies a guest in texts that name no reservation: errors, reasons, bodies that could not be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

# Fields of a reservation or a conversation that identify its guest, at any depth.
_FIELDS = re.compile(
    r"(guest|recipient|customer|booker|reviewer).*(name|mail|phone|address)"
    r"|^(phone|email|confirmationCode|channelReservationId)$",
    re.IGNORECASE,
)
_LAST_NAME = re.compile(r"last_?name|surname|family_?name", re.IGNORECASE)
_FIRST_NAME = re.compile(r"first_?name|given_?name", re.IGNORECASE)
_MAIL = re.compile(r"[^\s@]+@[^\s@]+")
# Shorter names are also words of a language, and fewer digits are also a price or an id.
_MIN_LETTERS, _MIN_DIGITS = 4, 7
# The last digits of a phone number are the same with and without the code of the country.
_DIGITS_OF_NUMBER = 9
_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
_WORD = re.compile(r"[^\W_]+")
# One character that is no letter or digit, as texts, JSON, URLs, forms and HTML write it. Backslashes are doubled, and
# bytes above 127 are octal, where PostgreSQL encodes bytes as text.
_SEPARATOR = r"(?:%[0-9a-f]{2}|\\+u[0-9a-f]{4}|\\+[nrt]|\\[0-7]{3}|&#?[0-9a-z]{1,6};|[^0-9a-z\\])"


def identifying_texts(payloads: Iterable[Any]) -> set[str]:
    """The names, addresses, phone numbers and booking codes of the guest in payloads of reservations and conversations.

    A first name alone identifies no one, and placeholders such as "Guest" are single words, too. So a single word
    counts only if it is a last name, an address of e-mail or a code.
    """
    return {text for payload in payloads for text in _texts(payload)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, dict):
        words = {str(name): " ".join(text.split()) for name, text in value.items() if isinstance(text, str)}
        first = next((text for name, text in words.items() if _FIRST_NAME.search(name)), "")
        last = next((text for name, text in words.items() if _LAST_NAME.search(name)), "")
        for inner in value.values():
            yield from _texts(inner)
        yield from (text for name, text in words.items() if _FIELDS.search(name) and _identifies(name, text))
        if first and last:
            yield from (f"{first} {last}", f"{last} {first}")


def _identifies(name: str, text: str) -> bool:
    if sum(character.isdigit() for character in text) >= _MIN_DIGITS:
        return True
    if _MAIL.fullmatch(text) or _WITHOUT_SPACES.fullmatch(text):
        return True
    is_long = sum(character.isalnum() for character in text) >= _MIN_LETTERS
    return is_long and (" " in text or not name.lower().endswith(("name", "address")) or bool(_LAST_NAME.search(name)))


def pattern_of(texts: Iterable[str]) -> str | None:
    """A regular expression of PostgreSQL that finds any of the texts, or None without texts.

    It is for a text as `lower(encode(<bytes>, 'escape'))` writes it. It finds a text in any case, and as JSON, URLs,
    forms and HTML write it; also with other characters between the words of a name or the digits of a number.
    """
    found = sorted({_form(text) for text in texts})
    return f"(?:{'|'.join(found)})(?![0-9a-z])" if found else None


def _form(text: str) -> str:
    words = _WORD.findall(normalize("NFC", text))
    digits = "".join(words)
    if digits.isdigit():
        return f"{_SEPARATOR}{{0,5}}".join(digits[-_DIGITS_OF_NUMBER:])
    form = f"{_SEPARATOR}{{1,4}}".join(_any_spelling(word) for word in words)
    # Part of a longer word, a single word would be found too often.
    return form if len(words) > 1 else f"(?:^|{_SEPARATOR}){form}"


def _any_spelling(word: str) -> str:
    changed = [change(word) for change in (str.lower, str.upper, str.title)]
    composed_or_not = [*changed, *(normalize("NFD", each) for each in changed)]
    spelled = {_escaped(write(each)) for each in composed_or_not for write in (str, _as_json, quote, _as_html)}
    return f"(?:{'|'.join(sorted(spelled))})" if len(spelled) > 1 else spelled.pop()


def _as_json(word: str) -> str:
    return json.dumps(word)[1:-1]


def _as_html(word: str) -> str:
    return word.encode("ascii", "xmlcharrefreplace").decode()


def _escaped(word: str) -> str:
    """A regular expression of a word as PostgreSQL's format `escape` writes its bytes, in lower case."""
    # PostgreSQL writes other letters as octal bytes, which `lower` leaves as they are.
    written = "".join(character.lower() if character.isascii() else character for character in word)
    return "".join(_byte(byte) for byte in written.encode() if byte)


def _byte(byte: int) -> str:
    if byte >= 0x80:
        return rf"\\{byte:03o}"
    character = chr(byte)
    # JSON in JSON doubles each backslash.
    return r"\\+" if character == "\\" else re.sub(r"([^a-z0-9])", r"\\\1", character)
