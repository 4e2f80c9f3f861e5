"""Compares the text that was sent with the text that a conversation shows.

Channels change a text: Unicode form, quotes, line ends, HTML entities and tags, emoji, a signature below it, or an end
that is cut off. So only letters and digits are compared. If a channel changed more, the texts do not match: the message
stays `unknown`, and nothing is sent.
"""

from __future__ import annotations

import html
import re
import unicodedata

# Shorter texts (in letters and digits) could by chance be part of another message.
_LONG_ENOUGH = 20
_TAGS = re.compile(r"<[^<>]*>")
# An entity within an entity (`&amp;eacute;`) is decoded at most this many times.
_WRAPPINGS = 5


def may_show(shown: str, sent: str) -> bool:
    """Return whether the text `shown` in a conversation may be the text `sent`.

    Long texts may have additions before or after, or may have lost their end.
    """
    theirs, ours = _letters(shown), _letters(sent)
    if not ours:
        # Punctuation and emoji only
        return not theirs and _words(shown) == _words(sent)
    if theirs == ours:
        return True
    has_more = len(ours) >= _LONG_ENOUGH and ours in theirs
    has_less = len(theirs) >= _LONG_ENOUGH and ours.startswith(theirs)
    return has_more or has_less


def _letters(text: str) -> str:
    # Decomposed, an accent is a separate character. It is dropped, and so are variation selectors.
    plain = unicodedata.normalize("NFKD", _without_html(text)).casefold()
    return "".join(character for character in plain if character.isalnum())


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKC", _without_html(text))
    return "".join(character for character in plain if unicodedata.category(character)[0] in "PS")


def _without_html(text: str) -> str:
    for _ in range(_WRAPPINGS):
        text = html.unescape(_TAGS.sub(" ", text))
    return text
