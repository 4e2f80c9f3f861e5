"""The synthetic data: deterministic, of any size, with the types and null shares of real responses."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from typing import Any

import pytest

from sync_hostaway.simulator.config import Sizes
from sync_hostaway.simulator.data.account import AccountData
from sync_hostaway.simulator.data.clock import Clock
from sync_hostaway.simulator.data.recorded import recorded

ANCHOR = date(2026, 5, 20)
RESOURCES = ("listings", "reservations", "conversations")


def make(account_id: int = 701, seed: int = 1, **sizes: Any) -> AccountData:
    chosen = Sizes(**{"listings": 40, "reservations": 1500, **sizes})
    return AccountData(account_id, seed, chosen, Clock(ANCHOR).anchor_seconds)


def objects(data: AccountData, resource: str) -> list[dict[str, Any]]:
    return [data.object(resource, row) for row in data.table(resource)]


@pytest.fixture(scope="module")
def data() -> AccountData:
    return make()


@pytest.fixture(scope="module")
def reservations(data: AccountData) -> list[dict[str, Any]]:
    return objects(data, "reservations")


@pytest.fixture(scope="module")
def conversations(data: AccountData) -> list[dict[str, Any]]:
    return objects(data, "conversations")


def kind(value: Any) -> str:
    """The kind of a value in the words of the recorded types."""
    if value is None:
        return "null"
    if value == "" or value == []:
        return "str:empty" if value == "" else "list:empty"
    if isinstance(value, str):
        if value.isdigit():
            return "str:intlike"
        if len(value) == 19 and value[4] == value[7] == "-" and value[10] == " ":
            return "str:datetime"
        return "str:date" if len(value) == 10 and value[4] == value[7] == "-" else "str"
    return type(value).__name__


@pytest.mark.parametrize("resource", [*RESOURCES, "reviews", "tasks", "users", "coupons"])
def test_equal_seeds_give_equal_data(resource: str) -> None:
    first, again = make(reservations=200), make(reservations=200)
    assert json.dumps(objects(first, resource)) == json.dumps(objects(again, resource))
    assert json.dumps(objects(first, resource)) != json.dumps(objects(make(seed=2, reservations=200), resource))


def test_order_of_reading_does_not_matter() -> None:
    first, again = make(reservations=50), make(reservations=50)
    backwards = [again.object("reservations", row) for row in reversed(list(again.reservations))]
    assert objects(first, "reservations") == backwards[::-1]


@pytest.mark.parametrize("resource", RESOURCES)
def test_accounts_differ_and_ids_are_unique(resource: str, data: AccountData) -> None:
    ids = [row.id for row in data.table(resource)]
    assert len(ids) == len(set(ids))
    assert not set(ids) & {row.id for row in make(account_id=702).table(resource)}


def test_message_ids_are_unique_and_fit_32_bits(data: AccountData) -> None:
    ids = [item["id"] for thread in data.conversations for item in data.messages(thread)]
    assert len(ids) == len(set(ids))
    assert max(ids) < 2**31


# Kinds that the documentation has and the recorded account had not.
DOCUMENTED = {"reservationUnit": {"list"}, "reservationCouponId": {"int"}}


@pytest.mark.parametrize("field", sorted(recorded()["reservation"]))
def test_reservation_types_and_null_shares(field: str, reservations: list[dict[str, Any]]) -> None:
    """Only recorded kinds, and null about as often. Booking.com rows, which the recording lacks, shift shares a bit."""
    expected = recorded()["reservation"][field]
    found = Counter(kind(row[field]) for row in reservations)
    allowed = (
        set(expected)
        | DOCUMENTED.get(field, set())
        | ({"str"} if "str:intlike" in expected and field == "guestZipCode" else set())
    )
    texts = {"str", "str:intlike"}
    assert all(name in allowed or (name in texts and texts & allowed) for name in found), (found, expected)
    assert found["null"] / len(reservations) == pytest.approx(expected.get("null", 0), abs=0.06)
    assert found["str:empty"] / len(reservations) == pytest.approx(expected.get("str:empty", 0), abs=0.06)


@pytest.mark.parametrize(
    ("resource", "name", "known_extra"),
    [
        ("listings", "listing", {"specialStatus"}),
        ("conversations", "conversation", set()),
    ],
)
def test_objects_have_the_recorded_keys(resource: str, name: str, known_extra: set[str], data: AccountData) -> None:
    for item in objects(data, resource)[:50]:
        assert set(item) == set(recorded()[name]) | known_extra


def test_conversation_embeds_a_reduced_reservation(conversations: list[dict[str, Any]]) -> None:
    for conversation in conversations[:200]:
        reduced = conversation["Reservation"]
        assert set(reduced) == set(recorded()["conversation.Reservation"])
        assert reduced["listingName"] == ""
        assert reduced["guestAuthHash"] is reduced["latestActivityOn"] is reduced["hostProxyEmail"] is None
    assert {conversation["Reservation"]["isPaid"] for conversation in conversations} == {0, 1, None}


def test_conversation_carries_exactly_its_latest_message(data: AccountData) -> None:
    empty = unsent = 0
    for row in data.conversations:
        messages, conversation = data.messages(row), data.object("conversations", row)
        latest = sorted(messages, key=lambda item: (item["date"], item["id"]))[-1:]
        assert conversation["conversationMessages"] == latest
        empty += not latest
        unsent += bool(latest) and latest[0]["status"] != "sent"
    assert empty
    assert unsent


def test_threads_average_the_asked_number_of_messages() -> None:
    for average in (2.0, 4.0, 8.0):
        data = make(messages_per_conversation=average)
        total, sent = data.message_counts()
        assert total / len(data.conversations) == pytest.approx(average, rel=0.12)
        assert sent < total


def test_some_reservations_have_no_conversation(data: AccountData) -> None:
    assert 0 < sum(not row.conversations for row in data.reservations) < len(data.reservations) / 10


def test_timestamps_are_ordered_and_never_after_the_anchor(reservations: list[dict[str, Any]]) -> None:
    for row in reservations:
        assert row["reservationDate"] <= row["insertedOn"] <= row["latestActivityOn"] <= row["updatedOn"]
        assert row["updatedOn"] < ANCHOR.isoformat()
    lagging = sum(row["latestActivityOn"] < row["updatedOn"] for row in reservations) / len(reservations)
    assert lagging == pytest.approx(0.48, abs=0.05)


def test_ids_say_nothing_about_update_order_and_bulk_updates_share_a_moment(reservations: list[dict[str, Any]]) -> None:
    ids = [row["id"] for row in sorted(reservations, key=lambda row: row["updatedOn"])]
    assert ids != sorted(ids)
    assert max(Counter(row["updatedOn"] for row in reservations).values()) >= 10


def test_statuses_and_channels_have_the_recorded_shares(reservations: list[dict[str, Any]]) -> None:
    statuses = Counter(row["status"] for row in reservations)
    channels = Counter(row["channelName"] for row in reservations)
    shares = {"new": 0.31, "modified": 0.29, "inquiry": 0.21, "cancelled": 0.12}
    for status, share in shares.items():
        assert statuses[status] / len(reservations) == pytest.approx(share, abs=0.04)
    assert channels["airbnbOfficial"] / len(reservations) == pytest.approx(0.83, abs=0.05)
    assert all(channels[name] for name in ("homeaway", "direct", "bookingcom"))
    assert any(row["isDatesUnspecified"] and row["nights"] == 0 for row in reservations)
    assert all(row["totalPrice"] > 0 for row in reservations if row["status"] == "inquiry")


def test_guests_return(reservations: list[dict[str, Any]]) -> None:
    accounts = Counter(row["guestExternalAccountId"] for row in reservations if row["guestExternalAccountId"])
    assert accounts.most_common(1)[0][1] > 1
    channels: dict[str, set[int]] = {}
    for row in reservations:
        if row["guestEmail"]:
            channels.setdefault(row["guestEmail"], set()).add(row["channelId"])
    assert any(len(found) > 1 for found in channels.values())
    assert any(email.endswith("@guest.booking.com") for email in channels)
    assert any(email.endswith("@guest.airbnb.com") for email in channels)


def test_texts_hold_the_hard_cases_but_nothing_undecodable(data: AccountData) -> None:
    bodies = "\v".join(item["body"] for thread in data.conversations for item in data.messages(thread))
    for sample in ("\n", "&nbsp;", "🙏", "שלום", "مرحبا"):
        assert sample in bodies
    assert "\x00" not in bodies
    bodies.encode("utf-8")


def test_listings_have_images_and_secrets(data: AccountData) -> None:
    listings = objects(data, "listings")
    images = [len(item["listingImages"]) for item in listings]
    assert sum(images) == data.photo_count()
    assert sum(images) / len(images) == pytest.approx(27, abs=3)
    assert any(item["specialStatus"] == "archived" for item in objects(make(listings=200), "listings"))
    assert all(item["wifiPassword"] and item["listingAmenities"] and item["listingBedTypes"] for item in listings)


def test_orphans_point_to_listings_that_are_not_listed() -> None:
    data = make(orphan_share=0.1)
    listed = {row.id for row in data.visible_listings()}
    orphans = sum(row.listing_id not in listed for row in data.reservations)
    assert orphans / len(data.reservations) == pytest.approx(0.1, abs=0.03)
    assert len(listed) == 40


def test_calendar_follows_the_reservations(data: AccountData) -> None:
    row = next(row for row in data.reservations if row.status == "new" and row.arrival > "2026-01-01")
    days = data.calendar(row.listing_id, data.day_span(row.arrival, row.departure))
    assert days[0][0]["date"] == row.arrival
    assert all(day["status"] == "reserved" and row.id in ids for day, ids in days[:-1])
    assert row.id not in days[-1][1]


def test_bad_sizes_are_refused() -> None:
    for wrong in ({"listings": 0}, {"messages_per_conversation": 1.0}, {"orphan_share": 1.5}, {"reservations": -1}):
        with pytest.raises(ValueError, match=r"listing|messages_per_conversation|orphan_share"):
            Sizes(**wrong)


def test_a_listing_of_several_units_is_counted_by_unit_everywhere() -> None:
    """In its units, in each calendar day, and in the bookings that take them."""
    data = make(reservations=600)
    several = [line for line in data.outlines.values() if line.units > 1]
    assert 0 < len(several) < len(data.outlines) / 2
    listings = {row.id: data.object("listings", row) for row in data.listings}
    for line in several:
        listing = listings[line.id]
        units = {unit["id"] for unit in listing["listingUnits"]}
        assert len(units) == line.units
        booked = [row for row in objects(data, "reservations") if row["listingMapId"] == line.id]
        assert all(1 <= len(row["reservationUnit"]) <= line.units for row in booked)
        assert {unit["listingUnitId"] for row in booked for unit in row["reservationUnit"]} <= units
    homes = {line.id for line in data.outlines.values() if line.units == 1}
    assert not any(row["reservationUnit"] for row in objects(data, "reservations") if row["listingMapId"] in homes)
