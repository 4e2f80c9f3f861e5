"""Reading what is posted: any of Hostaway's shapes, and anything else there is."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.webhooks.events import is_probe, read_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
RESERVATION = {"id": 5, "listingMapId": 3, "status": "new", "updatedOn": "2026-05-20 10:00:00"}
MESSAGE = {"id": 9, "conversationId": 4, "reservationId": 5, "listingMapId": 3, "body": "Is there parking?"}


def shapes(kind: str, name: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    """The three ways in which Hostaway wraps an object."""
    return [
        {"object": kind, "event": name, "accountId": 701, "data": data},
        {"payload": {"object": kind, "event": name, "accountId": 701, "data": data}},
        data,
    ]


@pytest.mark.parametrize("body", shapes("reservation", "reservation.updated", {**RESERVATION, "arrivalDate": None}))
def test_a_reservation_is_found_in_any_shape(body: dict[str, Any]) -> None:
    event = read_event(json.dumps(body).encode())
    assert (event.state, event.object) == ("pending", "reservation")
    assert (event.object_id, event.reservation_id) == (5, 5)


@pytest.mark.parametrize("body", shapes("conversationMessage", "message.received", MESSAGE))
def test_a_message_is_found_in_any_shape(body: dict[str, Any]) -> None:
    event = read_event(json.dumps(body).encode())
    assert (event.state, event.object) == ("pending", "conversationMessage")
    assert (event.object_id, event.conversation_id, event.reservation_id) == (9, 4, 5)


def test_an_event_of_a_new_name_about_a_known_object_is_served() -> None:
    body = {"object": "reservation", "event": "reservation.cancelled", "data": {"id": 5}}
    assert read_event(json.dumps(body).encode()).state == "pending"


@pytest.mark.parametrize("data", [{}, {"id": None}, {"id": "x"}, {"id": True}, {"id": 0}, {"id": -1}, {"id": 10**30}])
@pytest.mark.parametrize("kind", ["reservation", "conversationMessage"])
def test_an_object_without_an_id_that_leads_to_it_says_so(kind: str, data: dict[str, Any]) -> None:
    event = read_event(json.dumps({"object": kind, "event": "x", "data": data}).encode())
    assert event.state == "unreadable"
    assert "no id that leads to it" in (event.reason or "")


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, shuffled(inner, chance)) for key, inner in value.items()]
        chance.shuffle(items)
        return dict(items)
    return [shuffled(inner, chance) for inner in value] if isinstance(value, list) else value


@given(content=st.dictionaries(st.text(max_size=8), JSON, max_size=6), chance=st.randoms(), indent=st.integers(0, 4))
def test_the_order_of_keys_and_white_space_make_no_other_event(
    content: dict[str, Any], chance: random.Random, indent: int
) -> None:
    again = json.dumps(shuffled(content, chance), indent=indent, ensure_ascii=False).encode()
    assert read_event(again).content_hash == read_event(json.dumps(content).encode()).content_hash


@given(one=st.dictionaries(st.text(max_size=8), JSON, max_size=4), other=st.dictionaries(st.text(max_size=8), JSON))
def test_other_content_is_another_event(one: dict[str, Any], other: dict[str, Any]) -> None:
    # Compared as text: to Python, 1, 1.0 and True are equal.
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    hashes = {read_event(json.dumps(content).encode()).content_hash for content in (one, other)}
    assert len(hashes) == (1 if same else 2)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_nothing_that_is_posted_breaks_the_reader(body: bytes) -> None:
    event = read_event(body)
    assert event.state in ("pending", "ignored", "unreadable")
    assert (event.state == "pending") == (event.reason is None)
    assert len(event.content_hash) == 32
    assert event.body == body
    is_probe(body)


def test_depth_is_bounded() -> None:
    def nested(levels: int) -> bytes:
        return b'{"object":"reservation","data":{"id":1,"x":' + b"[" * levels + b"]" * levels + b"}}"

    assert read_event(nested(10)).state == "pending"
    for levels in (40, 900, 1_500, 200_000):
        assert read_event(nested(levels)).state == "unreadable"


def test_only_a_test_request_is_taken_for_one() -> None:
    assert is_probe(b'{"data":"test"}')
    assert is_probe(b'{ "data" : "anything" }')
    for body in (b"", b"{}", b"[]", b"test", b'{"data":{}}', b'{"id":5}', b'{"data":"' + b"x" * 2_000 + b'"}'):
        assert not is_probe(body), body
    assert not is_probe(b'{"data":"test","event":"reservation.updated"}')
    assert not is_probe(b'{"data":"test","object":"reservation"}')
