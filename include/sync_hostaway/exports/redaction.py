"""Replaces personal data and secrets in messages with placeholders such as `[PHONE]`.

Three kinds of rules, in this order:

* values in the database that belong to the conversation: names, addresses, the wifi password, door codes;
* forms that are the same in every language: e-mail addresses, links, handles, and numbers. Every number of three or
  more digits is replaced, except an amount with its currency, a distance and a time of the day;
* words of many languages (`redaction_words`): the rest of a sentence about a password, a code or an address is
  replaced.

The rules prefer to replace too much. They do not find: a single name in the middle of a sentence, or in small
letters, that the database does not contain, a code of two digits, a number plate with fewer than three digits that no
word announces, and a secret that is described without any of the words.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from sync_hostaway.exports import redaction_words as words

_I = re.IGNORECASE
_BLOCK_TAGS = re.compile(r"<\s*(?:br|/p|/div|/li|/tr|/h\d)\b[^<>]*>", _I)
_TAGS = re.compile(r"<!--.*?-->|<(style|script)\b.*?</\1\s*>|</?[a-zA-Z][^<>]*>", _I | re.DOTALL)
_HREF = re.compile(r"<a\b[^<>]*>", _I)
# Emoji such as a framed 4, and digits that are crossed out, are digits with marks.
_MARKS_ON_DIGITS = re.compile("(?<=\\d)[\u0300-\u036f\u20d0-\u20f0\ufe0f]+")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))

_EMAIL = re.compile(r"[\w+%'’-]{1,64}(?:\s?\.\s?[\w+%'’-]{1,64}){0,9}\s?@\s?[\w-]{1,63}(?:\s?\.\s?[\w-]{1,63}){1,9}")
_AT_WORD = r"at|arroba|chiocciola|arobase|[äæ]t|małpa"
_AT = rf"(?:\s*[\[({{<]\s*(?:@|a|{_AT_WORD})\s*[\])}}>]\s*|\s+(?:{_AT_WORD})\s+)"
_DOT = r"(?:\s*[\[({<]\s*(?:dot|punto|ponto|point|punkt|\.)\s*[\])}>]\s*|\s+(?:dot|punto|ponto|point|punkt)\s+|\.)"
_SPELLED_EMAIL = re.compile(
    rf"[\w+-]{{1,64}}(?:{_DOT}[\w+-]{{1,64}}){{0,3}}{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,9}}", _I
)
_LINK = re.compile(
    r"\b(?:[a-z][a-z0-9+.-]*://|www\.|mailto:|tel:|localhost\b|[\w.-]{1,64}:\d{2,5}/|[\w.:/-]{1,64}\?\w{1,30}=)\S*"
    r"|[\w-]{1,63}\s+(?:dot|punkt)\s+(?:com|net|org|io|info|eu|de|uk|at|ch|pl)\b(?:\s+slash\s+\w+)*",
    _I,
)
_DOMAIN = re.compile(r"\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}(?:/\S*)?(?![\w@])", _I)
_HANDLE = re.compile(r"(?<![\w/])[@$][^\W\d][\w.-]+|[\w.+-]{1,64}@[\w-]{1,63}")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){10,30}\b")
_TIME = re.compile(r"(?:[01]?\d|2[0-3])[:.h][0-5]\d(?:\s?[-]\s?(?:[01]?\d|2[0-3])[:.h][0-5]\d)?\Z", _I)
_DIGITS = re.compile(r"(?<![\w])[+(#*]{0,2}\d(?:[\s().:/\\#*_,·•-]{0,3}\d){2,}[#*]?(?!\d)|\d{3,}")
_AMOUNT_BEFORE = re.compile(rf"(?:^|[^\w])(?:{words.MONEY})\s?\Z", _I)
_AMOUNT_AFTER = re.compile(rf"\s?(?:{words.MONEY})(?!\w)", _I)
_AMOUNT = re.compile(r"\d{1,3}(?:[.,' ]\d{3})?(?:[.,]\d{1,2})?|\d{1,4}(?:[.,]\d{1,2})?")
_DISTANCE = re.compile(r"\d{3,4}|\d{1,2}[., ]\d{3}")
_DISTANCE_AFTER = re.compile(rf"\s?(?:{words.MEASURES})(?!\w)", _I)
_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2}(?:\d{2})?")
# Scripts that write words with spaces between them.
_SPACED = r"[^\W\u0e00-\u0e7f\u2e80-\u9fff\uac00-\ud7af]"
_TOKEN = re.compile(rf"(?:{_SPACED}|[!#$%&*+=?~^-])+")
# A longer token is not a word but a key or a long link. The limit also bounds the time of the patterns, which grows
# with the square of a token's length.
_ENDLESS = re.compile(r"[^\s\u0e00-\u0e7f\u2e80-\u9fff\uac00-\ud7af]{200,}")
_MEASURE = re.compile(rf"\d{{1,2}}(?:{words.UNITS})?|\d{{1,2}}h\d{{2}}", _I)
# Words of an answer whose only other word may be a secret: "It is sunshine"
_SHORT_ANSWER = 3
_SENTENCES = re.compile(r"(?<=[.!?؟])[ \t]+|(?<=[。！？])|(?<![:=\s])\s*\n+")
_QUESTION_END = re.compile(r"[?？؟]\s*\Z")
_SECRET = re.compile(rf"(?<!\w)(?:{'|'.join(words.ACCESS)})(?!\w)|{'|'.join(words.ACCESS_UNSPACED)}", _I)
_NETWORK = re.compile(rf"(?<!\w)(?:{words.NETWORK})\s*(?:[:=]|[-]\s|(?:{words.IS})\s|[\"“„«'])\s*", _I)
_PAYMENT = re.compile(rf"(?<!\w)(?:{words.PAYMENT})(?!\w)\s*(?:[:=-]\s*)?", _I)
_CONTACT = re.compile(rf"(?<!\w)(?:{words.CONTACT})\s*(?:[:=]|(?:{words.IS})\s)\s*", _I)
# Groups of capitals and digits, or of small letters that end with digits.
_PLATE = re.compile(
    rf"(?<!\w)(?i:{words.PLATE})(?P<between>[^\n.!?\d]{{0,30}}?[\s:]\W{{0,2}})(?!\d{{1,2}} ?[AP]M\b)"
    r"(?:(?=[A-ZÄÖÜА-Я ·-]*\d)(?=[\d ·-]*[A-ZÄÖÜА-Я])[A-ZÄÖÜА-Я\d]{1,4}(?:[ ·-]?[A-ZÄÖÜА-Я\d]{1,4}){0,3}"
    r"|[a-zäöü]{1,3}[ ·-]?(?:[a-zäöü]{1,2}[ ·-]?)?\d{1,4})(?!\w)"
)
_ADDRESS = re.compile(rf"(?<!\w)(?:{'|'.join(words.ADDRESS)})|{'|'.join(words.ADDRESS_UNSPACED)}", _I)
_STREET = re.compile(
    rf"(?<!\w)(?:{'|'.join((*words.STREET_BEFORE_NUMBER, *words.NUMBER_BEFORE_STREET))})|{words.STREET_UNSPACED}", _I
)
_CAPITALS = "".join(letter for letter in map(chr, range(0x10000)) if letter.isupper() or letter.istitle())
# Letters of scripts without capitals, from Hebrew to Korean: a name shows only by the word before it.
_UNCASED = "\u0590-\u109f\u1100-\u1bff\u2e80-\ua63f\ua960-\ud7ff"
_REST_OF_NAME = r"[^\W\d_]*(?:[-'’][^\W\d_]+)*\.?"
_NAME_WORD = rf"[{_CAPITALS}]{_REST_OF_NAME}"
_BETWEEN = r"(?:(?:de|da|do|dos|di|del|della|van|von|der|den|la|le|y|e|und|and|&)[ \t]+){0,2}"
_NAMES = rf"{_NAME_WORD}(?:[ \t]+{_BETWEEN}{_NAME_WORD}){{0,3}}"
_CALLED = rf"(?:{_NAMES}|(?=[{_UNCASED}])[^\W\d_]{_REST_OF_NAME}(?:[ \t]+(?=[{_UNCASED}])[^\W\d_]{_REST_OF_NAME})?)"
_LOWER_NAMES = rf"[^\W\d_]{_REST_OF_NAME}(?:[ \t]+(?!(?i:{words.AFTER_NAME})\b)[^\W\d_]{_REST_OF_NAME})?"
_GREETED = re.compile(
    rf"(?<!\w)(?i:{words.GREETING})(?:[ \t]+(?P<name>{_CALLED})|,[ \t]+(?P<word>{_CALLED})(?=\s*(?:[,!.\n]|\Z)))"
)
_INTRODUCED = re.compile(
    rf"(?<!\w)(?i:{words.INTRODUCTION})[ \t,:]+(?P<name>{_CALLED})"
    rf"|(?:{words.INTRODUCTION_UNSPACED})\s?(?P<word>\w{{1,8}})"
)
# After these words, a name in small letters is a name, too.
_NAMED_IN_LOWER_CASE = re.compile(
    rf"(?<!\w)(?i:{words.NAME_FOLLOWS})[ \t:]+(?P<name>{_LOWER_NAMES})"
    rf"|(?<!\w)(?i:{words.CLOSING})[ \t]*[,.!-]*[ \t]*\n\s*(?P<word>{_LOWER_NAMES})\s*\Z"
)
# After words that any other word may follow, too, a word in small letters is a name if the database has it.
_MAY_BE_NAMED = re.compile(
    rf"(?<!\w)(?i:{words.GREETING}|{words.INTRODUCTION})[ \t]*,?[ \t]+(?P<name>[^\W\d_]{{3,}}(?:[-'’][^\W\d_]+)*)(?!\w)"
)
_WITH_TITLE = re.compile(rf"{words.NAME_BEFORE_UNSPACED}|(?P<word>{_NAME_WORD})(?=[ \t]+(?:{words.NAME_BEFORE})\b)")
_CLOSED = re.compile(rf"(?<!\w)(?i:{words.CLOSING})[ \t]*[,.!-]*\s*\n?\s*(?P<name>{_NAMES})\s*\Z")
_LABELLED = re.compile(rf"(?<!\w)(?i:{words.NAME_LABEL})\s?[:：][ \t]*(?P<name>{_CALLED})")
_LAST = re.compile(rf",[ \t]+(?P<name>{_NAMES})\s*[.!]?\s*\Z")
# Two or more words with a capital are a name of a person or a place, in most cases.
_SEVERAL = re.compile(rf"(?<![\w\[]){_NAME_WORD}(?:[ \t]+{_BETWEEN}{_NAME_WORD}){{1,4}}")
_SPELLED_DIGITS = re.compile(rf"(?<!\w)(?:{words.DIGITS})(?:[\s,.-]*(?:{words.DIGITS})){{2,}}(?!\w)", _I)
_TURNS = re.compile(
    rf"(?:(?:{words.TURNS})[^\w]{{0,3}}(?:(?:to|on|auf|a|à|al|に)\s?)?\d{{1,2}}(?:\W{{1,3}}[^\W\d]{{2,5}})?\W{{0,3}}){{2,}}",
    _I,
)
_SIGNED = re.compile(rf"\n\s*[-~]?\s*(?P<name>{_NAMES})\s*[.!]?\s*\Z")
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


class KnownValues:
    """The values in the warehouse about the persons and the listing of one conversation.

    :param values: texts by kind: NAME, ADDRESS, ACCESS, EMAIL, PHONE, CODE. The kinds are replaced in this order.
    """

    def __init__(self, values: Mapping[str, Iterable[str | None]]) -> None:
        self.patterns = [(kind, pattern) for kind, texts in values.items() if (pattern := _pattern_of(texts))]


_NOTHING_KNOWN = KnownValues({})


class Redactor:
    """Redacts texts and counts what it replaced.

    :param names: words of the names of all guests and staff, in lower case without accents: `fold`. A word of a message
        that begins with a capital letter and is among them is replaced.
    """

    def __init__(self, names: frozenset[str] = frozenset()) -> None:
        self._names = names
        self.replaced: Counter[str] = Counter()

    def redact(self, text: str, known: KnownValues = _NOTHING_KNOWN, *, after_question: bool = False) -> str:
        """Return a text without personal data and secrets. HTML becomes plain text.

        :param after_question: whether the message before asked for a password or a code, so that a single word may be
            the answer. See `asks_for_secret`.
        """
        text = self._replace(_ENDLESS, "CODE", plain_text(text))
        for kind, pattern in known.patterns:
            text = self._replace(pattern, kind, text)
        for pattern, kind in ((_EMAIL, "EMAIL"), (_SPELLED_EMAIL, "EMAIL"), (_LINK, "LINK"), (_DOMAIN, "LINK")):
            text = self._replace(pattern, kind, text)
        text = self._replace(_IBAN, "PAYMENT", text)
        text = self._replace(_HANDLE, "HANDLE", text)
        text = self._replace(_STREET, "ADDRESS", text)
        text = _PLATE.sub(
            lambda found: f"{found[0][: found.end('between') - found.start()]}{self._count('PLATE')}", text
        )
        # Names afterwards: a word for a password may stand beside one.
        text = "".join(self._sentences(text, after_question))
        text = self._without_names(text)
        text = self._replace(_TURNS, "CODE", text)
        text = self._replace(_SPELLED_DIGITS, "CODE", text)
        # Whole tokens first: a number within one would leave its letters.
        text = _TOKEN.sub(self._token, text)
        return _DIGITS.sub(self._number, text).strip()

    def _count(self, kind: str) -> str:
        self.replaced[kind] += 1
        return f"[{kind}]"

    def _replace(self, pattern: re.Pattern[str], kind: str, text: str) -> str:
        return pattern.sub(lambda _: self._count(kind), text)

    def _without_names(self, text: str) -> str:
        for pattern in (_LABELLED, _GREETED, _INTRODUCED, _NAMED_IN_LOWER_CASE, _WITH_TITLE, _CLOSED, _SIGNED, _LAST):
            text = pattern.sub(self._named, text)
        text = _MAY_BE_NAMED.sub(self._named_if_known, text)
        text = _SEVERAL.sub(self._several, text)
        return _WORD.sub(self._known_name, text)

    def _named(self, match: re.Match[str]) -> str:
        group = "name" if match["name"] else "word"  # two positions where the name may be
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        whole = match[0]
        return f"{whole[:start]}{self._count('NAME')}{whole[end:]}"

    def _named_if_known(self, match: re.Match[str]) -> str:
        word = fold(match["name"])
        return self._named(match) if word in self._names and word not in words.HEADINGS else match[0]

    def _several(self, match: re.Match[str]) -> str:
        parts = match[0].split()
        if all(part.casefold().rstrip(".") in words.HEADINGS for part in parts):
            return match[0]
        while parts and parts[0].casefold() in words.NO_NAMES:
            parts.pop(0)
        named = [part for part in parts if len(part) > 1 and part.casefold() not in words.NO_NAMES]
        if len(named) < 2 or len(named) < len(parts) - 1:
            return match[0]
        return f"{match[0][: match[0].index(parts[0])]}{self._count('NAME')}"

    def _known_name(self, match: re.Match[str]) -> str:
        word = match[0]
        is_named = not word[0].islower() and any(part in self._names for part in (fold(word), fold(word.split("'")[0])))
        is_placeholder = match.string[match.start() - 1 : match.start()] == "["
        return self._count("NAME") if is_named and not is_placeholder else word

    def _sentences(self, text: str, follows_secret: bool) -> Iterator[str]:
        for part in _parts(text):
            if not part.strip():
                yield part
            elif follows_secret and len(part.split()) <= _SHORT_ANSWER and not _SECRET.search(part):
                follows_secret = False
                yield self._count("ACCESS")
            else:
                follows_secret = bool(_SECRET.search(part))
                yield self._sentence(part)

    def _sentence(self, sentence: str) -> str:
        if address := _ADDRESS.search(sentence):
            sentence = self._cut(sentence, address.end(), "ADDRESS")
        if secret := _SECRET.search(sentence):
            # A question does not contain the secret. A statement may have it before the word or after.
            start = secret.end() if _QUESTION_END.search(sentence) else 0
            return self._cut(sentence, start, "ACCESS")
        for pattern, kind in ((_PAYMENT, "PAYMENT"), (_CONTACT, "HANDLE"), (_NETWORK, "ACCESS")):
            if found := pattern.search(sentence):
                sentence = self._cut(sentence, found.end(), kind)
        return sentence

    def _cut(self, sentence: str, start: int, kind: str) -> str:
        rest = sentence[start:].strip(" \t\n?？؟!.。:")
        if not rest:
            return sentence
        mark = _QUESTION_END.search(sentence)
        space = "" if start == 0 else " "
        return f"{sentence[:start]}{space}{self._count(kind)}{mark[0] if mark else ''}"

    def _number(self, match: re.Match[str]) -> str:
        found = match[0]
        before, after = match.string[max(match.start() - 6, 0) : match.start()], match.string[match.end() :][:8]
        if _TIME.match(found):
            return found
        if _AMOUNT.fullmatch(found) and (_AMOUNT_BEFORE.search(before) or _AMOUNT_AFTER.match(after)):
            return found
        if _DISTANCE.fullmatch(found) and _DISTANCE_AFTER.match(after):
            return found
        digits = sum(character.isdigit() for character in found)
        if _DATE.fullmatch(found):
            return self._count("DATE")
        return self._count("PHONE" if 7 <= digits <= 12 else "PAYMENT" if digits > 12 else "CODE")

    def _token(self, match: re.Match[str]) -> str:
        token = match[0]
        has_digit, has_letter = any(map(str.isdigit, token)), any(map(str.isalpha, token))
        parts = token.strip("!?=~*").split("-")
        if not (has_digit and has_letter) or len(token) < 4 or all(map(_MEASURE.fullmatch, parts)):
            return token
        if _TIME.match(token) or _AMOUNT_AFTER.fullmatch(token.lstrip("0123456789")):
            return token
        return self._count("CODE")


def asks_for_secret(text: str) -> bool:
    """Return whether a message is about a password or a code."""
    return bool(_SECRET.search(plain_text(text)))


def plain_text(text: str) -> str:
    """Return a text without HTML, invisible characters and compatibility forms, such as full-width digits."""
    text = _BLOCK_TAGS.sub("\n", text)
    text = _HREF.sub(" ", text)
    text = html.unescape(_TAGS.sub("", text))
    text = unicodedata.normalize("NFKC", text.replace("\r\n", "\n")).translate(_DASHES)
    text = _MARKS_ON_DIGITS.sub("", text)
    kept = (character for character in text if unicodedata.category(character) not in ("Cf", "Cs", "Co"))
    text = "".join(character if character.isprintable() or character == "\n" else " " for character in kept)
    return re.sub(r"[ \t]*\n[ \t]*", "\n", text).strip()


def fold(text: str) -> str:
    """Return a text in lower case without accents, to compare names."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


def _parts(text: str) -> Iterator[str]:
    """Split a text into sentences, each with the space after it in an entry of its own."""
    end = 0
    for match in _SENTENCES.finditer(text):
        yield text[end : match.start()]
        yield match[0]
        end = match.end()
    yield text[end:]


def _pattern_of(texts: Iterable[str | None]) -> re.Pattern[str] | None:
    """Find the texts; case, spaces and accents do not matter. The longest first: a full name before its parts."""
    plain = sorted({plain_text(text) for text in texts if text}, key=lambda text: (-len(text), text))
    found = [_form(text) for text in plain if len(text) > 1 or (text and not text.isascii())]
    return re.compile("|".join(found), _I) if found else None


def _form(text: str) -> str:
    spaced = re.sub(r"[\s,]+", " ", text).strip() or text
    parts = (r"[\s,]+" if character == " " else _accented(character) for character in spaced)
    return f"{_edge(spaced[0])}{''.join(parts)}{_edge(spaced[-1], after=True)}"


def _accented(character: str) -> str:
    plain = fold(character)
    return f"(?:{re.escape(character)}|{re.escape(plain)})" if plain != character.casefold() else re.escape(character)


def _edge(character: str, *, after: bool = False) -> str:
    # Scripts without spaces between words have no edges.
    if not re.match(_SPACED, character):
        return ""
    return r"(?!\w)" if after else r"(?<!\w)"
