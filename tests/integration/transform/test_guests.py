"""Who is the same guest: merges, splits, and equality with a count from scratch."""

from __future__ import annotations

import random
from typing import Any

import pytest
from landing_hand import Hand, listing, reservation

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
    return reservation(number, channelId=2018, guestExternalAccountId=guest and str(guest), guestEmail=email, **fields)


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
    hand.land("reservations", *[airbnb(number, number, office) for number in range(100, 120)])
    hand.transform()
    assert set(guests_of(hand).values()) == {100}

    hand.land("reservations", airbnb(120, 120, office))
    hand.transform()
    assert guests_of(hand) == {number: number for number in range(100, 121)}

    hand.land("reservations", airbnb(120, 120))
    hand.transform()
    assert set(guests_of(hand).values()) == {100, 120}


def test_accounts_share_no_guest(hand: Hand) -> None:
    hand.land("listings", listing(1), account=2)
    hand.land("reservations", airbnb(10, 900))
    hand.land("reservations", airbnb(11, 900), account=2)
    hand.transform()
    assert guests_of(hand) == {10: 10, 11: 11}


def by_union_find(reservations: dict[int, dict[str, Any]]) -> dict[int, int]:
    """The same answer by the simplest means."""
    leader = {number: number for number in reservations}

    def find(number: int) -> int:
        while leader[number] != number:
            number = leader[number]
        return number

    people: dict[str, set[str]] = {}
    for row in reservations.values():
        if row["guestEmail"] and row["guestExternalAccountId"]:
            people.setdefault(row["guestEmail"], set()).add(row["guestExternalAccountId"])
    seen: dict[str, int] = {}
    for number, row in sorted(reservations.items()):
        email = row["guestEmail"]
        for key in (row["guestExternalAccountId"], email if len(people.get(email, ())) <= 20 else None):
            if key:
                first, second = sorted((find(seen.setdefault(key, number)), find(number)))
                leader[second] = first
    return {number: find(number) for number in reservations}


@pytest.mark.parametrize("seed", [1, 2])
def test_increments_agree_with_a_count_from_scratch(hand: Hand, seed: int) -> None:
    dice = random.Random(seed)
    now: dict[int, dict[str, Any]] = {}
    for _ in range(4):
        batch = {
            number: airbnb(
                number,
                dice.choice([None, *range(500, 560)]),
                dice.choice([None, "office@mail.com", *(f"g{index}@mail.com" for index in range(20))]),
            )
            for number in dice.sample(range(1, 100), 40)
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
