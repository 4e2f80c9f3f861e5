"""Every query of docs/analytics.md runs on data of a simulated Hostaway, and its answer is worked out once more here.

The second way uses the core tables alone and counts night by night, in Python.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg.rows import dict_row

from databases import create_database, drop_database
from landing_harness import LandingHarness
from sync_hostaway import sync
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.db import connect
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator import SimulatorConfig, Sizes, running

pytestmark = pytest.mark.integration

PAGE = Path(__file__).resolve().parents[3] / "docs" / "analytics.md"
QUESTIONS = {
    int(number): query
    for number, query in re.findall(
        r"^### (\d+)\. [^\n]+\n\n```sql\n(.*?)```", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
}
DATABASE = "w_transform"
TODAY = datetime.now(UTC).date()
Row = dict[str, Any]


class Mirror:
    """The core tables of account 701 as lists of dicts, and the answers of the page."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self.connection = connection
        for name in ("listings", "reservations", "messages", "conversations", "reviews", "users"):
            rows = connection.execute(f"select * from hostaway.{name} where account_id = 701 and not is_deleted")
            setattr(self, name, rows.fetchall())
        self.bookings: list[Row] = [row for row in self.reservations if row["is_booking"]]
        self.zones = {row["listing_id"]: row["time_zone_name"] or "UTC" for row in self.listings}

    listings: list[Row]
    reservations: list[Row]
    messages: list[Row]
    conversations: list[Row]
    reviews: list[Row]

    def answer(self, number: int) -> list[Row]:
        return self.connection.execute(QUESTIONS[number]).fetchall()

    def nights(self, rows: list[Row] | None = None) -> Iterator[tuple[Row, date]]:
        """Each booking with each of its nights."""
        for row in self.bookings if rows is None else rows:
            if row["arrival_date"]:
                for place in range((row["departure_date"] - row["arrival_date"]).days):
                    yield row, row["arrival_date"] + timedelta(place)


@pytest.fixture(scope="module")
def mirror(
    postgres: EmbeddedPostgres, core_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mirror]:
    """One account, mirrored twice: in between, prices and bookings changed."""
    sizes = Sizes(listings=6, reservations=250, conversations=60)
    with (
        pytest.MonkeyPatch.context() as patch,
        psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin,
        running(SimulatorConfig(sizes=sizes, token_delay=0.0)) as server,
    ):
        dsn = postgres.dsn(DATABASE)
        for name, value in {
            "SYNC_HOSTAWAY_HOME": str(tmp_path_factory.mktemp("home")),
            "WAREHOUSE_URL": dsn,
            "HOSTAWAY_API_URL": server.url,
            "AIRFLOW__HOSTAWAY__CALENDAR_DAYS_BACK": "10",
            "AIRFLOW__HOSTAWAY__CALENDAR_DAYS_AHEAD": "70",
            "AIRFLOW__HOSTAWAY__SECRET_KEYS": Fernet.generate_key().decode(),
        }.items():
            patch.setenv(name, value)
        get_settings.cache_clear()
        drop_database(admin, DATABASE)
        create_database(admin, DATABASE, core_template)
        with connect(dsn) as connection:
            add_account(connection, 701, "secret-701")
            sync(701, mode="full")
            harness = LandingHarness(connection, dsn)
            harness.transform()
            change(harness)
            harness.transform()
        with psycopg.connect(dsn, row_factory=dict_row, autocommit=True) as reader:
            yield Mirror(reader)
        get_settings.cache_clear()


def change(harness: LandingHarness) -> None:
    """What happens between two syncs: a price moves, a booking gets a night more; the user's tables are filled."""
    [day] = harness.rows(
        "select payload, parent_id from landing.calendar_days where account_id = 701 and entity_id like %s"
        " order by entity_id limit 1",
        f"%:{TODAY + timedelta(5)}",
    )
    payload = {**day[0], "listingMapId": day[1], "price": day[0]["price"] + 25}
    harness.land("calendar_days", payload, account=701)
    [booking] = harness.rows(
        "select payload from landing.reservations where account_id = 701 and payload ->> 'status' = 'new'"
        " and payload ->> 'arrivalDate' > %s order by entity_id limit 1",
        str(TODAY),
    )[0]
    later = date.fromisoformat(booking["departureDate"]) + timedelta(1)
    changed = {**booking, "departureDate": str(later), "nights": booking["nights"] + 1, "totalPrice": 4321.5}
    harness.land("reservations", changed, account=701)
    harness.connection.execute(
        """
        insert into ops.exchange_rates
        select distinct currency, date '2000-01-01', 2, 'EUR' from hostaway.listings;
        insert into ops.listing_groups
        select account_id, listing_id, 'Lake' from hostaway.listings order by listing_id limit 2
        """
    )
    assert json.dumps(changed)


def amount(rows: list[Row], column: str) -> Decimal:
    return sum((row[column] for row in rows if row[column] is not None), Decimal(0))


def local_day(mirror: Mirror, row: Row, column: str) -> date:
    from zoneinfo import ZoneInfo

    return row[column].astimezone(ZoneInfo(mirror.zones.get(row["listing_id"], "UTC"))).date()  # type: ignore[no-any-return]


def first_of(day: date, months: int = 0) -> date:
    place = day.year * 12 + day.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


CHECKS: dict[int, Callable[[Mirror, list[Row]], None]] = {}


def answers(*numbers: int) -> Callable[[Callable[[Mirror, list[Row]], None]], Callable[[Mirror, list[Row]], None]]:
    def register(check: Callable[[Mirror, list[Row]], None]) -> Callable[[Mirror, list[Row]], None]:
        CHECKS.update(dict.fromkeys(numbers, check))
        return check

    return register


@answers(1)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert {row["period_date"] for row in rows} == {first_of(TODAY), first_of(TODAY, 1)}
    assert len(rows) == 2 * len({row["listing_name"] for row in rows})
    assert all(0 <= row["adjusted_occupancy"] <= 1 for row in rows if row["adjusted_occupancy"] is not None)
    assert any(row["adjusted_occupancy"] for row in rows)


@answers(2)
def _(mirror: Mirror, rows: list[Row]) -> None:
    books = [row for row in mirror.reservations if row["is_booking"] and local_day(mirror, row, "booked_at") <= TODAY]
    counted = Counter(row["currency"] for row, night in mirror.nights(books) if TODAY <= night < TODAY + timedelta(90))
    assert {row["currency"]: row["nights"] for row in rows if row["day"] == TODAY} == counted


@answers(3)
def _(mirror: Mirror, rows: list[Row]) -> None:
    recent = [row for row in mirror.bookings if row["arrival_date"] >= TODAY - timedelta(365)]
    by_channel: dict[str, list[Row]] = defaultdict(list)
    for row in recent:
        by_channel[row["channel_name"]].append(row)
    assert {row["channel_name"]: row["bookings"] for row in rows} == {
        name: len(all_) for name, all_ in by_channel.items()
    }
    for row in rows:
        windows = [
            (booking["arrival_date"] - local_day(mirror, booking, "booked_at")).days
            for booking in by_channel[row["channel_name"]]
        ]
        assert row["booking_window_median"] == median(windows)


@answers(4)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert all(row["net"] is not None for row in rows)
    since = TODAY - timedelta(7)
    booked = sum(1 for row, _ in mirror.nights() if since < local_day(mirror, row, "booked_at") <= TODAY)
    cancelled = [
        row
        for row in mirror.reservations
        if row["status_group"] == "cancelled" and row["cancelled_at"] and row["booked_at"] < row["cancelled_at"]
    ]
    lost = sum(1 for row, _ in mirror.nights(cancelled) if since < local_day(mirror, row, "cancelled_at") <= TODAY)
    was_booked = sum(1 for row, _ in mirror.nights(cancelled) if since < local_day(mirror, row, "booked_at") <= TODAY)
    assert sum(row["cancelled"] for row in rows) == lost
    # the booking that got a night more may be one of them
    assert sum(row["booked"] for row in rows) in (booked + was_booked, booked + was_booked - 1)


@answers(5)
def _(mirror: Mirror, rows: list[Row]) -> None:
    [row] = rows
    assert row["new_price"] == row["old_price"] + 25


@answers(6)
def _(mirror: Mirror, rows: list[Row]) -> None:
    # On some days the simulated calendars have no such gap
    for row in rows:
        nights = [
            mirror.connection.execute(
                "select is_available, minimum_stay from hostaway.calendar_days"
                " where account_id = 701 and listing_id = %s and date = %s",
                (row["listing_id"], row["first_date"] + timedelta(place)),
            ).fetchone()
            for place in range(row["nights"])
        ]
        assert all(night and night["is_available"] for night in nights)


@answers(7)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert {row["is_weekend"] for row in rows} == {True, False}
    assert all(0 <= row["adjusted_occupancy"] <= 1 for row in rows)


@answers(8)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert {row["period_date"].month for row in rows} == {first_of(TODAY, -1).month}
    assert len({row["period_date"].year for row in rows}) > 1


@answers(9)
def _(mirror: Mirror, rows: list[Row]) -> None:
    since = first_of(TODAY, -12)
    recent = [row for row in mirror.bookings if first_of(row["arrival_date"]) >= since]
    assert sum(row["bookings"] for row in rows) == len(recent)
    for row in rows:
        theirs = [
            booking["total_price"] - booking["tax_amount"] - commission(booking)
            for booking in recent
            if (booking["channel_name"], booking["currency"]) == (row["channel_name"], row["currency"])
            and None not in (booking["total_price"], booking["tax_amount"], commission(booking))
        ]
        assert (row["known"], row["net_revenue"] or 0) == (len(theirs), sum(theirs))


def finance(row: Row) -> list[Row]:
    return [line for line in row["pms_meta"].get("financeField") or [] if not line.get("isDeleted")]


def commission(row: Row) -> Any:
    lines = [abs(Decimal(str(line["total"]))) for line in finance(row) if line["name"] == "hostChannelFee"]
    if row["channel_commission_amount"] is not None:
        return row["channel_commission_amount"]
    return sum(lines) if lines else row["airbnb_listing_host_fee"]


def turns(mirror: Mirror) -> list[Row]:
    """Each first message of a guest, with the first message of a person after it."""
    found = []
    for conversation in mirror.conversations:
        talk = sorted(
            (
                row
                for row in mirror.messages
                if row["conversation_id"] == conversation["conversation_id"]
                and row["sender"] not in (None, "automation")
                and row["sent_at"]
            ),
            key=lambda row: (row["sent_at"], row["message_id"]),
        )
        asked = None
        for row in talk:
            if row["is_incoming"]:
                if asked is None:
                    asked = {"conversation": conversation["conversation_id"], "asked": row, "reply": None}
                    found.append(asked)
            elif asked is not None:
                asked["reply"] = row
                asked = None
    return found


@answers(10)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert rows
    first = {turn["conversation"]: turn for turn in reversed(turns(mirror))}
    status = {row["reservation_id"]: row["status_group"] for row in mirror.reservations}
    reservation_of = {row["conversation_id"]: row["reservation_id"] for row in mirror.conversations}
    counted = sum(
        1
        for number, turn in first.items()
        if turn["reply"] and status.get(reservation_of[number]) not in ("cancelled", "declined")
    )
    assert sum(row["conversations"] for row in rows) == counted


@answers(11)
def _(mirror: Mirror, rows: list[Row]) -> None:
    limit = datetime.now(UTC) - timedelta(hours=1)
    waiting = [turn for turn in turns(mirror) if turn["reply"] is None and turn["asked"]["sent_at"] < limit]
    assert [row["asked_at"] for row in rows] == sorted(turn["asked"]["sent_at"] for turn in waiting)


@answers(12)
def _(mirror: Mirror, rows: list[Row]) -> None:
    limit = datetime.now(UTC) - timedelta(days=90)
    low = [
        row["review_id"]
        for row in mirror.reviews
        if row["review_type"] == "guest-to-host"
        and not row["is_cancelled"]
        and (row["submitted_at"] or row["inserted_at"]) > limit
        for category in row["category_ratings"] or []
        if category["category"] == "cleanliness" and Decimal(str(category["rating"])) < 9
    ]
    assert sorted(row["review_id"] for row in rows) == sorted(low)


@answers(13, 28)
def _(mirror: Mirror, rows: list[Row]) -> None:
    completed = Counter(row["guest_id"] for row in mirror.bookings if row["departure_date"] <= TODAY)
    if rows and "repeat_guests" in rows[0]:
        assert rows[0]["guests"] == len(completed)
        assert rows[0]["repeat_guests"] <= sum(count > 1 for count in completed.values())
    else:
        assert {row["guest_id"] for row in rows} <= {guest for guest, count in completed.items() if count >= 3}


@answers(14)
def _(mirror: Mirror, rows: list[Row]) -> None:
    about = re.compile(r"\b(wi[- ]?fi|wlan|internet)\b", re.IGNORECASE)
    found = {
        (row["listing_id"], row["conversation_id"])
        for row in mirror.messages
        if row["is_incoming"] and about.search(row["body_text"] or "")
    }
    assert {row["listing_id"]: row["conversations"] for row in rows} == Counter(listing for listing, _ in found)


@answers(15)
def _(mirror: Mirror, rows: list[Row]) -> None:
    month = [row for row in mirror.bookings if first_of(row["departure_date"]) == first_of(TODAY, -1)]
    fees = sum(row["amount"] or 0 for row in rows if row["line_type"] == "cleaning_fee")
    assert fees == amount(month, "cleaning_fee")
    assert {row["line_type"] for row in rows} >= {"rent", "cleaning_fee", "tax", "channel_commission", "payout"}


@answers(16)
def _(mirror: Mirror, rows: list[Row]) -> None:
    owner = [row for row in mirror.reservations if row["status_group"] == "owner_stay"]
    counted = sum(1 for _, night in mirror.nights(owner) if night >= date(TODAY.year, 1, 1))
    assert sum(row["owner_nights"] for row in rows) == counted


@answers(17)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert all(row["hot_tub"] in (True, False) for row in rows)
    assert any(row["adr_gross"] for row in rows)


@answers(18)
def _(mirror: Mirror, rows: list[Row]) -> None:
    month = [row for row in mirror.bookings if first_of(row["departure_date"]) == first_of(TODAY, -1)]
    by_host = sum(row["amount"] for row in rows if row["remitted_by"] == "host")
    lines = sum(Decimal(str(line["total"])) for row in month for line in finance(row) if line["type"] == "tax")
    sums = amount([row for row in month if not any(line["type"] == "tax" for line in finance(row))], "tax_amount")
    assert by_host == lines + sums
    by_channel = sum(row["amount"] for row in rows if row["remitted_by"] == "channel")
    assert by_channel == amount(month, "airbnb_transient_occupancy_tax_paid")


@answers(19)
def _(mirror: Mirror, rows: list[Row]) -> None:
    month = first_of(TODAY)
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for row in mirror.reservations:
        if row["arrival_date"] is None or row["departure_date"] <= row["arrival_date"]:
            continue
        was_cancelled = (
            row["status_group"] == "cancelled"
            and row["cancelled_at"]
            and (row["booked_at"] < row["cancelled_at"] and local_day(mirror, row, "cancelled_at") >= month)
        )
        if (row["is_booking"] or was_cancelled) and local_day(mirror, row, "booked_at") < month:
            left = (row["departure_date"] - max(row["arrival_date"], month)).days
            if left > 0:
                expected[row["currency"]] += (
                    row["total_price"] * left / (row["departure_date"] - row["arrival_date"]).days
                )
    assert {row["currency"] for row in rows} == set(expected)
    for row in rows:
        # the price that changed today was another one on that day
        assert abs(row["unearned_revenue"] - expected[row["currency"]]) < 5000


@answers(20)
def _(mirror: Mirror, rows: list[Row]) -> None:
    kept = [
        row
        for row in mirror.reservations
        if row["status_group"] == "cancelled" and (row["airbnb_cancellation_payout"] or 0) > 0
    ]
    assert {row["reservation_id"]: row["amount"] for row in rows} == {
        row["reservation_id"]: row["airbnb_cancellation_payout"] for row in kept
    }


@answers(21)
def _(mirror: Mirror, rows: list[Row]) -> None:
    figures = [row["adjusted_revpar_gross"] for row in rows if row["adjusted_revpar_gross"] is not None]
    assert figures == sorted(figures, reverse=True)
    assert figures


@answers(22)
def _(mirror: Mirror, rows: list[Row]) -> None:
    soon = {row["listing_id"] for row, night in mirror.nights() if TODAY <= night < TODAY + timedelta(30)}
    assert soon.isdisjoint(row["listing_id"] for row in rows)
    assert soon | {row["listing_id"] for row in rows} == {row["listing_id"] for row in mirror.listings}


@answers(23)
def _(mirror: Mirror, rows: list[Row]) -> None:
    rates: dict[tuple[int, str], list[Decimal]] = defaultdict(list)
    listings = {row["listing_id"] for row in mirror.listings}
    for row, night in mirror.nights():
        if row["listing_id"] in listings and row["total_price"] is not None:
            share = row["total_price"] / (row["departure_date"] - row["arrival_date"]).days
            rates[night.isoweekday(), row["currency"]].append(share)
    assert {(row["weekday"], row["currency"]) for row in rows} == set(rates)
    for row in rows:
        known = rates[row["weekday"], row["currency"]]
        assert row["adr_gross"] == pytest.approx(sum(known) / len(known), abs=Decimal("0.02"))


@answers(24)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert {row["nights_up_to_14"]: row["bookings"] for row in rows} == Counter(
        min(row["nights"], 14) for row in mirror.bookings
    )


@answers(25)
def _(mirror: Mirror, rows: list[Row]) -> None:
    windows = [(row["arrival_date"] - local_day(mirror, row, "booked_at")).days for row in mirror.bookings]
    week = sum(days <= 7 for days in windows)
    month = sum(days <= 30 for days in windows) - week
    expected = {"1: a week": week, "2: a month": month, "3: earlier": len(windows) - week - month}
    assert {row["booked"]: row["bookings"] for row in rows} == {
        name: count for name, count in expected.items() if count
    }


@answers(26)
def _(mirror: Mirror, rows: list[Row]) -> None:
    kinds = Counter((row["channel_id"], row["status_group"]) for row in mirror.reservations)
    names = {row["channel_id"]: row["channel_name"] for row in mirror.reservations}
    for row in rows:
        channels = [number for number, name in names.items() if name == row["channel_name"]]
        booked = sum(kinds[number, "booking"] for number in channels)
        cancelled = sum(kinds[number, "cancelled"] for number in channels)
        assert row["cancellation_rate"] == pytest.approx(
            Decimal(cancelled) / (booked + cancelled), abs=Decimal("0.0001")
        )


@answers(27)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert all(row["direct_share"] is None or 0 <= row["direct_share"] <= 1 for row in rows)
    assert {row["arrival_month"] for row in rows} >= {first_of(row["arrival_date"]) for row in mirror.bookings}


@answers(29)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert all(row["period_date"].isoweekday() == 1 for row in rows)
    assert len(rows) >= 8


@answers(30)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert [(row["changes"], row["average_change"]) for row in rows] == [(1, 25)]


@answers(31, 32)
def _(mirror: Mirror, rows: list[Row]) -> None:
    [row] = rows
    if "field" in row:
        moved = date.fromisoformat(row["new_value"]) - date.fromisoformat(row["old_value"])
        assert (row["field"], moved) == ("departure_date", timedelta(1))
    else:
        assert (row["highest"], row["changes"]) == (Decimal("4321.5"), 1)


@answers(33)
def _(mirror: Mirror, rows: list[Row]) -> None:
    rated = [
        row
        for row in mirror.reviews
        if row["review_type"] == "guest-to-host" and not row["is_cancelled"] and row["rating"] is not None
    ]
    assert sum(row["reviews"] for row in rows) == len(rated)
    assert sum(row["average_rating"] * row["reviews"] for row in rows) == pytest.approx(
        amount(rated, "rating"), abs=Decimal("1")
    )


@answers(34)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert rows
    assert all(row["category"] != "overall" and 1 <= row["average_rating"] <= 10 for row in rows)


@answers(35)
def _(mirror: Mirror, rows: list[Row]) -> None:
    minutes: dict[Any, list[float]] = defaultdict(list)
    for turn in turns(mirror):
        if turn["reply"]:
            waited = (turn["reply"]["sent_at"] - turn["asked"]["sent_at"]).total_seconds() / 60
            minutes[turn["reply"]["user_id"]].append(round(waited, 1))
    assert {row["replied_by_user_id"]: row["median_minutes"] for row in rows} == {
        user: pytest.approx(median(waits), abs=0.1) for user, waits in minutes.items()
    }


@answers(36)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert sum(row["first_questions"] for row in rows) > 0
    assert all(row["within_an_hour"] <= row["first_questions"] for row in rows)


@answers(37)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert {tuple(row["groups"]) for row in rows} == {("Lake",), ()}
    assert {row["reporting_currency"] for row in rows} == {"EUR"}
    assert all(row["gross_revenue"] for row in rows)


@answers(38)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert any(row["hold_nights"] for row in rows)
    assert all(row["hold_nights"] <= row["nights"] for row in rows)


@answers(39)
def _(mirror: Mirror, rows: list[Row]) -> None:
    sizes = [len(row["missing"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    lacking = {row["listing_id"] for row in mirror.listings if row["house_rules"] is None and not row["is_archived"]}
    assert lacking <= {row["listing_id"] for row in rows}


@answers(40)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert rows
    assert all(row["units_beside_the_first"] >= 0 for row in rows)


def test_the_page_asks_forty_questions() -> None:
    assert sorted(QUESTIONS) == list(range(1, 41)) == sorted(CHECKS)


@pytest.mark.parametrize("number", sorted(QUESTIONS))
def test_the_query_of_the_page_answers_the_question(mirror: Mirror, number: int) -> None:
    CHECKS[number](mirror, mirror.answer(number))
