"""A text is recognised in every form in which a channel returns it."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.messaging.message_text import may_show

RENDERINGS: list[Callable[[str], str]] = [
    *(lambda text, form=form: unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")),
    html.escape,
    lambda text: html.escape(html.escape(text)),
    lambda text: "".join(f"&#{ord(character)};" for character in text),
    lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    lambda text: text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}").replace("-", "\N{EN DASH}"),
    lambda text: text.replace('"', "\N{LEFT DOUBLE QUOTATION MARK}").replace("...", "\N{HORIZONTAL ELLIPSIS}"),
    str.strip,
    lambda text: " ".join(text.split()),
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("\n", "<br />"),
    lambda text: text.replace(" ", "\N{NO-BREAK SPACE}"),
    lambda text: text.replace("\N{VARIATION SELECTOR-16}", ""),
    lambda text: text + "\N{VARIATION SELECTOR-16}",
    lambda text: f"\N{ZERO WIDTH SPACE}{text}\N{WORD JOINER}",
    lambda text: f"<html><body><p style='color:red'>{html.escape(text)}</p></body></html>",
]
# What people write: words of any script, punctuation, emoji. (No bare `<`, `>` and `&`: HTML itself is ambiguous.)
WORDS = """Your room is ready. café naïve Größe 8:30 'quoted' "words" ... - Привет 部屋 مرحبا नमस्ते ❤️ 👍🏽 &amp; ½ ﬁ"""
PARTS = st.sampled_from([*WORDS.split(" "), "\n", "👨\u200d👩\u200d👧"])
TEXTS = st.lists(PARTS, min_size=1, max_size=30).map(" ".join).filter(lambda text: any(map(str.isalnum, text)))


@given(text=TEXTS, renderings=st.lists(st.sampled_from(RENDERINGS), max_size=2))
def test_a_text_is_recognised_in_any_rendering(text: str, renderings: list[Callable[[str], str]]) -> None:
    shown = text
    for render in renderings:
        shown = render(shown)
    assert may_show(shown, text)


@given(text=TEXTS.map(lambda text: f"Dear guest, welcome to Lisbon! {text}"), cut=st.integers(25, 60))
def test_a_long_text_is_recognised_with_a_signature_or_without_its_end(text: str, cut: int) -> None:
    assert may_show(f"{text}\n-- \nSent with Hostaway", text)
    assert may_show(f"Re: your stay\n\n{text}", text)
    assert may_show(f"{text[:cut]}…", text) or len(text) <= cut


@pytest.mark.parametrize(
    ("shown", "sent"),
    [
        ("Your room is ready.", "Your room is not ready."),
        ("Ok, see you tomorrow at the house", "Ok"),
        ("Yes", "Yes, we have a parking place"),
        ("", "Hello"),
        ("👍", "❤️"),
        ("Are you there?", "?"),
        ("Hello...", "..."),
        ("The code is 1234", "The code is 1235"),
    ],
)
def test_another_text_is_not_recognised(shown: str, sent: str) -> None:
    assert not may_show(shown, sent)


def test_a_text_without_letters_is_compared_whole() -> None:
    assert may_show(" ❤\n", "❤️")
    assert may_show("?!", "?!")
