"""Makes text from outside safe for a terminal, a log or Markdown."""

from __future__ import annotations

import re
import unicodedata

# Zero-width joiners are part of emoji and of Persian and Indian scripts. They do not move or hide other text.
_HARMLESS = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")
_KINDS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BACKTICKS = re.compile("`+")


def visible(text: str, *, keep: str = "") -> str:
    r"""Escape control characters, line breaks and bidi controls, so that a text cannot control a terminal.

    The escapes are those of JSON, so that JSON stays valid.

    >>> visible("a\x1b[2Jb\n")
    'a\\u001b[2Jb\\n'

    :param keep: characters that are not escaped, such as a line break.
    """
    if text.isprintable():
        return text
    return "".join(
        _escaped(character) if _acts(character) and character not in keep else character for character in text
    )


def markdown_code(text: str) -> str:
    """Return a text as Markdown code, so that images, links and HTML in it have no effect.

    >>> markdown_code("![x](https://evil.example)")
    '` ![x](https://evil.example) `'
    """
    plain = visible(text)
    fence = "`" * (max(map(len, _BACKTICKS.findall(plain)), default=0) + 1)
    return f"{fence} {plain} {fence}"


def _escaped(character: str) -> str:
    code = ord(character)
    return _SHORT.get(character) or (f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}")


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _KINDS and character not in _HARMLESS
