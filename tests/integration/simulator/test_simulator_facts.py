"""Facts about the real API that the simulator follows, each with a check. docs/simulator-facts.md lists them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[3] / "docs" / "simulator-facts.md"
TODAY = date(2026, 5, 20)
Check = Callable[[Any, RunningSimulator], None]
FACTS: dict[str, Check] = {}


def fact(sentence: str) -> Callable[[Check], Check]:
    """Note a fact with its check."""

    def keep(check: Check) -> Check:
        FACTS[sentence] = check
        return check

    return keep


# -- access --------------------------------------------------------------------------------------------------------


@fact("A token request with a wrong key answers 401 with the OAuth error `invalid_client`.")
def _(client: Any, simulator: RunningSimulator) -> None:
    answer = client.exchange(701, "wrong")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@fact("A revoked token answers 403 with the message of a denied request, not 401.")
def _(client: Any, simulator: RunningSimulator) -> None:
    client.call("DELETE", "accessTokens", params={"token": client.token})
    answer = client.get("users")
    assert answer.status_code == 403
    assert answer.json()["message"].startswith("The resource owner or authorization server denied the request")


@fact("A missing object answers 404 with the message `Resource not found`.")
def _(client: Any, simulator: RunningSimulator) -> None:
    answer = client.get("reservations/1")
    assert (answer.status_code, answer.json()) == (404, {"status": "fail", "message": "Resource not found"})


@fact("Unknown query parameters are ignored: the answer is 200 with the unfiltered list.")
def _(client: Any, simulator: RunningSimulator) -> None:
    assert client.get("reservations", updatedSince="2026-05-01").json()["count"] == 260


@fact("Array parameters count only with brackets.")
def _(client: Any, simulator: RunningSimulator) -> None:
    listing = client.rows("listings", limit=1)[0]["id"]
    assert client.get("reviews", listingMapIds=listing).json() == client.get("reviews").json()
    assert {row["listingMapId"] for row in client.rows("reviews", **{"listingMapIds[]": listing})} == {listing}


# -- lists ---------------------------------------------------------------------------------------------------------


@fact("Lists of listings and reservations carry limit, offset and count; conversations also page and totalPages.")
def _(client: Any, simulator: RunningSimulator) -> None:
    for path in ("listings", "reservations"):
        assert set(client.get(path).json()) == {"status", "result", "limit", "offset", "count"}
    assert {"page", "totalPages"} <= set(client.get("conversations").json())


@fact("`count` is the number of rows that match the filter, not the length of the page.")
def _(client: Any, simulator: RunningSimulator) -> None:
    assert client.get("reservations", limit=1).json()["count"] == 260


@fact("A page past the end is a success with no rows.")
def _(client: Any, simulator: RunningSimulator) -> None:
    assert client.rows("reservations", offset=9_000) == []


@fact("Reservations come by updatedOn and id, both descending, when no order is requested.")
def _(client: Any, simulator: RunningSimulator) -> None:
    keys = [(row["updatedOn"], row["id"]) for row in client.rows("reservations", limit=500)]
    assert keys == sorted(keys, reverse=True)


@fact("`afterId` continues after that row and ignores `offset`; a cursor that no longer exists starts from the front.")
def _(client: Any, simulator: RunningSimulator) -> None:
    first, second = client.rows("reservations", limit=2)
    assert client.rows("reservations", limit=1, afterId=first["id"], offset=50)[0]["id"] == second["id"]
    assert client.rows("reservations", limit=1, afterId=1)[0]["id"] == first["id"]


@fact("latestActivityOn is never later than updatedOn, and often earlier.")
def _(client: Any, simulator: RunningSimulator) -> None:
    rows = client.rows("reservations", limit=500)
    assert all(row["latestActivityOn"] <= row["updatedOn"] for row in rows)
    assert any(row["latestActivityOn"] < row["updatedOn"] for row in rows)


@fact("The date filters of reservations include both ends.")
def _(client: Any, simulator: RunningSimulator) -> None:
    day = client.rows("reservations", limit=1)[0]["arrivalDate"]
    found = client.rows("reservations", limit=500, arrivalStartDate=day, arrivalEndDate=day)
    assert {row["arrivalDate"] for row in found} == {day}


@fact("Without includeResources, attached arrays of reservations are empty and hostProxyEmail is null.")
def _(client: Any, simulator: RunningSimulator) -> None:
    lean, full = client.rows("reservations", limit=500), client.rows("reservations", limit=500, includeResources=1)
    names = ("customFieldValues", "reservationFees", "hostProxyEmail")
    assert not any(row[name] for row in lean for name in names)
    assert all(any(row[name] for row in full) for name in names)


@fact("countries, currencies, languages and timezones are objects by code, not arrays.")
def _(client: Any, simulator: RunningSimulator) -> None:
    assert client.get("countries").json()["result"]["US"] == "United States"
    assert client.get("currencies").json()["result"]["EUR"] == "EUR - Euro"
    assert client.get("languages").json()["result"]["en"] == "English"
    zone = client.get("timezones").json()["result"]["America/New_York"]
    assert zone == {"value": "(UTC -04:00) America/New_York", "diff": "-04:00"}


# -- listings ------------------------------------------------------------------------------------------------------


@fact("Listings have no updatedOn and no accountId.")
def _(client: Any, simulator: RunningSimulator) -> None:
    assert not {"updatedOn", "accountId"} & set(client.rows("listings", limit=1)[0])


@fact("Archived listings stay in the list unless specialStatus[]=active is requested.")
def _(client: Any, simulator: RunningSimulator) -> None:
    listing = client.rows("listings", limit=1)[0]["id"]
    simulator.control.patch("listings", listing, {"specialStatus": "archived"})
    assert listing in {row["id"] for row in client.rows("listings")}
    assert listing not in {row["id"] for row in client.rows("listings", **{"specialStatus[]": "active"})}


@fact("`userId` limits listings to those that the user may see.")
def _(client: Any, simulator: RunningSimulator) -> None:
    users = client.rows("users", includeResources=1)
    seen = next(user for user in users if user["listingMapIds"] is not None)
    assert {row["id"] for row in client.rows("listings", userId=seen["id"])} == set(seen["listingMapIds"])


@fact("`availabilityDateStart` with `availabilityDateEnd` limits listings to those free on every night between.")
def _(client: Any, simulator: RunningSimulator) -> None:
    span = {"availabilityDateStart": "2026-06-01", "availabilityDateEnd": "2026-06-08"}
    free = {row["id"] for row in client.rows("listings", **span)}
    for row in client.rows("listings"):
        days = client.rows(f"listings/{row['id']}/calendar", startDate="2026-06-01", endDate="2026-06-07")
        assert (row["id"] in free) == all(day["isAvailable"] for day in days)
    assert client.get("listings", availabilityDateStart="2026-06-01").json()["count"] == 12


@fact("`availabilityGuestNumber` limits them further, by capacity.")
def _(client: Any, simulator: RunningSimulator) -> None:
    span = {"availabilityDateStart": "2027-09-01", "availabilityDateEnd": "2027-09-02"}
    for guests in (1, 6, 40):
        found = client.rows("listings", **span, availabilityGuestNumber=guests)
        expected = [row["id"] for row in client.rows("listings", **span) if row["personCapacity"] >= guests]
        assert [row["id"] for row in found] == expected


@fact("A booking takes its listing out of the availability filter at once.")
def _(client: Any, simulator: RunningSimulator) -> None:
    span = {"availabilityDateStart": "2027-09-01", "availabilityDateEnd": "2027-09-03"}
    listing = next(row["id"] for row in client.rows("listings", **span) if not row["listingUnits"])
    fields = {"listingMapId": listing, "arrivalDate": "2027-09-02", "departureDate": "2027-09-04", "status": "new"}
    simulator.control.create("reservations", fields)
    assert listing not in {row["id"] for row in client.rows("listings", **span)}


@fact("bookingEngineUrls is empty unless attachObjects[]=bookingEngineUrls is requested.")
def _(client: Any, simulator: RunningSimulator) -> None:
    assert not any(row["bookingEngineUrls"] for row in client.rows("listings"))
    assert any(row["bookingEngineUrls"] for row in client.rows("listings", **{"attachObjects[]": "bookingEngineUrls"}))


@fact("`isBookingEngineActive` filters listings.")
def _(client: Any, simulator: RunningSimulator) -> None:
    with_urls = client.rows("listings", **{"attachObjects[]": "bookingEngineUrls"})
    active = {row["id"] for row in with_urls if row["bookingEngineUrls"]}
    assert {row["id"] for row in client.rows("listings", isBookingEngineActive=1)} == active
    assert {row["id"] for row in client.rows("listings", isBookingEngineActive=0)} == (
        {row["id"] for row in with_urls} - active
    )


# -- reservations and finance --------------------------------------------------------------------------------------


@fact("hostawayReservationId is the id as text.")
def _(client: Any, simulator: RunningSimulator) -> None:
    row = client.rows("reservations", limit=1)[0]
    assert row["hostawayReservationId"] == str(row["id"])


@fact("Inquiries carry a totalPrice.")
def _(client: Any, simulator: RunningSimulator) -> None:
    rows = [row for row in client.rows("reservations", limit=500) if row["status"].startswith("inquiry")]
    assert any(row["totalPrice"] for row in rows)


@fact("financeField is empty in lists and filled in single reads; each of its rows has 36 keys.")
def _(client: Any, simulator: RunningSimulator) -> None:
    row = client.rows("reservations", limit=1, includeResources=1)[0]
    assert row["financeField"] == []
    lines = client.get(f"reservations/{row['id']}").json()["result"]["financeField"]
    assert {len(line) for line in lines} == {36}
    assert {(line["accountId"], line["reservationId"], line["applyTo"]) for line in lines} == {(701, row["id"], "null")}
    assert client.rows(f"financeField/{row['id']}") == lines


@fact("A report that is not enabled for the account answers 403 with a reason of its own; the token stays good.")
def _(client: Any, simulator: RunningSimulator) -> None:
    simulator.control.fault("not_enabled", match={"path": "finance/report"}, times=0)
    answer = client.call("POST", "finance/report/consolidated", data={"format": "json"})
    assert (answer.status_code, answer.json()["status"]) == (403, "fail")
    assert "not enabled for your account" in answer.json()["message"]
    assert client.get("users").status_code == 200


@fact(
    "The consolidated report names its columns first; cells of a row are in their order, the id as text, and one "
    "currency is for all."
)
def _(client: Any, simulator: RunningSimulator) -> None:
    form = {"format": (None, "json"), "dateType": (None, "arrivalDate")}
    table = client.call("POST", "finance/report/consolidated", files=form).json()["result"]
    assert list(table) == ["columns", "rows", "totals", "currency"]
    names = [column["name"] for column in table["columns"]]
    assert (names[0], table["columns"][-1]["valueType"]) == ("id", "money")
    assert {len(row) for row in table["rows"]} == {len(names)}
    assert isinstance(table["rows"][0][0], str)
    assert isinstance(table["currency"], str)


@fact(
    "Standard fields of a reservation are null where nothing is known, and the fields that a user set are a JSON list "
    "in a text."
)
def _(client: Any, simulator: RunningSimulator) -> None:
    row = client.rows("reservations", limit=1)[0]
    line = {"name": "baseRate", "total": 300, "isOverriddenByUser": 1}
    simulator.control.patch("reservations", row["id"], {"financeField": [line]})
    fields = client.get(f"financeStandardField/reservation/{row['id']}").json()["result"]
    assert (fields["baseRate"], fields["vat"], fields["manuallySetFields"]) == (300, None, '["baseRate"]')


@fact("Guest charges carry count and a null offset; owner statements carry neither, and only the names.")
def _(client: Any, simulator: RunningSimulator) -> None:
    charges = client.get("guestPayments/charges").json()
    assert (charges["count"] > 0, charges["offset"]) == (True, None)
    statements = client.get("ownerStatements").json()
    assert set(statements) == {"status", "result"}
    assert {tuple(row) for row in statements["result"]} == {("id", "statementName")}


# -- conversations -------------------------------------------------------------------------------------------------


@fact("A conversation embeds exactly one message and a reduced reservation under a capital R.")
def _(client: Any, simulator: RunningSimulator) -> None:
    row = client.rows("conversations", limit=1)[0]
    assert len(row["conversationMessages"]) == 1
    embedded = row["Reservation"]
    assert (embedded["listingName"], embedded["hostProxyEmail"]) == ("", None)


@fact("Messages come without scheduled and failed ones unless includeScheduledMessages=1 is requested.")
def _(client: Any, simulator: RunningSimulator) -> None:
    paths = [f"conversations/{row['id']}/messages" for row in client.rows("conversations", limit=60)]
    assert {row["status"] for path in paths for row in client.rows(path)} == {"sent"}
    assert any(row["status"] != "sent" for path in paths for row in client.rows(path, includeScheduledMessages=1))


# -- calendar ------------------------------------------------------------------------------------------------------


def _days(client: Any, **params: Any) -> list[dict[str, Any]]:
    span = {"startDate": str(TODAY - timedelta(30)), "endDate": str(TODAY + timedelta(30))}
    listings = client.rows("listings")
    return [day for row in listings for day in client.rows(f"listings/{row['id']}/calendar", **span, **params)]


@fact("A calendar day has neither listing id nor currency nor updatedOn.")
def _(client: Any, simulator: RunningSimulator) -> None:
    assert not {"listingMapId", "currency", "updatedOn"} & set(_days(client)[0])


@fact("countAvailableUnits is how many units exist, on reserved days too; availableUnitsToSell is how many are left.")
def _(client: Any, simulator: RunningSimulator) -> None:
    days = _days(client)
    assert {day["status"] for day in days} == {"available", "reserved", "blocked"}
    assert {day["countAvailableUnits"] for day in days} > {1}
    for day in days:
        left = day["countAvailableUnits"] - day["countReservedUnits"] - day["countBlockedUnits"]
        assert day["availableUnitsToSell"] == left
        assert (day["status"] == "available") == (left > 0) == bool(day["isAvailable"])


@fact("Calendar days embed reservations only with includeResources=1, as an older and shorter object.")
def _(client: Any, simulator: RunningSimulator) -> None:
    assert not any(day["reservations"] for day in _days(client))
    embedded = [row for day in _days(client, includeResources=1) for row in day["reservations"]]
    assert embedded
    assert all("updatedOn" not in row and "guestAuthHash" not in row for row in embedded)
    assert {len(row) for row in embedded} == {52}


# -- reviews and users ---------------------------------------------------------------------------------------------


def _reviews(client: Any, **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.rows("reviews", limit=500, **params)
    return rows


def _assert_filters(client: Any, params: dict[str, Any], wanted: Callable[[dict[str, Any]], bool]) -> None:
    everything = _reviews(client)
    expected = [row["id"] for row in everything if wanted(row)]
    assert 0 < len(expected) < len(everything)
    assert [row["id"] for row in _reviews(client, **params)] == expected


@fact("The JSON key of a review's rating is `rating`, null until it was submitted.")
def _(client: Any, simulator: RunningSimulator) -> None:
    assert all((row["rating"] is None) == (row["submittedAt"] is None) for row in _reviews(client))


@fact("`stayDateStart` and `stayDateEnd` limit reviews to stays that touch the range.")
def _(client: Any, simulator: RunningSimulator) -> None:
    _assert_filters(client, {"stayDateStart": "2026-03-01"}, lambda row: row["departureDate"] >= "2026-03-01")
    _assert_filters(client, {"stayDateEnd": "2026-03-01"}, lambda row: row["arrivalDate"][:10] <= "2026-03-01")


def _has_reply(value: int, row: dict[str, Any]) -> bool:
    return bool(row["revieweeResponse"]) == value


@fact("`hasHostReply` filters reviews.")
def _(client: Any, simulator: RunningSimulator) -> None:
    for value in (0, 1):
        replied = partial(_has_reply, value)
        _assert_filters(client, {"hasHostReply": value}, replied)


@fact("`listingInternalNames[]` and `listingExternalNames[]` filter reviews.")
def _(client: Any, simulator: RunningSimulator) -> None:
    listing = next(row for row in client.rows("listings") if row["id"] == _reviews(client)[0]["listingMapId"])
    for parameter, field in (("Internal", "internalListingName"), ("External", "externalListingName")):
        params = {f"listing{parameter}Names[]": listing[field]}
        _assert_filters(client, params, lambda row: row["listingMapId"] == listing["id"])


@fact("`tags[]` limits reviews to listings with one of the tags.")
def _(client: Any, simulator: RunningSimulator) -> None:
    tagged = {row["id"] for row in client.rows("listings") if "beach" in {tag["name"] for tag in row["listingTags"]}}
    _assert_filters(client, {"tags[]": "beach"}, lambda row: row["listingMapId"] in tagged)


@fact("`channelReservationIds[]` filters reviews.")
def _(client: Any, simulator: RunningSimulator) -> None:
    review = _reviews(client)[0]
    reservation = client.get(f"reservations/{review['reservationId']}").json()["result"]
    params = {"channelReservationIds[]": reservation["channelReservationId"]}
    _assert_filters(client, params, lambda row: row["reservationId"] == review["reservationId"])


@fact("A user has 74 fields, most of them permissions as 0 or 1, and listingMapIds with includeResources=1.")
def _(client: Any, simulator: RunningSimulator) -> None:
    lean, full = client.rows("users"), client.rows("users", includeResources=1)
    assert {len(row) for row in lean} == {74}
    assert all(set(more) - set(less) == {"listingMapIds"} for less, more in zip(lean, full, strict=True))
    assert {row["readOccupancyReport"] for row in lean} <= {0, 1}


# -- webhooks ------------------------------------------------------------------------------------------------------


@contextmanager
def _receiver() -> Iterator[tuple[str, list[bytes]]]:
    """An address that takes deliveries, and the bodies that came."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer()

        def _answer(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@fact("Registering a webhook probes it: a GET, then a POST without object and event, both without credentials.")
def _(client: Any, simulator: RunningSimulator) -> None:
    with _receiver() as (url, bodies):
        assert client.call("POST", "webhooks/unifiedWebhooks", json={"url": url}).status_code == 200
        assert [json.loads(body) for body in bodies] == [{"data": "test"}]


@fact("A webhook gets only the events that it was registered for.")
def _(client: Any, simulator: RunningSimulator) -> None:
    with _receiver() as (url, bodies):
        hook = client.call("POST", "webhooks/unifiedWebhooks", json={"url": url, "events": ["reservation.updated"]})
        assert hook.json()["result"]["events"] == ["reservation.updated"]
        row = client.rows("reservations", limit=1)[0]
        fields = {"listingMapId": row["listingMapId"], "arrivalDate": "2027-01-01", "departureDate": "2027-01-03"}
        simulator.control.create("reservations", fields)
        simulator.control.patch("reservations", row["id"], {"hostNote": "changed"})
        simulator.control.wait_delivered()
        assert [json.loads(body)["event"] for body in bodies[1:]] == ["reservation.updated"]


@fact("A delivery's body can come encoded twice: a JSON text inside a JSON string.")
def _(client: Any, simulator: RunningSimulator) -> None:
    with _receiver() as (url, bodies):
        client.call("POST", "webhooks/unifiedWebhooks", json={"url": url})
        simulator.control.disorder(encoded_twice=1)
        reservation = client.rows("reservations", limit=1)[0]["id"]
        for note in ("first", "second"):
            simulator.control.patch("reservations", reservation, {"hostNote": note})
            simulator.control.wait_delivered()
        twice, once = (json.loads(body) for body in bodies[1:])
        assert isinstance(twice, str)
        assert json.loads(twice)["data"]["hostNote"] == "first"
        assert once["data"]["hostNote"] == "second"


@fact("Deliveries carry the filled financeField, and listingCustomFields.")
def _(client: Any, simulator: RunningSimulator) -> None:
    with _receiver() as (url, bodies):
        client.call("POST", "webhooks/unifiedWebhooks", json={"url": url})
        simulator.control.patch("reservations", client.rows("reservations", limit=1)[0]["id"], {"hostNote": "x"})
        simulator.control.wait_delivered()
        data = json.loads(bodies[1])["data"]
        assert data["financeField"]
        assert data["listingCustomFields"] == []


@pytest.mark.parametrize("sentence", FACTS)
def test_the_simulator_follows(sentence: str, client: Any, simulator: RunningSimulator) -> None:
    FACTS[sentence](client, simulator)


def test_the_page_lists_the_facts_that_are_checked() -> None:
    listed = re.findall(r"^\* (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == list(FACTS)
