"""Recognises a text that we sent in what a conversation shows of it.

Channels change a text on its way: Unicode form, quotes, line ends, HTML entities and tags, emoji, a signature below it,
an end that is cut off. So letters and digits are compared, and nothing else. A text in which more was changed is not
recognised: its message stays `unknown`, and nothing is sent.
"""

from __future__ import annotations

import html
import re
import unicodedata

# Letters and digits below which a text could stand at the beginning of another message by chance.
_LONG_ENOUGH = 20
_TAGS = re.compile(r"<[^<>]*>")
# An entity within an entity (`&amp;eacute;`) is unwrapped so often at most.
_WRAPPINGS = 5


def may_show(shown: str, sent: str) -> bool:
    """Whether a text may be how a conversation shows what was sent.

    Long texts may have gained something before or after, or may have lost their end.
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
    # Decomposed: an accent is a character of its own then, and dropped, as variation selectors are.
    plain = unicodedata.normalize("NFKD", _without_html(text)).casefold()
    return "".join(character for character in plain if character.isalnum())


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKC", _without_html(text))
    return "".join(character for character in plain if unicodedata.category(character)[0] in "PS")


def _without_html(text: str) -> str:
    for _ in range(_WRAPPINGS):
        text = html.unescape(_TAGS.sub(" ", text))
    return text
