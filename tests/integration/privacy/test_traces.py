"""Texts that name a guest are found, however they are written."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from unicodedata import normalize
from urllib.parse import quote, quote_plus, urlencode

import pytest

from sync_hostaway.core.db import Connection
from sync_hostaway.privacy.traces import identifying_texts, pattern_of

pytestmark = pytest.mark.integration

GUEST = {
    "guestName": "Zoë O'Brien-Quaak",
    "guestFirstName": "Zoë",
    "guestLastName": "O'Brien-Quaak",
    "guestEmail": "zoe.quaak+booking@mail.example",
    "phone": "+49 (171) 555-01 99",
    "confirmationCode": "HMQUAAK77",
    "guestAddress": "Straße des Weges 12",
    "channelName": "Airbnb",
    "listingName": "Villa Sonnenschein",
    "reservationUnit": [{"guestName": "王小明"}],
}
WRITINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper": str.upper,
    "lower": str.lower,
    "json": json.dumps,
    "json in json": lambda text: json.dumps(json.dumps({"error": text})),
    "url": quote,
    "form": lambda text: urlencode({"x": text}),
    "plus": quote_plus,
    "html": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "decomposed": lambda text: normalize("NFD", text),
    "in a sentence": lambda text: f'Error: "{text}" is not accepted (422)',
    "other spaces": lambda text: text.replace(" ", "\u00a0\n"),
    "dotted": lambda text: text.replace(" ", "."),
}
TEXTS = [
    "Zoë O'Brien-Quaak",
    "O'Brien-Quaak Zoë",
    "O'Brien-Quaak",
    "zoe.quaak+booking@mail.example",
    "+49 (171) 555-01 99",
    "0171 5550199",
    "004917155501 99",
    "HMQUAAK77",
    "Straße des Weges 12",
    "王小明",
]
OTHERS = [
    "Airbnb",
    "Villa Sonnenschein",
    "the guest was erased before Hostaway answered",
    "Zoë Quark",
    "obrienquaakers",
    "555",
    "zoe@mail.example",
    "",
]


def is_found(warehouse: Connection, text: str) -> bool:
    query = "select lower(encode(convert_to(%s, 'UTF8'), 'escape')) ~ %s as found"
    [row] = warehouse.execute(query, [text, pattern_of(identifying_texts([GUEST]))])
    return bool(row["found"])


def test_a_text_of_the_guest_is_found_in_every_writing(warehouse: Connection) -> None:
    missed = {
        (name, text) for name, write in WRITINGS.items() for text in TEXTS if not is_found(warehouse, write(text))
    }
    assert missed == set()


def test_texts_of_others_are_not_found(warehouse: Connection) -> None:
    found = {(name, text) for name, write in WRITINGS.items() for text in OTHERS if is_found(warehouse, write(text))}
    assert found == set()


def test_placeholders_identify_no_one() -> None:
    payload = {"guestName": "Guest", "guestFirstName": "Airbnb", "guestLastName": "", "guestEmail": None, "phone": "0"}
    assert identifying_texts([payload]) == set()
    assert pattern_of([]) is None
