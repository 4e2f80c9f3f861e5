"""What strangers wrote acts neither on a terminal nor in Markdown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.core.text import markdown_code, visible


@given(st.text(st.characters()))
def test_a_terminal_is_given_nothing_that_acts(text: str) -> None:
    shown = visible(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\ufeff")
    shown.encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "M", "Zs"])))
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert visible("👨\u200d👩\u200d👧 می\u200cخواهم") == "👨\u200d👩\u200d👧 می\u200cخواهم"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\u001b[2J\u001b]0;title\u0007"),
        ("a\r\nINFO all is well", r"a\r\nINFO all is well"),
        ("\x9b31m", r"\u009b31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_acts_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.sampled_from("`a![](:/) <b>\n\\&*_#|~")))
def test_markdown_shows_a_name_as_code(text: str) -> None:
    shown = markdown_code(text)
    fence = shown.split(" ", 1)[0]
    inner = shown[len(fence) : -len(fence)]
    assert set(fence) == {"`"}
    assert shown.endswith(f" {fence}")
    # A run of as many backticks would end the code: there is none.
    assert fence not in {run for run in "".join(c if c == "`" else " " for c in inner).split()}
    assert "\n" not in shown
