"""What is understood of a transcript's text, in each known form, and what is reported of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.transcripts.stamps import DateOrder
from sync_hostaway.transcripts.text import TranscriptText, read_transcript

TEN = datetime(2025, 5, 11, 10, 0, tzinfo=UTC)


def read(text: str, guest: str | None = "Ann Smith", order: DateOrder = DateOrder.AUTO) -> TranscriptText:
    return read_transcript(text, guest, order, UTC)


def told(text: str, guest: str | None = "Ann Smith") -> list[tuple[str | None, datetime | None, str]]:
    return [(message.sender, message.sent_at, message.body) for message in read(text, guest).messages]


HELLO = [("guest", TEN, "Hello"), ("host", TEN + timedelta(minutes=5), "Welcome: the code\nis 12")]
FORMS = {
    "numbered": "[1] May 11, 2025 at 10:00 AM\nAnn Smith: Hello\n\n"
    "[2] May 11, 2025 at 10:05 AM\nHost: Welcome: the code\nis 12\n",
    "brackets": "[2025-05-11 10:00] Guest: Hello\n[2025-05-11 10:05:00] Host: Welcome: the code\nis 12",
    "iso": "2025-05-11T10:00:00Z - Guest: Hello\n2025-05-11T12:05:00+02:00 - Host: Welcome: the code\nis 12",
    "chat": "11.05.25, 10:00 - Ann: Hello\n11.05.25, 10:05 - Sea View: Welcome: the code\nis 12",
    "chat in brackets": "[13/05/2025, 10:00:00] Sea: x\n"
    "[11/05/2025, 10:00:00] Ann: Hello\n[11/05/2025, 10:05:00] Sea: Welcome: the code\nis 12",
    "pipes": "2025-05-11 10:00 | Guest | Hello\n2025-05-11 10:05 | Host | Welcome: the code\nis 12",
    "sender first": "Guest (2025-05-11 10:00): Hello\nHost (2025-05-11 10:05): Welcome: the code\nis 12",
    "sender and time": "Ann Smith - 2025-05-11 10:00\nHello\n\nHost - 2025-05-11 10:05\nWelcome: the code\nis 12",
    "days apart": "--- May 11, 2025 ---\n[10:00] Guest: Hello\n[10:05] Host: Welcome: the code\nis 12",
    "weekday": "Sunday, May 11, 2025 10:00 AM - Guest: Hello\n"
    "So. 11.05.2025 10:05 - Host: Welcome: the code\nis 12",
    "japanese": "2025年5月11日 10:00 ゲスト: Hello\n［2025年5月11日 10:05］ ホスト：Welcome: the code\nis 12",
    "polish and turkish": "11 maja 2025 10:00 - Gość: Hello\n11 Mayıs 2025 10:05 - Host: Welcome: the code\nis 12",
    "russian": "11 мая 2025 10:00 - Гость: Hello\n11 мая 2025 10:05 - Хозяин: Welcome: the code\nis 12",
    "german": "[11. Mai 2025 10:00] Gast: Hello\n[11. Mai 2025 10:05] Gastgeber: Welcome: the code\nis 12",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_each_form_gives_the_same_messages(form: str, line_end: str) -> None:
    found = told(FORMS[form].replace("\n", line_end))
    assert found[-2:] == HELLO


def test_a_header_is_no_message_and_its_values_count() -> None:
    line = "=" * 60
    found = read(
        f"{line}\nGUEST CONVERSATION\n{line}\nGuest: Ann Smith\nListing: Lake/House\nCheck-in Date: 2025-05-11\n"
        "Total Messages: 2\n\n[1] May 11, 2025 at 10:00 AM\nGuest: Hello\n\n[2] Unknown time\nHost: Hi\n"
    )
    assert (found.header.guest, found.header.listing, str(found.header.arrival)) == (
        "Ann Smith",
        "Lake/House",
        "2025-05-11",
    )
    assert [message.body for message in found.messages] == ["Hello", "Hi"]
    assert [(note.line, note.reason) for note in found.notes] == [(12, "the time 'Unknown time' cannot be read")]


def test_a_message_of_the_guest_at_the_beginning_is_no_header() -> None:
    assert told("Guest: Hello\nHost: Hi\nAddress: 12 Mill Road\nGuest: Thanks") == [
        ("guest", None, "Hello"),
        ("host", None, "Hi\nAddress: 12 Mill Road"),
        ("guest", None, "Thanks"),
    ]


def test_the_other_side_may_have_a_name_and_one_message() -> None:
    assert told("Guest: Hello\nMaria Trask: Hi\nWifi: lake") == [
        ("guest", None, "Hello"),
        ("host", None, "Hi\nWifi: lake"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[2025-13-41 10:00] Guest: Hello", 1, "the date 2025-13-41 does not exist"),
        ("[2025-05-11 25:61] Guest: Hello", 1, "the time '25:61' does not exist"),
        ("[0001-01-01 00:00 +14:00] Guest: Hello", 1, "is out of range"),
        ("[9999-12-31 23:59 -12:00] Guest: Hello", 1, "is out of range"),
        ("[2025-05-11 12:05 PST] Guest: Hello", 1, "cannot be read"),
        ("[05/06/2025 10:00] Guest: Hello", 1, "may be of two months"),
        ("random words\n[2025-05-11 10:00] Guest: Hello", 1, "belongs to no message"),
        (
            "[2025-05-11 10:00] Guest: Hello\n[2025-05-11 10:01] Zed Q: x\n[2025-05-11 10:01] Bo: y",
            2,
            "neither the guest",
        ),
        ("[2025-05-11 10:00] Guest:\n[2025-05-11 10:01] Guest: Hello", 1, "without text"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_reported_with_its_line(text: str, line: int, reason: str) -> None:
    found = read(text)
    assert line in [note.line for note in found.notes if reason in note.reason], found.notes
    assert "Hello" in [message.body for message in found.messages]


def test_a_day_above_twelve_tells_the_order_of_all_dates() -> None:
    european = "[13/06/2025 10:00] Guest: a\n[05/06/2025 10:00] Guest: b"
    american = "[06/13/2025 10:00] Guest: a\n[06/05/2025 10:00] Guest: b"
    for text in (european, american):
        assert [message.sent_at for message in read(text).messages] == [
            datetime(2025, 6, 13, 10, tzinfo=UTC),
            datetime(2025, 6, 5, 10, tzinfo=UTC),
        ]
    [message] = read("[05/06/2025 10:00] Guest: b", order=DateOrder.MONTH_FIRST).messages
    assert message.sent_at == datetime(2025, 5, 6, 10, tzinfo=UTC)


def test_times_without_a_zone_are_of_the_zone_that_is_named() -> None:
    [message] = read_transcript("[2025-05-11 12:00] Guest: x", None, DateOrder.AUTO, ZoneInfo("Europe/Berlin")).messages
    assert message.sent_at == TEN


TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30).filter(
    lambda text: text.strip(" =-_*#~–—\u00a0") and text.strip().isprintable()
)
NAMES = st.text(st.characters(whitelist_categories=("Lu", "Ll", "Lo")), min_size=3, max_size=12)


@given(
    guest=NAMES,
    bodies=st.lists(st.tuples(st.booleans(), TEXTS), min_size=1, max_size=5),
    minutes=st.integers(min_value=0, max_value=10_000_000),
)
def test_what_is_written_comes_back(guest: str, bodies: list[tuple[bool, str]], minutes: int) -> None:
    moment = datetime(2010, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    text = "\n".join(f"[{moment:%Y-%m-%d %H:%M}] {'Guest' if ours else 'Host'}: {body}" for ours, body in bodies)
    found = read(text, guest)
    assert [(message.sender, message.sent_at) for message in found.messages] == [
        ("guest" if ours else "host", moment) for ours, _ in bodies
    ]


@given(text=st.text(max_size=300), guest=st.none() | st.text(max_size=10))
def test_no_text_is_too_odd_to_be_read(text: str, guest: str | None) -> None:
    found = read(text, guest)
    lines = text.count("\n") + text.count("\r") + 1
    assert all(1 <= message.line <= lines for message in found.messages)
    assert all(message.body.strip() for message in found.messages)
