"""Reading what is posted: any of Hostaway's shapes, and anything else there is."""

from __future__ import annotations

import base64
import gzip
import json
import random
import time
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.events.parse import is_test_request, parse_event, parse_events

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
    event = parse_event(json.dumps(body).encode())
    assert (event.state, event.object) == ("pending", "reservation")
    assert (event.object_id, event.reservation_id) == (5, 5)


@pytest.mark.parametrize("body", shapes("conversationMessage", "message.received", MESSAGE))
def test_a_message_is_found_in_any_shape(body: dict[str, Any]) -> None:
    event = parse_event(json.dumps(body).encode())
    assert (event.state, event.object) == ("pending", "conversationMessage")
    assert (event.object_id, event.conversation_id, event.reservation_id) == (9, 4, 5)


def test_an_event_of_a_new_name_about_a_known_object_is_served() -> None:
    body = {"object": "reservation", "event": "reservation.cancelled", "data": {"id": 5}}
    assert parse_event(json.dumps(body).encode()).state == "pending"


@pytest.mark.parametrize("data", [{}, {"id": None}, {"id": "x"}, {"id": True}, {"id": 0}, {"id": -1}, {"id": 10**30}])
@pytest.mark.parametrize("kind", ["reservation", "conversationMessage"])
def test_an_object_without_a_usable_id_has_a_reason(kind: str, data: dict[str, Any]) -> None:
    event = parse_event(json.dumps({"object": kind, "event": "x", "data": data}).encode())
    assert event.state == "unreadable"
    assert "no id by which it can be read" in (event.reason or "")


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
    assert parse_event(again).content_hash == parse_event(json.dumps(content).encode()).content_hash


@given(one=st.dictionaries(st.text(max_size=8), JSON, max_size=4), other=st.dictionaries(st.text(max_size=8), JSON))
def test_other_content_is_another_event(one: dict[str, Any], other: dict[str, Any]) -> None:
    # Compared as text: to Python, 1, 1.0 and True are equal.
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    hashes = {parse_event(json.dumps(content).encode()).content_hash for content in (one, other)}
    assert len(hashes) == (1 if same else 2)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_nothing_that_is_posted_breaks_the_reader(body: bytes) -> None:
    event = parse_event(body)
    assert event.state in ("pending", "ignored", "unreadable")
    assert (event.state == "pending") == (event.reason is None)
    assert len(event.content_hash) == 32
    assert event.body == body
    is_test_request(body)


def test_depth_is_bounded() -> None:
    def nested(levels: int) -> bytes:
        return b'{"object":"reservation","data":{"id":1,"x":' + b"[" * levels + b"]" * levels + b"}}"

    assert parse_event(nested(10)).state == "pending"
    for levels in (40, 900, 1_500, 200_000):
        assert parse_event(nested(levels)).state == "unreadable"


def test_only_a_test_request_is_taken_for_one() -> None:
    assert is_test_request(b'{"data":"test"}')
    assert is_test_request(b'{ "data" : "anything" }')
    for body in (b"", b"{}", b"[]", b"test", b'{"data":{}}', b'{"id":5}', b'{"data":"' + b"x" * 2_000 + b'"}'):
        assert not is_test_request(body), body
    assert not is_test_request(b'{"data":"test","event":"reservation.updated"}')
    assert not is_test_request(b'{"data":"test","object":"reservation"}')


def php(value: Any, name: str = "") -> list[tuple[str, str]]:
    """The fields of a form as PHP's http_build_query writes them."""
    if not isinstance(value, dict):
        return [(name, "" if value is None else str(value))]
    return [field for key, inner in value.items() for field in php(inner, f"{name}[{key}]" if name else key)]


def multipart(fields: dict[str, str], kind: str | None = None) -> bytes:
    """A body of the type multipart/form-data; with a content type, its fields are files."""
    files = {name: (f"{name}.json" if kind else None, text, *([kind] if kind else [])) for name, text in fields.items()}
    body = requests.Request("POST", "http://test", files=files).prepare().body
    assert isinstance(body, bytes)
    return body


WRAPPERS: list[Callable[[Any], Any]] = [
    lambda content: {"payload": content},
    lambda content: {"data": content},
    lambda content: {"payload": {"data": content}},
    lambda content: {"payload": json.dumps(content)},
    lambda content: {"data": json.dumps(content)},
    lambda content: {"body": content, "headers": {"x": "y"}},
    lambda content: [content],
    json.dumps,
]
ENCODINGS: list[Callable[[Any], bytes]] = [
    lambda content: json.dumps(content).encode(),
    lambda content: json.dumps(json.dumps(content)).encode(),
    lambda content: json.dumps(content, ensure_ascii=False).encode("utf-8-sig"),
    lambda content: json.dumps(content).encode("utf-16"),
    lambda content: json.dumps(content).encode("utf-16-le"),
    lambda content: json.dumps(content).encode("utf-32"),
    lambda content: gzip.compress(json.dumps(content).encode()),
    lambda content: urlencode({"payload": json.dumps(content)}).encode(),
    lambda content: urlencode({"data": json.dumps(content), "sent": 1}).encode(),
    lambda content: b"  \n" + json.dumps(content).encode() + b"\r\n",
    lambda content: zlib.compress(json.dumps(content).encode()),
    lambda content: json.dumps(content).encode() + b"\0\0",
    lambda content: json.dumps(content).encode() + b"\r\n-- sent by relay=1 [x] {y}",
    lambda content: json.dumps(content).encode() + b"=",
    lambda content: b")]}',\n" + json.dumps(content).encode(),
    lambda content: b"[relay] forwarded: " + json.dumps(content).encode(),
    lambda content: b"receive(" + json.dumps(content).encode() + b");",
    lambda content: b"event: message\ndata: " + json.dumps(content).encode() + b"\n\n",
    lambda content: quote(json.dumps(content)).encode(),
    lambda content: quote_plus(json.dumps(content)).replace("%7B", "%7b").encode() + b"=",
    lambda content: urlencode({"payload": quote(json.dumps(content))}).encode(),
    lambda content: urlencode({"json": json.dumps(content)}).encode(),
    lambda content: base64.b64encode(json.dumps(content).encode()),
    lambda content: base64.urlsafe_b64encode(json.dumps([content], indent=2).encode()) + b"\n",
    lambda content: json.dumps(
        {"message": {"data": base64.b64encode(json.dumps(content).encode()).decode(), "messageId": "1"}}
    ).encode(),
    lambda content: json.dumps({"id": "6a7e", "detail-type": "x", "detail": content}).encode(),
    lambda content: multipart({"payload": json.dumps(content)}),
    lambda content: multipart({"sent": "1", "data": json.dumps(content)}, "application/json; charset=utf-8"),
]
SPELLINGS: list[Callable[[int], Any]] = [int, str, float, lambda id: f" {id} ", lambda id: f"{id}.0"]


@given(
    id=st.integers(1, 2**52),
    spelling=st.sampled_from(SPELLINGS),
    wrappers=st.lists(st.sampled_from(WRAPPERS), max_size=2),
    encoding=st.sampled_from(ENCODINGS),
    name=st.sampled_from(["reservation.updated", "Reservation.Updated", "RESERVATION.CREATED"]),
    kind=st.sampled_from([None, "reservation", "Reservation", "RESERVATIONS"]),
)
def test_an_id_is_found_in_any_wrapper(
    id: int,
    spelling: Callable[[int], Any],
    wrappers: list[Callable[[Any], Any]],
    encoding: Callable[[Any], bytes],
    name: str,
    kind: str | None,
) -> None:
    content: Any = {
        "event": name,
        "data": {"id": spelling(id), "listingMapId": 3},
        **({"object": kind} if kind else {}),
    }
    for wrap in wrappers:
        content = wrap(content)
    (event,) = parse_events(encoding(content))
    assert (event.state, event.object, event.object_id, event.reservation_id) == ("pending", "reservation", id, id)
    assert event.event == name


@pytest.mark.parametrize(
    "body",
    [
        urlencode(php({"object": "reservation", "event": "reservation.updated", "data": RESERVATION})).encode(),
        b'{"event": "reservation.updated", "reservation": {"id": 5}}',
        b'{"event": "reservation.updated", "object": {"id": 5}}',
        b'{"event": "reservation.updated", "reservationId": 5}',
        b'{"Object": "Reservation", "Event": "reservation.updated", "Data": {"ID": "5"}}',
        b'{"id": 77, "event": "reservation.updated", "data": {"id": 5}}',
    ],
)
def test_other_forms_lead_to_the_reservation(body: bytes) -> None:
    (event,) = parse_events(body)
    assert (event.state, event.object, event.object_id, event.reservation_id) == ("pending", "reservation", 5, 5)


@pytest.mark.parametrize(
    "body",
    [
        [{"event": "reservation.updated", "data": {"id": id, "arrivalDate": None}} for id in (5, 6)],
        {"object": "reservation", "event": "reservation.updated", "data": [{"id": 5}, {"id": 6}]},
        {"events": [{"object": "reservation", "data": {"id": id}} for id in (5, 6)]},
        {"1": {"object": "reservation", "data": {"id": 5}}, "3": {"object": "reservation", "data": {"id": 6}}},
        {"object": "reservation", "event": "reservation.updated", "data": {"0": {"id": 5}, "10": {"id": 6}}},
        json.dumps([json.dumps({"object": "reservation", "data": {"id": id}}) for id in (5, 6)]),
        {"items": [{"object": "reservation", "data": {"id": id}} for id in (5, 6)]},
    ],
)
def test_each_event_of_a_batch_is_read(body: Any) -> None:
    found = parse_events(json.dumps(body).encode())
    assert [(event.state, event.object_id) for event in found] == [("pending", 5), ("pending", 6)]
    assert len({event.content_hash for event in found}) == 2
    assert [parse_events(event.body or b"") for event in found] == [[event] for event in found]


@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\n\n", b"\n\x1e", b"\0", b"", b",", b"\ndata: "])
@pytest.mark.parametrize("indent", [None, 2])
def test_each_of_several_documents_is_read(separator: bytes, indent: int | None) -> None:
    bodies = [
        json.dumps({"object": "reservation", "data": {"id": id, "url": "https://a.example/?a=1&b=2"}}, indent=indent)
        for id in (5, 6, 7)
    ]
    found = parse_events(separator.join(body.encode() for body in bodies) + separator)
    assert [(event.state, event.object_id) for event in found] == [("pending", 5), ("pending", 6), ("pending", 7)]


def test_documents_that_cannot_be_read_are_kept_beside_the_others() -> None:
    lines = [b'{"object": "reservation", "data": {"id": %d}}' % id for id in (5, 6)]
    found = parse_events(b"\n".join([b'{"object": "reservation", "data": {"id": oops}}', *lines, b'{"data": {"id"']))
    assert [(event.state, event.object_id) for event in found[:2]] == [("pending", 5), ("pending", 6)]
    (unread,) = found[2:]
    assert unread.state == "unreadable"
    assert b"oops" in (unread.body or b"")
    assert b'{\\"data\\": {\\"id\\"' in (unread.body or b"")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_document_that_cannot_be_read_is_kept_beside_a_single_one(is_first: bool) -> None:
    lines = [b'{"object": "reservation", "data": {"id": 5}}', b'{"object": "reservation", "data": {"id": oops']
    read, unread = parse_events(b"\n".join(reversed(lines) if is_first else lines))
    assert (read.state, read.object_id, unread.state) == ("pending", 5, "unreadable")
    assert b"oops" in (unread.body or b"")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("reservation_updated", "reservation"),
        ("reservationCreated", "reservation"),
        ("new-reservation", "reservation"),
        ("RESERVATION:UPDATED", "reservation"),
        ("message_received", "conversationMessage"),
        ("newConversationMessage", "conversationMessage"),
        ("listing.updated", None),
    ],
)
def test_an_event_names_its_object_in_any_spelling(name: str, kind: str | None) -> None:
    (event,) = parse_events(json.dumps({"event": name, "data": {"id": 5, "reservationId": 5}}).encode())
    assert (event.object, event.state) == (kind, "pending" if kind else "ignored")


def test_a_part_of_a_document_that_was_cut_off_is_no_event() -> None:
    whole = json.dumps({"object": "reservation", "data": {"id": 5, "conversationId": 6}, "more": "text"}, indent=2)
    (event,) = parse_events(whole[:-5].encode())
    assert event.state == "unreadable"


def test_multipart_holds_a_batch_as_well() -> None:
    parts = [
        b'--x\r\nContent-Type: application/json\r\n\r\n{"object":"reservation","data":{"id":%d}}' % n for n in (5, 6)
    ]
    found = parse_events(b"\r\n".join([*parts, b"--x--\r\n"]))
    assert [(event.state, event.object_id) for event in found] == [("pending", 5), ("pending", 6)]


def test_a_long_batch_is_read_whole() -> None:
    found = parse_events(
        json.dumps([{"object": "reservation", "data": {"id": id}} for id in range(1, 20_001)]).encode()
    )
    assert [event.object_id for event in found] == list(range(1, 20_001))
    assert {event.state for event in found} == {"pending"}


@pytest.mark.parametrize(
    "line", [b'{"a":', b"[[", b'{"', b"{", b'"{', b'{"a":"', b"data: {", b'""', b"--x\r\nContent-Type: a"]
)
def test_long_bodies_of_nonsense_are_read_in_seconds(line: bytes) -> None:
    began = time.process_time()
    (event,) = parse_events(b"\n".join([line] * (1_000_000 // len(line))))
    assert event.state in ("unreadable", "ignored")
    assert time.process_time() - began < 20


def test_a_form_holds_a_batch_as_well() -> None:
    found = parse_events(b"object=reservation&event=reservation.updated&data[0][id]=5&data[1][id]=6")
    assert [(event.state, event.object_id) for event in found] == [("pending", 5), ("pending", 6)]


@pytest.mark.parametrize(
    "body", [b"event=reservation.updated%00&data[id]=5", b"event=reservation.updated&data[id%00]=5"]
)
def test_a_form_holds_nothing_that_cannot_be_stored(body: bytes) -> None:
    (event,) = parse_events(body)
    assert (event.state, event.object_id) == ("pending", 5)
    assert "\0" not in str(event.event)


def test_a_long_body_that_was_cut_off_is_read_once() -> None:
    # Trying each of its quotes as the beginning of a text took hours, in which the API server served nothing.
    (event,) = parse_events(b'"{' + b'\\"' * 300_000)
    assert event.state == "unreadable"


def test_what_a_guest_writes_is_no_wrapper() -> None:
    words = json.dumps({"object": "reservation", "event": "reservation.updated", "data": {"id": 666}})
    for content in ({**MESSAGE, "body": words}, {"object": "conversationMessage", "data": {**MESSAGE, "body": words}}):
        (event,) = parse_events(json.dumps(content).encode())
        assert (event.object, event.object_id, event.conversation_id) == ("conversationMessage", 9, 4)


def test_an_event_that_is_short_and_encoded_twice_is_no_test_request() -> None:
    assert not is_test_request(b'{"data": "{\\"object\\": \\"reservation\\", \\"id\\": 5}"}')


def test_a_bomb_is_not_unpacked() -> None:
    assert parse_event(gzip.compress(b" " * 50_000_000)).state == "unreadable"


@pytest.mark.parametrize(
    "body", [b"", b" ", b"=", b"[]", b'""', b"null", b"not json", b"\x1f\x8b\x08", b"\xff\xfe\x00"]
)
def test_what_holds_nothing_is_kept_as_unreadable(body: bytes) -> None:
    (event,) = parse_events(body)
    assert (event.state, event.body) == ("unreadable", body)
