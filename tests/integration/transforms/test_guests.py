"""Who is the same guest: merges, splits, and equality with a count from scratch."""

from __future__ import annotations

import itertools
import random
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from landing_harness import LandingHarness, edited_project, listing, reservation
from sync_hostaway.local.postgres import EmbeddedPostgres
from waiting import eventually

pytestmark = pytest.mark.integration

FORMS: list[Literal["NFC", "NFD", "NFKC", "NFKD"]] = ["NFC", "NFD", "NFKC", "NFKD"]


def guests_of(harness: LandingHarness) -> dict[int, int]:
    """Guest of each reservation, and the proof that no two tables disagree on it."""
    links = dict(harness.rows("select reservation_id, guest_id from hostaway.reservation_guests"))
    assert dict(harness.rows("select reservation_id, guest_id from hostaway.reservations")) == links
    current = harness.rows(
        "select guest_id, reservations_count from hostaway.guests where merged_into_guest_id is null"
    )
    assert dict(current) == {guest: list(links.values()).count(guest) for guest in set(links.values())}
    merged = harness.rows(
        "select guest_id, merged_into_guest_id, is_deleted from hostaway.guests where merged_into_guest_id is not null"
    )
    assert all(links[guest] == into and gone for guest, into, gone in merged)
    return links


def airbnb(number: int, guest: int | None, email: str | None = None, **fields: Any) -> dict[str, Any]:
    fields = {"channelId": 2018, **fields}
    return reservation(number, guestExternalAccountId=guest and str(guest), guestEmail=email, **fields)


@pytest.fixture
def harness(harness: LandingHarness) -> LandingHarness:
    harness.land("listings", listing(1))
    return harness


def test_a_channel_id_or_an_own_address_joins_and_a_relay_does_not(harness: LandingHarness) -> None:
    harness.land(
        "reservations",
        airbnb(10, 900, "ann@mail.com"),
        airbnb(11, 900),
        airbnb(12, None, "ANN@mail.com "),
        airbnb(13, None, "x@guest.booking.com"),
        airbnb(14, None, "x@guest.booking.com"),
        airbnb(15, None),
    )
    harness.transform()
    assert guests_of(harness) == {10: 10, 11: 10, 12: 10, 13: 13, 14: 14, 15: 15}


def test_guests_merge_when_a_reservation_links_them_and_split_when_it_stops(harness: LandingHarness) -> None:
    harness.land("reservations", airbnb(10, 900), airbnb(11, None, "ann@mail.com"), airbnb(12, 901))
    harness.transform()
    assert guests_of(harness) == {10: 10, 11: 11, 12: 12}

    harness.land("reservations", airbnb(12, 900, "ann@mail.com"))
    harness.transform()
    assert guests_of(harness) == {10: 10, 11: 10, 12: 10}
    assert harness.rows("select guest_id, merged_into_guest_id from hostaway.guests where is_deleted order by 1") == [
        (11, 10),
        (12, 10),
    ]

    harness.land("reservations", airbnb(12, 901))
    harness.transform()
    assert guests_of(harness) == {10: 10, 11: 11, 12: 12}


def test_the_first_reservation_of_a_guest_may_leave(harness: LandingHarness) -> None:
    harness.land("reservations", airbnb(10, 900), airbnb(11, 900), airbnb(12, 901))
    harness.transform()
    harness.land("reservations", airbnb(10, 901))
    harness.transform()
    assert guests_of(harness) == {10: 10, 11: 11, 12: 10}


def guests_by_name(harness: LandingHarness, *rows: dict[str, Any]) -> list[set[int]]:
    harness.land("reservations", *rows)
    harness.transform()
    links = guests_of(harness)
    return [{number for number, guest in links.items() if guest == leader} for leader in sorted(set(links.values()))]


def test_an_identity_joins_equal_names_alone(harness: LandingHarness) -> None:
    identities: tuple[dict[str, Any], ...] = (
        {"guestEmail": "smiths@mail.com"},
        {"guestExternalAccountId": "900"},
        {"phone": "+1 310 555 0100"},
        {"guestEmail": "others@mail.com", "phone": "+1 310 555 0200"},
    )
    names = ["Ann Smith", "Carlos Diaz", "Mia Wong", "Bob Smith", "SMITH, Ánn  Q."]
    rows = [
        reservation(100 * place + n, channelId=2018, guestName=name, **identity)
        for place, identity in enumerate(identities, start=1)
        for n, name in enumerate(names)
    ]
    assert guests_by_name(harness, *rows) == [
        group for start in (100, 200, 300, 400) for group in ({start, start + 4}, {start + 1}, {start + 2}, {start + 3})
    ]


def joined(harness: LandingHarness, field: str, values: Sequence[str], **fields: Any) -> list[str]:
    """The values that make one guest of two reservations."""
    rows = [
        reservation(number, channelId=2018, **{"guestName": "Ann Smith", **fields, field: value})
        for place, value in enumerate(values)
        for number in (100 + 2 * place, 101 + 2 * place)
    ]
    return [values[(min(group) - 100) // 2] for group in guests_by_name(harness, *rows) if len(group) > 1]


def test_an_office_a_relay_and_a_placeholder_are_no_address_of_a_person(harness: LandingHarness) -> None:
    values = [
        "reservations@agency.com",
        "Booking@agency.com",
        "info@agency.com",
        "noreply@agency.com",
        "do-not-reply+7@agency.com",
        "paris-reservations@agency.com",
        "front.desk@agency.com",
        "na@na.com",
        "N/A@agency.com",
        "test@test.com",
        "test2@mail.com",
        "none@mail.com",
        "unknown@mail.com",
        "ann@none.com",
        "ann@nowhere.invalid",
        "xxxx@mail.com",
        "x@guest.booking.com",
        "x@m.expediapartnercentral.com",
        "null",
        "-",
        "welcome@agency.com",
        "contact-us@agency.com",
        "travelagent3@agency.com",
        "madrid.bookingdesk@agency.com",
        "backoffice@agency.com",
        "noemailprovided@mail.com",
    ]
    assert joined(harness, "guestEmail", values) == []
    assert harness.rows("select distinct has_real_email from hostaway.guests") == [(False,)]


def test_a_placeholder_is_no_id_of_a_channel(harness: LandingHarness) -> None:
    values = ["-1", "0", "000", "0.0", "-", "n/a", "None", "null", "undefined", "unknown", "1111", "xxx", "123456789"]
    values += ["00000000-0000-0000-0000-000000000000", "\u200b0\u00a0", "[object Object]"]
    assert joined(harness, "guestExternalAccountId", values) == []


def test_a_placeholder_is_no_phone_number(harness: LandingHarness) -> None:
    values = ["0000000", "111-111-1111", "123456789", "+1 234 567 890", "555", "n/a"]
    assert joined(harness, "phone", values) == []


def test_a_placeholder_is_no_name(harness: LandingHarness) -> None:
    values = ["Guest", "guest guest", "N/A", "Airbnb Guest", "Not Available", "Test", "  "]
    assert joined(harness, "guestName", [*values, "Ann Smith"], phone="+1 310 555 0100") == ["Ann Smith"]


def test_the_same_person_on_two_channels_is_known_by_name_and_phone(harness: LandingHarness) -> None:
    spellings = ["+49 (0)30 1234578", "030/1234578", "0049 30 123 45 78", "+49301234578 ext. 5"]
    rows = [
        reservation(n, channelId=2000 + n, guestName="Änn Müller", guestExternalAccountId=str(n), phone=phone)
        for n, phone in enumerate(spellings, start=10)
    ]
    assert guests_by_name(harness, *rows, reservation(20, guestName="Ann Lee", phone=spellings[0])) == [
        {10, 11, 12, 13},
        {20},
    ]


def test_one_number_in_two_countries_is_that_of_two_people(harness: LandingHarness) -> None:
    maria, ann = {"guestName": "Maria Silva"}, {"guestName": "Ann Lee"}
    rows = [
        reservation(10, phone="+351 912 345 670", **maria),
        reservation(11, phone="0034 912 345 670", **maria),
        # It may be either's.
        reservation(12, phone="912 345 670", **maria),
        reservation(20, phone="+1 310 555 0100", **ann),
        reservation(21, phone="+1 (310) 555-0100 x5", **ann),
        reservation(22, phone="310 555 0100", **ann),
        reservation(23, phone="+1 410 555 0100", guestName="Bob Ray"),
    ]
    assert guests_by_name(harness, *rows[:-1]) == [{10}, {11}, {12}, {20, 21, 22}]
    # The other country goes: the number joins again.
    harness.land("reservations", {**rows[1], "phone": None})
    harness.transform()
    assert len(set(guests_of(harness).values())) == 3


def spelled(draw: st.DrawFn, text: str) -> str:
    """The same text with invisible characters, in another case and another Unicode form."""
    letters = [
        letter + draw(st.sampled_from(["", "", "", "\u200b", "\u00ad", "\ufeff", "\u2060", "\u200e", "\U000e0061"]))
        for letter in text
    ]
    text = unicodedata.normalize(draw(st.sampled_from(FORMS)), "".join(letters))
    return draw(st.sampled_from([text, text.lower(), text.upper()]))


PEOPLE = {
    "rené@münchen.example": "rené@xn--mnchen-3ya.example",
    "ivan@почта.рф": "ivan@xn--80a1acny.xn--p1ai",
    "արամ@mail.example": "արամ@mail.example",
}


@st.composite
def spelled_addresses(draw: st.DrawFn, person: str) -> str:
    address = spelled(draw, draw(st.sampled_from([person, PEOPLE[person]])))
    around = draw(
        st.sampled_from(
            [
                "{}",
                " {} ",
                "\u00a0{}",
                "{}/",
                "{}>",
                "“{}”",
                "«{}»",
                "<{}>",
                "mailto:{}",
                "<mailto:{}>",
                "Ann Lee <{}>",
                '"A" <{}>;',
                "{}\r\n",
            ]
        )
    )
    return around.format(address)


@given(st.data())
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_address_is_the_same_in_every_spelling(harness: LandingHarness, data: st.DataObject) -> None:
    spellings = {person: data.draw(st.lists(spelled_addresses(person), min_size=20, max_size=20)) for person in PEOPLE}
    start = harness.value("select coalesce(max(entity_id::bigint), 0) + 1 from landing.reservations")
    rows = [
        reservation(start + place, guestEmail=spelling, guestName="Ann Lee", note=spelling)
        for place, spelling in enumerate(spelling for group in spellings.values() for spelling in group)
    ]
    harness.land("reservations", *rows)
    harness.transform()
    seen = dict(harness.rows("select reservation_id, email_key from hostaway.reservation_guests"))
    place = start
    for person, group in spellings.items():
        for spelling in group:
            assert seen[place] == person, spelling
            place += 1


def test_a_name_is_the_same_in_every_spelling(harness: LandingHarness) -> None:
    names = ["José García-Núñez", "Øystein Łukasz", "МАРИЯ Иванова", "Αννα Παπάς", "王 伟", "O’Brien Ann", "Lee, Ann"]
    rows = []
    for place, name in enumerate(names, start=1):
        variants = {name, name.upper(), name.lower(), f" {name.replace(' ', '   ')}. "}
        variants |= {" ".join(reversed(name.replace(",", "").split(" ")))}
        forms = {unicodedata.normalize(form, variant) for form in FORMS for variant in variants}
        rows += [
            reservation(100 * place + n, guestEmail=f"g{place}@mail.com", guestName=form)
            for n, form in enumerate(sorted(forms))
        ]
    assert len(guests_by_name(harness, *rows)) == len(names)


def test_titles_blanks_between_characters_and_forms_of_an_id_make_no_other_person(harness: LandingHarness) -> None:
    names = [
        ("John Smith", "Mr John Smith", "MR. JOHN SMITH", "Mr.John Smith", "Smith, Mr. John", "Prof. Dr. John Smith"),
        ("Anna Maria Núñez", "Sra. Anna Maria Nunez", "Señora Anna Maria Núñez"),
        ("王小明", "王 小明", "王\u3000小明"),
        ("김민수", "김 민수"),
        ("やまだはなこ", "やまだ はなこ"),
    ]
    # Each pair differs.
    others = [("Mr Smith", "Mrs Jones"), ("王小明", "王大明"), ("김민수", "김민호"), ("Misses Ann", "Ann Miss")]
    ids = [("884413", "884413.0", "0884413", " +884413 "), ("a0884413", "a884413"), ("88441.3", "884413.1")]
    rows = [
        reservation(100 * place + n, guestEmail=f"g{place}@mail.com", guestName=name)
        for place, variants in enumerate([*names, *others], start=1)
        for n, name in enumerate(variants)
    ]
    rows += [
        reservation(100 * place + n, channelId=2018, guestName="Ann Lee", guestExternalAccountId=value)
        for place, values in enumerate(ids, start=21)
        for n, value in enumerate(values)
    ]
    one_person = [{100 * place + n for n in range(len(variants))} for place, variants in enumerate(names, start=1)]
    strangers = [{100 * place + n} for place in (6, 7, 8, 9, 22, 23) for n in (0, 1)]
    assert guests_by_name(harness, *rows) == sorted([*one_person, *strangers, {2100, 2101, 2102, 2103}], key=min)


def test_vowel_marks_and_digits_of_other_scripts_make_no_other_person(harness: LandingHarness) -> None:
    names = [("مُحَمَّد علي", "علي، محمد"), ("דָּוִד כהן", "דוד כהן"), ("约翰·史密斯", "约翰・史密斯")]
    phones = [("+49 30 1234578", "٠٣٠/١٢٣٤٥٧٨"), ("+98 912 5550100", "۰۹۱۲ ۵۵۵ ۰۱۰۰")]
    rows = [
        reservation(100 * place + n, guestEmail=f"g{place}@mail.com", guestName=name)
        for place, variants in enumerate(names, start=1)
        for n, name in enumerate(variants)
    ]
    rows += [
        reservation(100 * place + n, guestName="Ann Lee", phone=phone)
        for place, variants in enumerate(phones, start=11)
        for n, phone in enumerate(variants)
    ]
    assert guests_by_name(harness, *rows) == [{100 * place, 100 * place + 1} for place in (1, 2, 3, 11, 12)]


def test_a_name_that_is_too_long_is_not_none(harness: LandingHarness) -> None:
    shared = {"guestEmail": "ann@mail.com"}
    rows = [reservation(10, guestName="Mia Wong", **shared), reservation(11, guestName="Bob " * 100, **shared)]
    assert guests_by_name(harness, *rows) == [{10}, {11}]


def test_a_name_that_may_be_short_for_two_is_short_for_none(harness: LandingHarness) -> None:
    email = {"guestEmail": "ann@mail.com"}
    rows = [
        reservation(10, guestName="Ann", **email),
        reservation(11, guestName="Ann L.", **email),
        reservation(12, **email),
    ]
    assert guests_by_name(harness, *rows) == [{10, 11, 12}]
    assert guests_by_name(harness, reservation(13, guestName="Ann Lee", **email)) == [{10, 11, 12, 13}]
    assert guests_by_name(harness, reservation(14, guestName="Bob Ray", **email)) == [{10, 11, 13}, {12}, {14}]
    assert guests_by_name(harness, reservation(15, guestName="Ann Low", **email)) == [
        {10},
        {11},
        {12},
        {13},
        {14},
        {15},
    ]
    assert guests_by_name(harness, reservation(15, guestName="Bob", **email)) == [{10, 11, 13}, {12}, {14, 15}]


def test_no_guest_has_two_names_through_one_without(harness: LandingHarness) -> None:
    rows = [
        reservation(10, guestName="Ann Lee", guestEmail="ann@mail.com"),
        airbnb(11, 900, "ann@mail.com"),
        airbnb(12, 900, guestName="Bob Ray"),
    ]
    assert guests_by_name(harness, *rows) == [{10}, {11}, {12}]


def test_a_name_that_differs_between_channels_does_not_split_a_person(harness: LandingHarness) -> None:
    bookings = [
        reservation(
            number,
            channelId=2005,
            guestExternalAccountId=str(number),
            guestEmail="ann@mail.com",
            guestName="Ann Lee",
        )
        for number in (10, 11)
    ]
    harness.land("reservations", *bookings, airbnb(12, 900, "ann@mail.com", guestName="Ann"))
    harness.transform()
    assert set(guests_of(harness).values()) == {10}
    # on neither channel are there two guests under different names
    harness.land("reservations", airbnb(13, 900, "ann@mail.com", guestName="Ann Lee"))
    harness.transform()
    assert set(guests_of(harness).values()) == {10}


def test_guests_that_an_older_project_merged_come_apart(harness: LandingHarness, tmp_path: Path) -> None:
    older = edited_project(tmp_path, "macros/identities.sql", '"office", "buero"', '"buero"')
    rows = [reservation(n, guestEmail="office@agency.com", guestName="Ann Lee") for n in range(100, 105)]
    harness.land("reservations", *rows)
    harness.transform(project_dir=older)
    assert set(guests_of(harness).values()) == {100}

    harness.transform()
    assert guests_of(harness) == {number: number for number in range(100, 105)}


def test_a_table_of_an_older_version_gets_the_columns_it_lacks(harness: LandingHarness) -> None:
    harness.land("reservations", airbnb(10, 900, guestName="Ann Lee"), airbnb(11, 900, guestName="Bob Ray"))
    harness.transform()
    harness.connection.execute(
        """
        alter table hostaway.reservation_guests
            drop column phone_key cascade, drop column name_words cascade, drop column is_shared_phone cascade,
            add column person_key text;
        update hostaway.reservation_guests set guest_id = 10;
        update hostaway.reservations set guest_id = 10;
        update ops.transforms set project_hash = 'older';
        """
    )
    harness.transform()
    assert guests_of(harness) == {10: 10, 11: 11}


def test_a_regular_with_a_new_id_for_each_stay_is_one_guest(harness: LandingHarness) -> None:
    harness.land("reservations", *(airbnb(10 + stay, stay, "ann@mail.com", guestName="Ann") for stay in range(1, 7)))
    harness.transform()
    assert set(guests_of(harness).values()) == {11}


def test_accounts_share_no_guest(harness: LandingHarness) -> None:
    harness.land("listings", listing(1), account=2)
    harness.land("reservations", airbnb(10, 900))
    harness.land("reservations", airbnb(11, 900), account=2)
    harness.transform()
    assert guests_of(harness) == {10: 10, 11: 11}


def test_an_identity_of_many_people_merges_no_guests(harness: LandingHarness) -> None:
    kinds = {100: {"guestExternalAccountId": "900"}, 200: {"guestEmail": "a@mail.com"}, 300: {"phone": "7315550100"}}
    names = [f"Ann {letter}. Lee{letter}" for letter in "abcdefghij"]
    rows = [
        reservation(start + n, guestName=name, channelId=2018, **identity)
        for start, identity in kinds.items()
        for n, name in enumerate([*names, names[0]])
    ]
    pairs = [{start, start + 10} for start in kinds]
    assert [group for group in guests_by_name(harness, *rows) if len(group) > 1] == pairs

    bob = {start: reservation(start + 20, guestName="Bob Ray", channelId=2018) for start in kinds}
    groups = guests_by_name(harness, *(bob[start] | identity for start, identity in kinds.items()))
    assert all(len(group) == 1 for group in groups)
    assert harness.value(
        "select bool_and(is_shared_channel or is_shared_mailbox or is_shared_phone) from hostaway.reservation_guests"
    )

    assert [group for group in guests_by_name(harness, *bob.values()) if len(group) > 1] == pairs


def test_a_placeholder_does_not_make_one_person_of_those_behind_an_address(harness: LandingHarness) -> None:
    rows = [airbnb(number, 1, "office@agency.com", guestName=f"Guest {number}") for number in range(100, 125)]
    others = [airbnb(number, 1, f"g{number}@mail.com") for number in range(200, 225)]
    harness.land("reservations", *rows, *others)
    harness.transform()
    assert guests_of(harness) == {number: number for number in (*range(100, 125), *range(200, 225))}


def test_a_long_chain_is_one_guest(harness: LandingHarness) -> None:
    numbers = list(range(100, 1100))
    random.Random(1).shuffle(numbers)
    harness.land(
        "reservations",
        *(airbnb(number, place // 2, f"g{(place + 1) // 2}@mail.com") for place, number in enumerate(numbers, start=2)),
    )
    harness.transform()
    assert set(guests_of(harness).values()) == {100}


def test_a_placeholder_on_every_reservation_takes_no_longer_than_none(
    harness: LandingHarness, embedded_postgres: EmbeddedPostgres
) -> None:
    count = 4_000
    harness.land("reservations", *(airbnb(number, 1, f"g{number % 3_000}@mail.com") for number in range(1, count + 1)))
    # Not by the clock: it also counts the time in which PostgreSQL waits for a processor.
    server = psutil.Process(embedded_postgres.status().pid)
    backends, before = set(server.children()), server.cpu_times()
    harness.transform()
    eventually(lambda: not set(server.children()) - backends)
    after = server.cpu_times()
    assert harness.value("select count(distinct guest_id) from hostaway.guests where not is_deleted") == 3_000
    assert after.children_user + after.children_system - before.children_user - before.children_system < 5


# Spelling of a name: what is compared, what it begins with, its last initial, how much it says.
SPELLINGS: dict[str | None, tuple[str, str, str, int]] = {
    None: ("", "", "", 0),
    "ann": ("ann", "ann", "", 1),
    "Ann.": ("ann", "ann", "", 1),
    "Ann L.": ("ann l", "ann", "l", 2),
    "Ann Lee": ("ann lee", "ann", "l", 3),
    "ANN Q. LEE": ("ann lee", "ann", "l", 3),
    "Ann Low": ("ann low", "ann", "l", 3),
    "Bob Lee": ("bob lee", "bob", "l", 3),
    "Lee Bob": ("bob lee", "lee", "b", 3),
    "Bob": ("bob", "bob", "", 1),
}


def identities_of(row: dict[str, Any]) -> list[tuple[str, str]]:
    account = row["guestExternalAccountId"]
    found = {"channel": account and f"{row['channelId']}:{account}", "email": row["guestEmail"], "phone": row["phone"]}
    return [(kind, key) for kind, key in found.items() if key]


# The decision about each reservation: merge or split, and the person.
Decisions = dict[int, tuple[str, str]]


def decided_project(folder: Path, decisions: Decisions) -> Path:
    """A copy of the project with decisions about guests of account 1."""
    header = "account_id,reservation_id,decision,person\n"
    rows = [f"1,{number},{decision},{person}\n" for number, (decision, person) in decisions.items()]
    return edited_project(folder, "seeds/guest_decisions.csv", header, header + "".join(rows))


def test_a_decision_wins_over_evidence(harness: LandingHarness, tmp_path: Path) -> None:
    same = {"guestEmail": "ann@mail.com", "guestName": "Ann Lee"}
    rows = [reservation(number, **same) for number in (10, 11, 12, 13)]
    rows += [
        reservation(20, guestName="Bob Ray", guestEmail="bob@mail.com"),
        airbnb(21, 900, "bob@mail.com", guestName="Bob Ray"),
    ]
    rows += [airbnb(30, 901, guestName="Mia Wong")]
    harness.land("reservations", *rows)
    harness.transform()
    assert guests_of(harness) == {10: 10, 11: 10, 12: 10, 13: 10, 20: 20, 21: 20, 30: 30}

    decided = decided_project(
        tmp_path,
        {11: ("split", ""), 12: ("split", "cousin"), 13: ("split", "cousin"), 21: ("merge", "x"), 30: ("merge", "x")},
    )
    harness.transform(project_dir=decided)
    assert guests_of(harness) == {10: 10, 11: 11, 12: 12, 13: 12, 20: 20, 21: 20, 30: 20}
    assert harness.rows(
        "select kind, identity, reservation_ids from marts.guest_identities where guest_id = 20"
        " and is_evidence order by 1"
    ) == [("decision", "x", [21, 30]), ("email", "bob@mail.com", [20, 21])]
    # What lands later follows the decision, too.
    harness.land("reservations", reservation(11, **same, nights=5), airbnb(31, 901, guestName="Mia Wong"))
    harness.transform(project_dir=decided)
    assert guests_of(harness) == {10: 10, 11: 11, 12: 12, 13: 12, 20: 20, 21: 20, 30: 20, 31: 20}

    harness.transform()
    assert guests_of(harness) == {10: 10, 11: 10, 12: 10, 13: 10, 20: 20, 21: 20, 30: 30, 31: 30}


Joining = dict[int, set[tuple[str, str]]]


def joining_identities(reservations: dict[int, dict[str, Any]]) -> Joining:
    """Of each reservation, the identities that not too many people use."""
    people: dict[tuple[str, str], set[str]] = {}
    for row in reservations.values():
        keys = dict(identities_of(row))
        for kind, key in keys.items():
            other = {"channel": "email", "email": "channel"}.get(kind, "")
            if person := SPELLINGS[row["guestName"]][0] or keys.get(other):
                people.setdefault((kind, key), set()).add(person)
    return {
        number: {identity for identity in identities_of(row) if len(people.get(identity, ())) <= 10}
        for number, row in reservations.items()
    }


def components_of(reservations: dict[int, dict[str, Any]], joining: Joining, decisions: Decisions) -> dict[int, int]:
    leader = {number: number for number in reservations}

    def find(number: int) -> int:
        while leader[number] != number:
            number = leader[number]
        return number

    for one, two in itertools.combinations(reservations, 2):
        names = {SPELLINGS[reservations[number]["guestName"]][0] for number in (one, two)}
        shared = joining[one] & joining[two]
        people = {decisions.get(number, ("", str(number)))[1] for number in (one, two)}
        is_decided = len(people) == 1 and people != {""}
        if is_decided or (len(names) == 1 and any(names != {""} or kind != "phone" for kind, _ in shared)):
            small, large = sorted((find(one), find(two)))
            leader[large] = small
    return {number: find(number) for number in reservations}


def only_longer_name(mine: tuple[str, str, str, int], others: dict[int, tuple[str, str, str, int]]) -> int | None:
    _, first_word, initial, level = mine
    longer = {
        component: name
        for component, name in others.items()
        if level < name[3] and (level < 1 or name[1] == first_word) and (level < 2 or name[2] == initial)
    }
    longest = [component for component, name in longer.items() if name[3] == max(n[3] for n in longer.values())]
    first_words = {name[1] for name in longer.values()}
    initials = {name[2] for name in longer.values()} - {""}
    return longest[0] if len(longest) == len(first_words) == 1 and len(initials) <= 1 else None


def by_union_find(reservations: dict[int, dict[str, Any]], decisions: Decisions) -> dict[int, int]:
    """The same answer by the simplest means."""
    nothing = {"guestExternalAccountId": None, "guestEmail": None, "phone": None}
    reservations = {
        number: {**row, **(nothing if decisions.get(number, ("",))[0] == "split" else {})}
        for number, row in reservations.items()
    }
    joining = joining_identities(reservations)
    components = components_of(reservations, joining, decisions)
    names = {component: SPELLINGS[reservations[component]["guestName"]] for component in components.values()}
    strong: dict[int, set[tuple[str, str]]] = {}
    for number, component in components.items():
        strong.setdefault(component, set()).update(key for key in joining[number] if key[0] != "phone")
    pointers = {
        component: only_longer_name(
            names[component], {other: names[other] for other in names if strong[component] & strong[other]}
        )
        for component in names
    }

    def root(component: int) -> int:
        target = pointers[component]
        return component if target is None else root(target)

    guests: dict[int, int] = {}
    for component in sorted(names):
        guests.setdefault(root(component), component)
    return {number: guests[root(component)] for number, component in components.items()}


# In every account of the next test. Each wins over what lands before and after it.
DECIDED: Decisions = {
    2: ("split", ""),
    5: ("split", "p1"),
    6: ("split", "p1"),
    9: ("merge", "p1"),
    12: ("merge", "p2"),
    17: ("merge", "p2"),
    21: ("merge", "p3"),
    24: ("split", ""),
}
ACCOUNTS = itertools.count(2, 2)


@pytest.fixture
def decided(tmp_path: Path) -> Path:
    rows = [
        f"{account},{number},{decision},{person}\n"
        for account in range(2, 40)
        for number, (decision, person) in DECIDED.items()
    ]
    header = "account_id,reservation_id,decision,person\n"
    return edited_project(tmp_path, "seeds/guest_decisions.csv", header, header + "".join(rows))


@st.composite
def bookings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Versions of reservations 1 to 30, from few identities, which make large groups, or from many."""
    size = draw(st.sampled_from([3, 10, 40]))
    places = st.integers(0, size - 1)
    return [
        airbnb(
            number,
            draw(st.one_of(st.none(), places.map(lambda place: 500 + place))),
            draw(st.one_of(st.none(), places.map(lambda place: f"g{place}@mail.com"))),
            phone=draw(st.one_of(st.none(), st.none(), places.map(lambda place: str(731_555_000 + place)))),
            guestName=draw(st.sampled_from(list(SPELLINGS))),
            channelId=draw(st.sampled_from([2018, 2018, 2005])),
        )
        for number in draw(st.lists(st.integers(1, 30), min_size=5, max_size=45))
    ]


def links_of(harness: LandingHarness, account: int) -> dict[int, int]:
    query = "select reservation_id, guest_id from hostaway.reservation_guests where account_id = %s"
    return dict(harness.rows(query, account))


def everything(harness: LandingHarness) -> list[tuple[Any, ...]]:
    return harness.rows(
        "select to_jsonb(l) - 'synced_at' from hostaway.reservation_guests as l order by account_id, reservation_id"
    )


@settings(
    max_examples=5, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)
@given(data=st.data())
def check_guests_in_any_order(harness: LandingHarness, decided: Path, data: st.DataObject) -> None:
    """Two accounts get the same reservations, in another order and in other steps."""
    one, two = (account := next(ACCOUNTS)), account + 1
    versions = data.draw(bookings())
    last = {row["id"]: row for row in versions}
    shuffled = data.draw(st.permutations(list(last.values())))
    for account in (one, two):
        harness.land("listings", listing(1), account=account)
    steps = data.draw(st.integers(2, 4))
    now: dict[int, dict[str, Any]] = {}
    for step in range(steps):
        batch = versions[step::steps]
        # one load for each, as a delta lands them: the later version of a reservation counts
        now |= {row["id"]: row for row in batch}
        harness.land("reservations", *{row["id"]: row for row in batch}.values(), account=one)
        harness.land("reservations", *shuffled[step::steps], account=two)
        harness.transform(project_dir=decided)
        assert links_of(harness, one) == by_union_find(now, DECIDED)
    # the same again, so that both accounts have the last versions; ids stay
    harness.land("reservations", *last.values(), account=one)
    before = links_of(harness, two)
    harness.transform(project_dir=decided)
    assert links_of(harness, one) == links_of(harness, two) == before == by_union_find(last, DECIDED)


def test_guests_are_the_same_in_any_order_and_agree_with_a_count_from_scratch(
    harness: LandingHarness, decided: Path
) -> None:
    check_guests_in_any_order(harness, decided)
    incremental = everything(harness)
    harness.transform(project_dir=decided, full_refresh=True)
    assert everything(harness) == incremental
