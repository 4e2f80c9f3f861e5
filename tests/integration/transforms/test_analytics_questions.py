"""Every query of docs/analytics.md runs on data of a simulated Hostaway, and its answer is worked out once more here.

The second way uses the core tables alone and counts night by night, in Python. What the simulated account may
lack is planted: a gap shorter than the minimum stay, an owner's stay, a guest who comes again, a question about wifi.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import mean, median
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg.rows import dict_row
from psycopg.sql import SQL

from databases import create_database
from landing_harness import LandingHarness, listing, reservation
from sync_hostaway import sync
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.db import connect, fetch_value
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
ACCOUNT = 701
TABLES = ["listings", "reservations", "messages", "conversations", "reviews", "calendar_days"]
TABLES += ["listing_photos", "listing_amenities", "reservation_units", "guest_charges"]
# A listing that is planted, with what happens in it.
PLANTED = 999_001
Row = dict[str, Any]


@dataclass(frozen=True)
class Changed:
    """The booking that got a night more, and a price of its own, between two syncs."""

    reservation_id: int
    at: datetime
    before: Row


@dataclass
class Nights:
    """Unit-nights of a listing in some period."""

    booked: int = 0
    owner: int = 0
    hold: int = 0
    available: int = 0
    mirrored: int = 0
    gross: list[Decimal] = field(default_factory=list)
    rent: list[Decimal] = field(default_factory=list)

    @property
    def all(self) -> int:
        return self.booked + self.owner + self.hold + self.available

    def __add__(self, other: Nights) -> Nights:
        return Nights(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


class Mirror:
    """The core tables of account 701 as lists of dicts, and the answers of the page."""

    def __init__(self, connection: psycopg.Connection[Row], changed: Changed) -> None:
        self.connection = connection
        self.changed = changed
        for name in TABLES:
            rows = connection.execute(f"select * from hostaway.{name} where account_id = 701 and not is_deleted")
            setattr(self, name, rows.fetchall())
        query = "select * from hostaway.reservation_finance where account_id = 701 and not is_deleted"
        reported = {row["reservation_id"]: row for row in connection.execute(query)}
        for row in self.reservations:
            row["reported"] = reported.get(row["reservation_id"], {})
        self.bookings: list[Row] = [row for row in self.reservations if row["is_booking"]]
        self.zones = {row["listing_id"]: row["time_zone_name"] or "UTC" for row in self.listings}
        self.units = Counter(row["reservation_id"] for row in self.reservation_units)
        self.today = fetch_value(connection, SQL("select current_date"))

    listings: list[Row]
    reservations: list[Row]
    messages: list[Row]
    conversations: list[Row]
    reviews: list[Row]
    calendar_days: list[Row]
    listing_photos: list[Row]
    listing_amenities: list[Row]
    reservation_units: list[Row]
    guest_charges: list[Row]
    today: date

    def answer(self, number: int) -> list[Row]:
        return self.connection.execute(QUESTIONS[number]).fetchall()

    def nights(self, rows: list[Row] | None = None) -> Iterator[tuple[Row, date]]:
        """Each booking with each of its nights."""
        for row in self.bookings if rows is None else rows:
            if row["arrival_date"]:
                for place in range((row["departure_date"] - row["arrival_date"]).days):
                    yield row, row["arrival_date"] + timedelta(place)

    def units_of(self, row: Row) -> int:
        return max(self.units[row["reservation_id"]], 1)

    def known_on(self, day: date) -> Iterator[Row]:
        """Bookings that were on the books at the end of a day, as they were then."""
        for row in self.reservations:
            booked = local_day(self, row, "booked_at")
            if row["reservation_id"] == self.changed.reservation_id:
                moment = self.changed.at.astimezone(ZoneInfo(self.zones[row["listing_id"]])).date()
                if booked <= day:
                    yield row if moment <= day else {**row, **self.changed.before}
            elif row["is_booking"]:
                if booked <= day:
                    yield row
            elif was_booked(row) and booked <= day < local_day(self, row, "cancelled_at"):
                yield row


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
        create_database(admin, DATABASE, core_template)
        with connect(dsn) as connection:
            add_account(connection, 701, "secret-701")
            sync(701, mode="full")
            harness = LandingHarness(connection, dsn)
            plant(harness)
            harness.transform()
            changed = change(harness)
            harness.transform()
        with psycopg.connect(dsn, row_factory=dict_row, autocommit=True) as reader:
            yield Mirror(reader, changed)
        get_settings.cache_clear()


def days_from_now(days: int) -> str:
    return str(datetime.now(UTC).date() + timedelta(days))


def planted_stay(number: int, first: int, nights: int, **fields: Any) -> Row:
    """A stay in the planted listing, so many days from today on."""
    dates = {"arrivalDate": days_from_now(first), "departureDate": days_from_now(first + nights), "nights": nights}
    money = {"totalPrice": 100 * nights, "taxAmount": 10 * nights, "currency": "EUR"}
    booked = {
        "reservationDate": f"{days_from_now(min(first, 0) - 30)} 10:00:00",
        "channelId": 2000,
        "channelName": "direct",
    }
    return reservation(PLANTED + number, PLANTED, **{**dates, **money, **booked, **fields})


def planted_message(number: int, conversation: int, minutes_ago: int, **fields: Any) -> Row:
    sent = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    found = {
        "id": PLANTED + number,
        "conversationId": PLANTED + conversation,
        "listingMapId": PLANTED,
        "status": "sent",
    }
    return {**found, "date": f"{sent:%Y-%m-%d %H:%M:%S}", **fields}


def plant(harness: LandingHarness) -> None:
    """A listing that has what the simulated ones may lack."""
    again = {"guestName": "Zita Again", "guestEmail": "zita.again@mail.example"}
    harness.land(
        "listings", listing(PLANTED, listingAmenities=[{"amenityId": 900, "amenityName": "Hot tub"}]), account=ACCOUNT
    )
    harness.land(
        "reservations",
        *(planted_stay(number, -60 * number, 3, **again) for number in (1, 2, 3)),
        planted_stay(4, 40, 2, **again, channelId=2018, channelName="airbnbOfficial", airbnbListingBasePrice=150),
        planted_stay(5, 30, 3, status="ownerStay"),
        planted_stay(6, 15, 2),
        planted_stay(7, 19, 2),
        account=ACCOUNT,
    )
    taken = {*range(15, 17), *range(19, 21), *range(30, 33), *range(40, 42), 50}
    harness.land(
        "calendar_days",
        *(
            {
                "listingMapId": PLANTED,
                "date": days_from_now(day),
                "isAvailable": int(day not in taken),
                "minimumStay": 4 if day in (17, 18) else 1,
                "price": 200 + day,
            }
            for day in range(60)
        ),
        account=ACCOUNT,
    )
    harness.land(
        "conversations",
        *({"id": PLANTED + number, "listingMapId": PLANTED, "reservationId": PLANTED + number} for number in (6, 7)),
        account=ACCOUNT,
    )
    harness.land(
        "messages",
        planted_message(1, 6, 3000, isIncoming=1, body="The WiFi is slow"),
        planted_message(2, 6, 2990, isIncoming=0, communicationId=3, body="We read every message"),
        planted_message(3, 6, 2960, isIncoming=0, userId=9001, body="Try again, please"),
        planted_message(4, 7, 90, isIncoming=1, body="Hello?"),
        account=ACCOUNT,
    )
    submitted = {"type": "guest-to-host", "submittedAt": f"{days_from_now(-10)} 10:00:00", "listingMapId": PLANTED}
    categories = [{"category": "Cleanliness", "rating": 6}, {"category": "location", "rating": 10}]
    harness.land(
        "reviews",
        {"id": PLANTED, "rating": 8, "reservationId": PLANTED + 1, "reviewCategory": categories, **submitted},
        account=ACCOUNT,
    )
    harness.land(
        "guest_charges",
        planted_refund(1, 1, -40.5),
        planted_refund(2, 1, -9.5),
        planted_refund(3, 1, -7, currency="USD"),
        planted_refund(4, 2, -300),
        planted_refund(5, 2, -80, status="failed"),
        planted_refund(6, 3, -60),
        {"id": PLANTED + 7, "reservationId": PLANTED + 3, "type": "charge", "amount": 300, "status": "paid"},
        account=ACCOUNT,
    )
    harness.connection.execute(
        "update landing.guest_charges set deleted_at = now() where account_id = 701 and entity_id = %s",
        (str(PLANTED + 6),),
    )


def planted_refund(number: int, booking: int, amount: float, **fields: Any) -> Row:
    """A part of a payment that the guest of a planted stay got back; negative, as Hostaway sends it."""
    refund = {"type": "refund", "status": "succeeded", "currency": "EUR", "listingMapId": PLANTED}
    return {"id": PLANTED + number, "reservationId": PLANTED + booking, "amount": amount, **refund, **fields}


def change(harness: LandingHarness) -> Changed:
    """What happens between two syncs: a price moves, a booking gets a night more; the user's tables are filled."""
    [day] = harness.rows(
        "select payload, parent_id from landing.calendar_days where account_id = 701 and entity_id = %s"
        " order by entity_id limit 1",
        f"{PLANTED}:{days_from_now(5)}",
    )
    payload = {**day[0], "listingMapId": day[1], "price": day[0]["price"] + 25}
    harness.land("calendar_days", payload, account=701)
    [booking] = harness.rows(
        "select payload from landing.reservations where account_id = 701 and payload ->> 'status' = 'new'"
        " and payload ->> 'arrivalDate' > %s order by entity_id limit 1",
        days_from_now(0),
    )[0]
    later = date.fromisoformat(booking["departureDate"]) + timedelta(1)
    changed = {**booking, "departureDate": str(later), "nights": booking["nights"] + 1, "totalPrice": 4321.5}
    at = datetime.now(UTC)
    harness.connection.execute(
        "update landing.reservations set source_updated_at = now() where account_id = 701 and entity_id = %s",
        (str(booking["id"]),),
    )
    harness.land("reservations", changed, account=701)
    harness.connection.execute(
        """
        insert into ops.exchange_rates
        select distinct currency, date '2000-01-01', 2, 'EUR' from hostaway.listings;
        insert into ops.listing_groups
        select account_id, listing_id, 'Lake' from hostaway.listings order by listing_id limit 2
        """
    )
    before = {
        "departure_date": date.fromisoformat(booking["departureDate"]),
        "total_price": Decimal(str(booking["totalPrice"])),
    }
    return Changed(booking["id"], at, before)


def amount(rows: list[Row], column: str) -> Decimal:
    return sum((row[column] for row in rows if row[column] is not None), Decimal(0))


def was_booked(row: Row) -> bool:
    """Whether a cancelled reservation was a booking for some time."""
    return bool(row["status_group"] == "cancelled" and row["cancelled_at"] and row["booked_at"] < row["cancelled_at"])


def local_day(mirror: Mirror, row: Row, column: str) -> date:
    moment: datetime = row[column]
    return moment.astimezone(ZoneInfo(mirror.zones.get(row["listing_id"], "UTC"))).date()


def first_of(day: date, months: int = 0) -> date:
    place = day.year * 12 + day.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


def rent(row: Row) -> Decimal | None:
    """Base rate, extra persons and discounts; where no line says the rate, that of Airbnb, then that of the report."""
    lines = {line["name"]: Decimal(str(line["total"])) for line in finance(row)}
    airbnb: Decimal | None = row["airbnb_listing_base_price"]
    if "baseRate" not in lines and airbnb is not None:
        return airbnb
    if "baseRate" not in lines:
        report = row["reported"]
        return report["base_rate"] + report["extra_person_price"] - abs(report["weekly_discount"]) if report else None
    off = sum(abs(Decimal(str(line["total"]))) for line in finance(row) if line["type"] == "discount")
    return lines["baseRate"] + lines.get("pricePerExtraPerson", 0) - off


def nights_of(mirror: Mirror) -> dict[tuple[int, date], Nights]:
    """Each listing's nights, from the first that is booked or in the calendar; archived listings are left out."""
    found: dict[tuple[int, date], Nights] = defaultdict(Nights)
    archived = {row["listing_id"] for row in mirror.listings if row["is_archived"]}
    owner = [row for row in mirror.reservations if row["status_group"] == "owner_stay"]
    for rows, name in ((mirror.bookings, "booked"), (owner, "owner")):
        for row, night in mirror.nights(rows):
            cell, units = found[row["listing_id"], night], mirror.units_of(row)
            setattr(cell, name, getattr(cell, name) + units)
            length = (row["departure_date"] - row["arrival_date"]).days
            if name == "booked" and row["total_price"] is not None:
                cell.gross += [row["total_price"] / length / units] * units
            part = rent(row)
            if name == "booked" and part is not None:
                cell.rent += [part / length / units] * units
    calendars: dict[int, dict[date, Row]] = defaultdict(dict)
    for row in mirror.calendar_days:
        calendars[row["listing_id"]][row["date"]] = row
    for listing_id, calendar in calendars.items():
        first = min([*calendar, *(night for number, night in found if number == listing_id)])
        while first <= max(calendar):
            count_rest(found[listing_id, first], calendar.get(first), calendar[min(calendar)]["unit_count"] or 1)
            first += timedelta(1)
    return {key: cell for key, cell in found.items() if key[0] not in archived}


def count_rest(cell: Nights, day: Row | None, units_at_first: int) -> None:
    """What is neither booked nor the owner's on a day."""
    units = (day["unit_count"] or 1) if day else units_at_first
    rest = max(units - cell.booked - cell.owner, 0)
    if day is None:
        cell.available = rest
    elif units > 1 and day["units_to_sell"] is not None:
        unknown = max(cell.booked + cell.owner - day["reserved_units"], 0)
        cell.available = max(min(rest, day["units_to_sell"] - unknown), 0)
    else:
        cell.available = rest if day["is_available"] else 0
    cell.hold = rest - cell.available
    cell.mirrored = cell.all if day else 0


def summed(
    mirror: Mirror, key: Callable[[int, date], Any], where: Callable[[date], bool] = lambda day: True
) -> dict[Any, Nights]:
    """Nights of the listings that are not archived, added up by a key of listing and day."""
    found: dict[Any, Nights] = defaultdict(Nights)
    for (listing_id, day), cell in nights_of(mirror).items():
        if where(day):
            found[key(listing_id, day)] += cell
    return found


def by_month(mirror: Mirror) -> dict[tuple[str, date], Nights]:
    names = {row["listing_id"]: row["listing_name"] for row in mirror.listings}
    return summed(mirror, lambda number, day: (names[number], first_of(day)))


def near(part: Any, whole: Any, digits: str = "0.0001") -> Any:
    return pytest.approx(Decimal(part) / whole, abs=Decimal(digits)) if whole else None


def archived_names(mirror: Mirror) -> set[str]:
    return {row["listing_name"] for row in mirror.listings if row["is_archived"]}


CHECKS: dict[int, Callable[[Mirror, list[Row]], None]] = {}


def answers(*numbers: int) -> Callable[[Callable[[Mirror, list[Row]], None]], Callable[[Mirror, list[Row]], None]]:
    def register(check: Callable[[Mirror, list[Row]], None]) -> Callable[[Mirror, list[Row]], None]:
        CHECKS.update(dict.fromkeys(numbers, check))
        return check

    return register


@answers(1)
def _(mirror: Mirror, rows: list[Row]) -> None:
    months = {first_of(mirror.today), first_of(mirror.today, 1)}
    expected = {key: cell for key, cell in by_month(mirror).items() if key[1] in months}
    seen = {(row["listing_name"], row["period_date"]): row for row in rows}
    assert {key for key in seen if key[0] not in archived_names(mirror)} == set(expected)
    for key, cell in expected.items():
        assert seen[key]["adjusted_occupancy"] == near(cell.booked, cell.booked + cell.available), key
        assert seen[key]["adr_accommodation"] == near(sum(cell.rent), len(cell.rent), "0.02")
        known = cell.all - cell.booked + len(cell.rent)
        if cell.rent:
            assert seen[key]["revpar_accommodation"] == near(sum(cell.rent), known, "0.02")


@answers(2)
def _(mirror: Mirror, rows: list[Row]) -> None:
    try:
        last_year = mirror.today.replace(year=mirror.today.year - 1)
    except ValueError:  # 29 February
        last_year = mirror.today.replace(year=mirror.today.year - 1, day=28)
    for day in (mirror.today, last_year):
        counted = Counter(
            row["currency"]
            for row, night in mirror.nights(list(mirror.known_on(day)))
            if day <= night < day + timedelta(90)
        )
        assert {row["currency"]: row["nights"] for row in rows if row["day"] == day} == counted
        assert counted


@answers(3)
def _(mirror: Mirror, rows: list[Row]) -> None:
    recent = [row for row in mirror.bookings if row["arrival_date"] >= mirror.today - timedelta(365)]
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
        assert row["booking_window"] == pytest.approx(Decimal(mean(windows)), abs=Decimal("0.06"))
        lengths = [booking["nights"] for booking in by_channel[row["channel_name"]]]
        assert row["length_of_stay"] == pytest.approx(Decimal(mean(lengths)), abs=Decimal("0.06"))


@answers(4)
def _(mirror: Mirror, rows: list[Row]) -> None:
    since = mirror.today - timedelta(7)
    first = [
        {**row, **mirror.changed.before} if row["reservation_id"] == mirror.changed.reservation_id else row
        for row in mirror.bookings
    ]
    cancelled = [row for row in mirror.reservations if was_booked(row)]
    booked: Counter[date] = Counter()
    lost: Counter[date] = Counter()
    for row, night in mirror.nights([*first, *cancelled]):
        if since < local_day(mirror, row, "booked_at") <= mirror.today:
            booked[first_of(night)] += 1
    for row, night in mirror.nights(cancelled):
        if since < local_day(mirror, row, "cancelled_at") <= mirror.today:
            lost[first_of(night)] += 1
    assert sum((Counter({row["stay_month"]: row["booked"]}) for row in rows), Counter()) == booked
    assert sum((Counter({row["stay_month"]: row["cancelled"]}) for row in rows), Counter()) == lost
    # what was changed is in the net alone
    assert sum(row["net"] for row in rows) == booked.total() - lost.total() + 1


@answers(5)
def _(mirror: Mirror, rows: list[Row]) -> None:
    [row] = rows
    assert (row["listing_id"], row["old_price"], row["new_price"]) == (PLANTED, 205, 230)
    assert row["booked_reservation_id"] is None


@answers(6)
def _(mirror: Mirror, rows: list[Row]) -> None:
    seen = [row for row in rows if row["listing_id"] == PLANTED]
    first = mirror.today + timedelta(17)
    assert [(row["first_date"], row["nights"], row["minimum_stay"], row["asking_price"]) for row in seen] == [
        (first, 2, 4, 435)
    ]
    assert sorted((row["listing_id"], row["first_date"], row["nights"]) for row in rows) == sorted(gaps(mirror))


def gaps(mirror: Mirror) -> Iterator[tuple[int, date, int]]:
    """Free nights in a row in which no stay can begin, of the listings that are not archived."""
    nights = nights_of(mirror)
    by_listing: dict[int, list[Row]] = defaultdict(list)
    for row in sorted(mirror.calendar_days, key=lambda row: row["date"]):
        by_listing[row["listing_id"]].append(row)
    for listing_id, days in by_listing.items():
        is_free = [
            (listing_id, row["date"]) in nights and nights[listing_id, row["date"]].available > 0 for row in days
        ]
        stuck: list[date] = []
        can_begin = False
        for place, row in enumerate(days):
            if not is_free[place]:
                can_begin = False
                continue
            end = next((other for other in range(place, len(days)) if not is_free[other]), len(days))
            fits = end == len(days) or (row["minimum_stay"] or 1) <= end - place
            can_begin = can_begin or (fits and not row["is_closed_on_arrival"])
            if not can_begin and mirror.today <= row["date"]:
                stuck.append(row["date"])
        for place, day in enumerate(stuck):
            if place == 0 or stuck[place - 1] != day - timedelta(1):
                length = 1
                while day + timedelta(length) in stuck:
                    length += 1
                if day < mirror.today + timedelta(60):
                    yield listing_id, day, length


@answers(7)
def _(mirror: Mirror, rows: list[Row]) -> None:
    currency = {row["listing_id"]: row["currency"] for row in mirror.listings}
    expected = summed(
        mirror,
        lambda number, day: (day.isoweekday() in (5, 6), currency[number]),
        lambda day: mirror.today - timedelta(365) <= day < mirror.today,
    )
    assert {(row["is_weekend"], row["currency"]) for row in rows} >= set(expected)
    for row in rows:
        if row["currency"] not in currencies_of_archived(mirror):
            cell = expected[row["is_weekend"], row["currency"]]
            assert row["adjusted_occupancy"] == near(cell.booked, cell.booked + cell.available)
            assert row["adr_gross"] == near(sum(cell.gross), len(cell.gross), "0.02")


def currencies_of_archived(mirror: Mirror) -> set[str]:
    """Currencies whose sums hold nights of archived listings, of which core does not say since when."""
    return {row["currency"] for row in mirror.listings if row["is_archived"]}


@answers(8)
def _(mirror: Mirror, rows: list[Row]) -> None:
    month = first_of(mirror.today, -1).month
    currency = {row["listing_id"]: row["currency"] for row in mirror.listings}
    expected = summed(mirror, lambda number, day: (first_of(day), currency[number]), lambda day: day.month == month)
    assert len({row["period_date"].year for row in rows}) > 1
    for row in rows:
        if row["currency"] not in currencies_of_archived(mirror):
            cell = expected[row["period_date"], row["currency"]]
            assert row["revpar_gross"] == near(sum(cell.gross), cell.all - cell.booked + len(cell.gross), "0.02")
            assert row["nights_with_calendar"] == f"{cell.mirrored} of {cell.all}"


@answers(9)
def _(mirror: Mirror, rows: list[Row]) -> None:
    since = first_of(mirror.today, -12)
    recent = [row for row in mirror.bookings if first_of(row["arrival_date"]) >= since]
    assert sum(row["bookings"] for row in rows) == len(recent)
    for row in rows:
        theirs = [
            booking["total_price"] - tax(booking) - commission(booking)
            for booking in recent
            if (booking["channel_name"], booking["currency"]) == (row["channel_name"], row["currency"])
            and None not in (booking["total_price"], tax(booking), commission(booking))
        ]
        assert (row["known"], row["net_revenue"] or 0) == (len(theirs), sum(theirs))


def finance(row: Row) -> list[Row]:
    return [line for line in row["pms_meta"].get("financeField") or [] if not line.get("isDeleted")]


def commission(row: Row) -> Any:
    lines = [abs(Decimal(str(line["total"]))) for line in finance(row) if line["name"] == "hostChannelFee"]
    if row["channel_commission_amount"] is not None:
        return row["channel_commission_amount"]
    if lines or row["airbnb_listing_host_fee"] is not None:
        return sum(lines) if lines else row["airbnb_listing_host_fee"]
    return abs(row["reported"].get("host_channel_fee") or 0) or None


def tax(row: Row) -> Any:
    return row["tax_amount"] if row["tax_amount"] is not None else row["reported"].get("total_tax") or None


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
                and (row["is_incoming"] or row["status"] == "sent")
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
        if category["category"].lower() == "cleanliness" and Decimal(str(category["rating"])) < 9
    ]
    assert sorted(row["review_id"] for row in rows) == sorted(low)


@answers(13, 28)
def _(mirror: Mirror, rows: list[Row]) -> None:
    completed: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in mirror.bookings:
        now = datetime.now(ZoneInfo(mirror.zones[row["listing_id"]])).date()
        if row["departure_date"] is not None and row["departure_date"] <= now:
            completed[row["guest_id"], row["currency"]].append(row)
    total: Counter[int] = Counter()
    for (guest, _), stays in completed.items():
        total[guest] += len(stays)
    if "repeat_guests" in rows[0]:
        assert rows[0]["guests"] == len(total)
        assert rows[0]["repeat_guests"] == sum(stays > 1 for stays in total.values())
        return
    seen = {(row["guest_id"], row["currency"]): row for row in rows}
    assert {guest for guest, _ in seen} == {guest for guest, stays in total.items() if stays >= 3}
    for key, row in seen.items():
        assert row["completed_stays"] == len(completed[key])
        assert row["completed_gross_revenue"] == amount(completed[key], "total_price")
    [zita] = [row for row in rows if row["guest_name"] == "Zita Again"]
    assert (zita["completed_stays"], zita["completed_gross_revenue"], zita["direct_share"]) == (3, 900, Decimal("0.75"))


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
    month = [row for row in mirror.bookings if first_of(row["departure_date"]) == first_of(mirror.today, -1)]
    fees = sum(row["amount"] or 0 for row in rows if row["line_type"] == "cleaning_fee")
    assert fees == amount(month, "cleaning_fee")
    assert {row["line_type"] for row in rows} >= {"rent", "cleaning_fee", "tax", "channel_commission", "payout"}
    for kind, column, sign in (("owner_payout", "owner_payout", 1), ("management_commission", "pm_commission", -1)):
        reported = sum(sign * (row["reported"].get(column) or 0) for row in month)
        assert sum(row["amount"] or 0 for row in rows if row["line_type"] == kind) == reported
    spent = mirror.connection.execute(
        "select sum(amount) as amount from hostaway.expenses where account_id = 701 and not coalesce(is_removed, false)"
        " and date_trunc('month', expense_date) = %s",
        (first_of(mirror.today, -1),),
    ).fetchone()
    shown = sum(row["amount"] for row in rows if row["line_type"] in ("expense", "extra"))
    assert spent is not None
    assert shown == (spent["amount"] or 0)


@answers(16)
def _(mirror: Mirror, rows: list[Row]) -> None:
    expected: dict[str, list[Nights]] = defaultdict(list)
    for (name, month), cell in by_month(mirror).items():
        if month >= date(mirror.today.year, 1, 1):
            expected[name].append(cell)
    seen = {row["listing_name"]: row for row in rows if row["listing_name"] not in archived_names(mirror)}
    assert set(seen) == set(expected)
    assert seen[f"Listing {PLANTED}"]["owner_nights"] == 3
    for name, cells in expected.items():
        costs = [cell.owner * sum(cell.rent) / len(cell.rent) for cell in cells if cell.rent]
        assert seen[name]["owner_nights"] == sum(cell.owner for cell in cells)
        assert (seen[name]["lost_opportunity"] or 0) == pytest.approx(sum(costs), abs=Decimal("0.1"))


@answers(17)
def _(mirror: Mirror, rows: list[Row]) -> None:
    tubs = {row["listing_id"] for row in mirror.listing_amenities if (row["amenity_name"] or "").lower() == "hot tub"}
    currency = {row["listing_id"]: row["currency"] for row in mirror.listings}
    expected = summed(
        mirror,
        lambda number, day: (number in tubs, currency[number]),
        lambda day: first_of(day) < mirror.today,
    )
    assert {row["hot_tub"] for row in rows} == {True, False}
    for row in rows:
        if row["currency"] not in currencies_of_archived(mirror):
            cell = expected[row["hot_tub"], row["currency"]]
            assert row["adr_gross"] == near(sum(cell.gross), len(cell.gross), "0.02")


@answers(18)
def _(mirror: Mirror, rows: list[Row]) -> None:
    month = [row for row in mirror.bookings if first_of(row["departure_date"]) == first_of(mirror.today, -1)]
    by_host = sum(row["amount"] for row in rows if row["remitted_by"] == "host")
    lines = sum(Decimal(str(line["total"])) for row in month for line in finance(row) if line["type"] == "tax")
    others = [row for row in month if not any(line["type"] == "tax" for line in finance(row))]
    # The kinds of the report, which are all that its sum has; else the sum of the reservation
    kinds = sum(row["reported"].get("total_tax") or row["tax_amount"] or 0 for row in others)
    assert by_host == lines + kinds
    assert {row["tax"] for row in rows} >= {"salesTax"}
    by_channel = sum(row["amount"] for row in rows if row["remitted_by"] == "channel")
    assert by_channel == amount(month, "airbnb_transient_occupancy_tax_paid")


@answers(19)
def _(mirror: Mirror, rows: list[Row]) -> None:
    month = first_of(mirror.today)
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for row in mirror.known_on(month - timedelta(1)):
        if row["arrival_date"] is None or row["departure_date"] <= row["arrival_date"]:
            continue
        left = (row["departure_date"] - max(row["arrival_date"], month)).days
        if left > 0 and row["total_price"] is not None:
            nights = (row["departure_date"] - row["arrival_date"]).days
            expected[row["currency"]] += row["total_price"] * left / nights
    assert {row["currency"]: row["unearned_revenue"] for row in rows} == {
        currency: pytest.approx(total, abs=Decimal("0.01")) for currency, total in expected.items()
    }


@answers(20)
def _(mirror: Mirror, rows: list[Row]) -> None:
    kept = [
        row
        for row in mirror.reservations
        if row["status_group"] == "cancelled" and (row["airbnb_cancellation_payout"] or 0) > 0
    ]
    found = {row["reservation_id"]: row["amount"] for row in rows if row["kind"] == "kept payout"}
    assert found == {row["reservation_id"]: row["airbnb_cancellation_payout"] for row in kept}

    refunds = {(row["reservation_id"], row["currency"]): row["amount"] for row in rows if row["kind"] == "refund"}
    planted = {key: amount for key, amount in refunds.items() if key[0] > PLANTED and key[0] < PLANTED + 10}
    # 40.50 and 9.50 in two steps; 7 in another currency; the failed and the deleted refund do not count
    assert planted == {
        (PLANTED + 1, "EUR"): Decimal("50.00"),
        (PLANTED + 1, "USD"): Decimal(7),
        (PLANTED + 2, "EUR"): Decimal(300),
    }
    simulated: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for charge in mirror.guest_charges:
        if charge["charge_type"] == "refund" and charge["status"] == "succeeded":
            simulated[charge["reservation_id"], charge["currency"]] -= charge["amount"]
    statuses = {row["reservation_id"]: row["status_group"] for row in mirror.reservations}
    assert refunds == simulated
    assert "cancelled" in {statuses.get(number) for number, _ in simulated}


@answers(21)
def _(mirror: Mirror, rows: list[Row]) -> None:
    figures = [row["adjusted_revpar_gross"] for row in rows if row["adjusted_revpar_gross"] is not None]
    assert figures == sorted(figures, reverse=True)
    expected: dict[str, Nights] = defaultdict(Nights)
    for (name, month), cell in by_month(mirror).items():
        if mirror.today - timedelta(365) <= month <= mirror.today:
            expected[name] += cell
    seen = {row["listing_name"]: row for row in rows if row["listing_name"] not in archived_names(mirror)}
    assert set(seen) == set(expected)
    for name, cell in expected.items():
        assert seen[name]["adjusted_revpar_gross"] == near(sum(cell.gross), cell.available + len(cell.gross), "0.02")


@answers(22)
def _(mirror: Mirror, rows: list[Row]) -> None:
    soon = {row["listing_id"] for row, night in mirror.nights() if mirror.today <= night < mirror.today + timedelta(30)}
    assert soon.isdisjoint(row["listing_id"] for row in rows)
    assert soon | {row["listing_id"] for row in rows} == {row["listing_id"] for row in mirror.listings}


@answers(23)
def _(mirror: Mirror, rows: list[Row]) -> None:
    rates: dict[tuple[int, str], list[Decimal]] = defaultdict(list)
    listings = {row["listing_id"] for row in mirror.listings}
    for row, night in mirror.nights():
        if row["listing_id"] in listings and row["total_price"] is not None:
            units = mirror.units_of(row)
            share = row["total_price"] / (row["departure_date"] - row["arrival_date"]).days / units
            rates[night.isoweekday(), row["currency"]] += [share] * units
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
    every: Counter[date] = Counter()
    direct: Counter[date] = Counter()
    for row in mirror.bookings:
        month, nights = first_of(row["arrival_date"]), (row["departure_date"] - row["arrival_date"]).days
        every[month] += nights
        direct[month] += nights * (row["channel_id"] in (2000, 2013))
    assert {row["arrival_month"]: row["direct_share"] for row in rows if row["arrival_month"] in every} == {
        month: near(direct[month], nights) for month, nights in every.items()
    }


@answers(29)
def _(mirror: Mirror, rows: list[Row]) -> None:
    expected = summed(mirror, lambda _, day: day - timedelta(day.weekday()))
    last = mirror.today + timedelta(84)
    weeks = {week: cell for week, cell in expected.items() if mirror.today <= week <= last and cell.all}
    seen = {row["period_date"]: row["adjusted_occupancy"] for row in rows}
    assert set(seen) >= set(weeks)
    if not archived_names(mirror):
        assert seen == {week: near(cell.booked, cell.booked + cell.available) for week, cell in weeks.items()}


@answers(30)
def _(mirror: Mirror, rows: list[Row]) -> None:
    assert [(row["listing_id"], row["changes"], row["average_change"]) for row in rows] == [(PLANTED, 1, 25)]


@answers(31, 32)
def _(mirror: Mirror, rows: list[Row]) -> None:
    [row] = rows
    assert row["reservation_id"] == mirror.changed.reservation_id
    before = mirror.changed.before
    if "field" in row:
        later = before["departure_date"] + timedelta(1)
        assert (row["field"], row["old_value"], row["new_value"]) == (
            "departure_date",
            str(before["departure_date"]),
            str(later),
        )
    else:
        assert (row["lowest"], row["highest"], row["changes"]) == (before["total_price"], Decimal("4321.5"), 1)


@answers(33)
def _(mirror: Mirror, rows: list[Row]) -> None:
    rated: dict[tuple[int, date], list[Decimal]] = defaultdict(list)
    for row in reviews_of_guests(mirror):
        moment = row["submitted_at"] or row["inserted_at"]
        if row["rating"] is not None and moment:
            month = first_of(moment.astimezone(ZoneInfo(mirror.zones[row["listing_id"]])).date())
            rated[row["listing_id"], month].append(row["rating"])
    assert {(row["listing_id"], row["month_date"]): (row["average_rating"], row["reviews"]) for row in rows} == {
        key: (near(sum(ratings), len(ratings), "0.01"), len(ratings)) for key, ratings in rated.items()
    }


def reviews_of_guests(mirror: Mirror) -> list[Row]:
    return [row for row in mirror.reviews if row["review_type"] == "guest-to-host" and not row["is_cancelled"]]


@answers(34)
def _(mirror: Mirror, rows: list[Row]) -> None:
    rated: dict[int, dict[str, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    for row in reviews_of_guests(mirror):
        for category in row["category_ratings"] or []:
            if category.get("rating") is not None:
                name, rating = category["category"].lower(), Decimal(str(category["rating"]))
                rated[row["listing_id"]][name].append(rating)
    lowest = {
        number: min((sum(ratings) / len(ratings), name) for name, ratings in categories.items())
        for number, categories in rated.items()
    }
    assert {row["listing_id"]: (row["category"], row["average_rating"]) for row in rows} == {
        number: (name, pytest.approx(average, abs=Decimal("0.01"))) for number, (average, name) in lowest.items()
    }
    assert lowest[PLANTED] == (6, "cleanliness")


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
    status = {row["reservation_id"]: row["status_group"] for row in mirror.reservations}
    reservation_of = {row["conversation_id"]: row["reservation_id"] for row in mirror.conversations}
    quick: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for number, turn in {turn["conversation"]: turn for turn in reversed(turns(mirror))}.items():
        kind = status.get(reservation_of[number], "none")
        kind = "none" if kind in ("owner_stay", "other") else kind
        if kind in ("cancelled", "declined"):
            continue
        every[kind] += 1
        waited = turn["reply"]["sent_at"] - turn["asked"]["sent_at"] if turn["reply"] else timedelta.max
        quick[kind] += waited <= timedelta(hours=1)
    assert {row["kind"]: (row["within_an_hour"], row["first_questions"]) for row in rows} == {
        kind: (quick[kind], count) for kind, count in every.items()
    }


@answers(37)
def _(mirror: Mirror, rows: list[Row]) -> None:
    lake = set(sorted(row["listing_id"] for row in mirror.listings)[:2])
    assert {tuple(row["groups"]) for row in rows} == {("Lake",), ()}
    assert {row["reporting_currency"] for row in rows} == {"EUR"}
    # booked nights of archived listings are known, too
    gross: dict[bool, Decimal] = defaultdict(Decimal)
    for row in mirror.bookings:
        if row["arrival_date"] and row["departure_date"] > row["arrival_date"]:
            gross[row["listing_id"] in lake] += 2 * (row["total_price"] or 0)
    for row in rows:
        assert row["gross_revenue"] == pytest.approx(gross[row["groups"] == ["Lake"]], abs=Decimal("1"))


@answers(38)
def _(mirror: Mirror, rows: list[Row]) -> None:
    expected: dict[str, Nights] = defaultdict(Nights)
    for (name, month), cell in by_month(mirror).items():
        if month >= first_of(mirror.today):
            expected[name] += cell
    seen = {row["listing_name"]: row for row in rows if row["listing_name"] not in archived_names(mirror)}
    assert {name: (row["hold_nights"], row["nights"]) for name, row in seen.items()} == {
        name: (cell.hold, cell.all) for name, cell in expected.items()
    }
    assert seen[f"Listing {PLANTED}"]["hold_nights"] >= 1


@answers(39)
def _(mirror: Mirror, rows: list[Row]) -> None:
    photos = Counter(row["listing_id"] for row in mirror.listing_photos)
    expected: dict[int, set[str]] = {}
    for row in mirror.listings:
        texts = ("description", "house_rules", "cancellation_policy", "person_capacity", "time_zone_name")
        lacking = {name for name in texts if row[name] is None}
        lacking |= {"coordinates"} if None in (row["latitude"], row["longitude"]) else set()
        lacking |= {"base_price"} if not row["base_price"] else set()
        lacking |= {"photos"} if photos[row["listing_id"]] < 10 else set()
        if lacking and not row["is_archived"]:
            expected[row["listing_id"]] = lacking
    assert {row["listing_id"]: set(row["missing"]) for row in rows} == expected
    sizes = [len(row["missing"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert PLANTED in expected


@answers(40)
def _(mirror: Mirror, rows: list[Row]) -> None:
    seen = {(row["listing_name"], row["period_date"]): row for row in rows}
    for key, cell in by_month(mirror).items():
        row = seen[key]
        assert (row["booked_nights"], row["hostaway_booked_days"]) == (cell.booked, booked_days(mirror, *key))
        assert row["units_beside_the_first"] == cell.booked - booked_days(mirror, *key)
        assert row["adjusted_occupancy"] == near(cell.booked, cell.booked + cell.available)


def booked_days(mirror: Mirror, name: str, month: date) -> int:
    """Days of a month on which a listing has a booking, however many units it takes."""
    number = next(row["listing_id"] for row in mirror.listings if row["listing_name"] == name)
    return len({night for row, night in mirror.nights() if row["listing_id"] == number and first_of(night) == month})


def test_the_page_asks_forty_questions() -> None:
    assert sorted(QUESTIONS) == list(range(1, 41)) == sorted(CHECKS)


@pytest.mark.parametrize("number", sorted(QUESTIONS))
def test_the_query_of_the_page_answers_the_question(mirror: Mirror, number: int) -> None:
    CHECKS[number](mirror, mirror.answer(number))
