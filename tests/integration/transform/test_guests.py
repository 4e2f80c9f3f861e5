"""Who is the same guest: merges, splits, and equality with a count from scratch."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import psutil
import pytest
from landing_hand import Hand, edited_project, listing, reservation

from sync_hostaway.local.postgres import EmbeddedPostgres
from waiting import eventually

pytestmark = pytest.mark.integration


def guests_of(hand: Hand) -> dict[int, int]:
    """Guest of each reservation, and the proof that no two tables disagree on it."""
    links = dict(hand.rows("select reservation_id, guest_id from hostaway.guest_links"))
    assert dict(hand.rows("select reservation_id, guest_id from hostaway.reservations")) == links
    current = hand.rows("select guest_id, reservations_count from hostaway.guests where merged_into_guest_id is null")
    assert dict(current) == {guest: list(links.values()).count(guest) for guest in set(links.values())}
    merged = hand.rows(
        "select guest_id, merged_into_guest_id, is_deleted from hostaway.guests where merged_into_guest_id is not null"
    )
    assert all(links[guest] == into and gone for guest, into, gone in merged)
    return links


def airbnb(number: int, guest: int | None, email: str | None = None, **fields: Any) -> dict[str, Any]:
    fields = {"channelId": 2018, **fields}
    return reservation(number, guestExternalAccountId=guest and str(guest), guestEmail=email, **fields)


@pytest.fixture
def hand(hand: Hand) -> Hand:
    hand.land("listings", listing(1))
    return hand


def test_a_channel_id_or_an_own_address_joins_and_a_relay_does_not(hand: Hand) -> None:
    hand.land(
        "reservations",
        airbnb(10, 900, "ann@mail.com"),
        airbnb(11, 900),
        airbnb(12, None, "ANN@mail.com "),
        airbnb(13, None, "x@guest.booking.com"),
        airbnb(14, None, "x@guest.booking.com"),
        airbnb(15, None),
    )
    hand.transform()
    assert guests_of(hand) == {10: 10, 11: 10, 12: 10, 13: 13, 14: 14, 15: 15}


def test_guests_merge_when_a_reservation_links_them_and_split_when_it_stops(hand: Hand) -> None:
    hand.land("reservations", airbnb(10, 900), airbnb(11, None, "ann@mail.com"), airbnb(12, 901))
    hand.transform()
    assert guests_of(hand) == {10: 10, 11: 11, 12: 12}

    hand.land("reservations", airbnb(12, 900, "ann@mail.com"))
    hand.transform()
    assert guests_of(hand) == {10: 10, 11: 10, 12: 10}
    assert hand.rows("select guest_id, merged_into_guest_id from hostaway.guests where is_deleted order by 1") == [
        (11, 10),
        (12, 10),
    ]

    hand.land("reservations", airbnb(12, 901))
    hand.transform()
    assert guests_of(hand) == {10: 10, 11: 11, 12: 12}


def test_the_first_reservation_of_a_guest_may_leave(hand: Hand) -> None:
    hand.land("reservations", airbnb(10, 900), airbnb(11, 900), airbnb(12, 901))
    hand.transform()
    hand.land("reservations", airbnb(10, 901))
    hand.transform()
    assert guests_of(hand) == {10: 10, 11: 11, 12: 10}


def test_an_address_of_many_people_merges_nobody(hand: Hand) -> None:
    office = "office@agency.com"
    hand.land("reservations", *[airbnb(number, number, office) for number in range(100, 103)])
    hand.transform()
    assert set(guests_of(hand).values()) == {100}

    hand.land("reservations", reservation(103, guestName="Ann", guestEmail=office))
    hand.transform()
    assert guests_of(hand) == {number: number for number in range(100, 104)}

    hand.land("reservations", reservation(103, guestName="Ann"))
    hand.transform()
    assert set(guests_of(hand).values()) == {100, 103}


def test_an_address_that_two_guests_of_one_channel_use_merges_nobody(hand: Hand) -> None:
    office = "office@agency.com"
    hand.land("reservations", airbnb(10, 900, office, guestName="Ann"), airbnb(11, 900, guestName="Ann B."))
    hand.land("reservations", reservation(12, guestEmail=office, guestName="Ann", channelId=2000))
    hand.transform()
    assert guests_of(hand) == {10: 10, 11: 10, 12: 10}

    # merged until now, they come apart
    hand.land("reservations", airbnb(13, 901, office, guestName="Bob"))
    hand.transform()
    assert guests_of(hand) == {10: 10, 11: 10, 12: 12, 13: 13}
    assert hand.rows("select guest_id, is_deleted from hostaway.guests order by 1") == [
        (10, False),
        (12, False),
        (13, False),
    ]

    # Bob was Ann under another id
    hand.land("reservations", airbnb(13, 901, office, guestName="Ann"))
    hand.transform()
    assert guests_of(hand) == {10: 10, 11: 10, 12: 10, 13: 10}


def test_a_name_that_differs_between_channels_does_not_split_a_person(hand: Hand) -> None:
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
    hand.land("reservations", *bookings, airbnb(12, 900, "ann@mail.com", guestName="Ann"))
    hand.transform()
    assert set(guests_of(hand).values()) == {10}
    # on neither channel are there two guests under different names
    hand.land("reservations", airbnb(13, 900, "ann@mail.com", guestName="Ann Lee"))
    hand.transform()
    assert set(guests_of(hand).values()) == {10}


def test_guests_that_an_older_project_merged_come_apart(hand: Hand, tmp_path: Path) -> None:
    older = edited_project(tmp_path, "macros/guests.sql", "count(distinct person_key) > 3", "count(*) > 100")
    rows = [reservation(n, guestEmail="office@agency.com", guestName=f"Guest {n}") for n in range(100, 105)]
    hand.land("reservations", *rows)
    hand.transform(project_dir=older)
    assert set(guests_of(hand).values()) == {100}

    hand.transform()
    assert guests_of(hand) == {number: number for number in range(100, 105)}


def test_a_regular_with_a_new_id_for_each_stay_is_one_guest(hand: Hand) -> None:
    hand.land("reservations", *(airbnb(10 + stay, stay, "ann@mail.com", guestName="Ann") for stay in range(1, 7)))
    hand.transform()
    assert set(guests_of(hand).values()) == {11}


def test_accounts_share_no_guest(hand: Hand) -> None:
    hand.land("listings", listing(1), account=2)
    hand.land("reservations", airbnb(10, 900))
    hand.land("reservations", airbnb(11, 900), account=2)
    hand.transform()
    assert guests_of(hand) == {10: 10, 11: 11}


def test_a_channel_id_of_many_people_merges_nobody(hand: Hand) -> None:
    hand.land("reservations", *[airbnb(number, 1, f"g{number}@mail.com") for number in range(100, 120)])
    hand.transform()
    assert set(guests_of(hand).values()) == {100}

    # one more, known by name alone, makes it a placeholder
    hand.land("reservations", airbnb(120, 1, guestName="Ann"), airbnb(121, 1, "g100@mail.com"))
    hand.transform()
    assert guests_of(hand) == {**{number: number for number in range(100, 121)}, 121: 100}
    assert hand.value("select bool_and(is_shared_channel) from hostaway.guest_links")

    hand.land("reservations", airbnb(120, 120, guestName="Ann"))
    hand.transform()
    assert set(guests_of(hand).values()) == {100, 120}


def test_a_placeholder_does_not_make_one_person_of_those_behind_an_address(hand: Hand) -> None:
    rows = [airbnb(number, 1, "office@agency.com", guestName=f"Guest {number}") for number in range(100, 125)]
    others = [airbnb(number, 1, f"g{number}@mail.com") for number in range(200, 225)]
    hand.land("reservations", *rows, *others)
    hand.transform()
    assert guests_of(hand) == {number: number for number in (*range(100, 125), *range(200, 225))}


def test_a_long_chain_is_one_guest(hand: Hand) -> None:
    numbers = list(range(100, 1100))
    random.Random(1).shuffle(numbers)
    hand.land(
        "reservations",
        *(airbnb(number, place // 2, f"g{(place + 1) // 2}@mail.com") for place, number in enumerate(numbers, start=2)),
    )
    hand.transform()
    assert set(guests_of(hand).values()) == {100}


def test_a_placeholder_on_every_reservation_takes_no_longer_than_none(hand: Hand, postgres: EmbeddedPostgres) -> None:
    count = 4_000
    hand.land("reservations", *(airbnb(number, 1, f"g{number % 3_000}@mail.com") for number in range(1, count + 1)))
    # Not by the clock, which goes on while PostgreSQL waits for a processor.
    server = psutil.Process(postgres.status().pid)
    backends, before = set(server.children()), server.cpu_times()
    hand.transform()
    eventually(lambda: not set(server.children()) - backends)
    after = server.cpu_times()
    assert hand.value("select count(distinct guest_id) from hostaway.guests where not is_deleted") == 3_000
    assert after.children_user + after.children_system - before.children_user - before.children_system < 5


def channel_key(row: dict[str, Any]) -> str | None:
    return row["guestExternalAccountId"] and f"{row['channelId']}:{row['guestExternalAccountId']}"


def shared_keys(reservations: dict[int, dict[str, Any]]) -> set[str]:
    """Identities of several people."""
    addresses: dict[str, set[str]] = {}
    people: dict[str, set[str]] = {}
    guests: dict[tuple[str, int], set[tuple[str, str | None]]] = {}
    for row in reservations.values():
        account, email, name = channel_key(row), row["guestEmail"], row["guestName"]
        if account and (email or name):
            addresses.setdefault(account, set()).add(email or name)
        if email and (name or account):
            people.setdefault(email, set()).add(name or account)
        if email and account:
            guests.setdefault((email, row["channelId"]), set()).add((account, name))
    shared = {account for account, users in addresses.items() if len(users) > 20}
    shared |= {email for email, users in people.items() if len(users) > 3}
    for (email, _), users in guests.items():
        accounts, names = (set(values) for values in zip(*users, strict=True))
        if len(accounts) > 1 and len(names - {None}) > 1:
            shared.add(email)
    return shared


def by_union_find(reservations: dict[int, dict[str, Any]]) -> dict[int, int]:
    """The same answer by the simplest means."""
    leader = {number: number for number in reservations}

    def find(number: int) -> int:
        while leader[number] != number:
            number = leader[number]
        return number

    shared = shared_keys(reservations)
    seen: dict[str, int] = {}
    for number, row in sorted(reservations.items()):
        for key in (channel_key(row), row["guestEmail"]):
            if key and key not in shared:
                first, second = sorted((find(seen.setdefault(key, number)), find(number)))
                leader[second] = first
    return {number: find(number) for number in reservations}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_increments_agree_with_a_count_from_scratch(hand: Hand, seed: int) -> None:
    dice = random.Random(seed)
    now: dict[int, dict[str, Any]] = {}
    for _ in range(4):
        batch = {
            number: airbnb(
                number,
                dice.choice([None, 1, 1, *range(500, 560)]),
                dice.choice([None, "office@mail.com", *(f"g{index}@mail.com" for index in range(90))]),
                guestName=dice.choice([None, "ann", "ann", "bob"]),
                channelId=dice.choice([2018, 2018, 2005]),
            )
            for number in dice.sample(range(1, 200), 80)
        }
        now |= batch
        hand.land("reservations", *batch.values())
        hand.transform()
        assert guests_of(hand) == by_union_find(now)
    incremental = hand.rows("select to_jsonb(l) - 'synced_at' from hostaway.guest_links as l order by reservation_id")
    hand.transform(full_refresh=True)
    assert (
        hand.rows("select to_jsonb(l) - 'synced_at' from hostaway.guest_links as l order by reservation_id")
        == incremental
    )
