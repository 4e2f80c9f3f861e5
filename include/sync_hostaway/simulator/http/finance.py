"""Answers of the finance endpoints: reports by form data, and the fields of one reservation."""

from __future__ import annotations

import csv
import io
from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qsl

from sync_hostaway.simulator.data import finance_reports
from sync_hostaway.simulator.data.clock import parse_day
from sync_hostaway.simulator.data.finance_fields import standard_fields
from sync_hostaway.simulator.data.rows import JsonObject
from sync_hostaway.simulator.http.attach import encode
from sync_hostaway.simulator.http.envelopes import Answer, ObjectAnswer, Reply, fail
from sync_hostaway.simulator.http.queries import Params
from sync_hostaway.simulator.http.state import Account

_DATE_TYPES = frozenset({"arrivalDate", "departureDate", "reservationDate"})


def form_of(body: bytes) -> Params:
    """The fields of a form, as multipart or URL-encoded."""
    if not body.startswith(b"--"):
        return Params(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    boundary = body.split(b"\r\n", 1)[0][2:]
    whole = message_from_bytes(b"Content-Type: multipart/form-data; boundary=" + boundary + b"\r\n\r\n" + body)
    parts = whole.get_payload()
    pairs: list[tuple[str, str]] = []
    for part in parts if isinstance(parts, list) else []:
        name = part.get_param("name", header="content-disposition") if isinstance(part, Message) else None
        value = part.get_payload(decode=True) if isinstance(part, Message) else None
        if isinstance(name, str) and isinstance(value, bytes):
            pairs.append((name, value.decode("utf-8", "replace")))
    return Params(pairs)


def report(account: Account, name: str, form: Params) -> Reply:
    """A report as JSON or CSV: of all dates and of all bookings, cancelled ones too, unless the form says otherwise."""
    formats = {"consolidated": ("json", "csv"), "listingFinancials": ("json", "csv")}.get(name, ("csv",))
    wanted = form.get("format") or ("csv" if formats == ("csv",) else "")
    if wanted not in formats:
        return fail(400, f"format must be one of {', '.join(formats)}")
    payloads = _reservations(account, form)
    if payloads is None:
        return fail(400, "dateType must be one of arrivalDate, departureDate, reservationDate")
    names = {row.id: account.data.outlines[row.id].name for row in account.data.listings}
    if name in ("standard", "calculated"):
        return _as_csv(_items(account, name, payloads), form)
    if name == "listingFinancials":
        table = finance_reports.by_listing(payloads, account.id, names)
    else:
        currency = next((str(payload["currency"]) for payload in payloads if payload.get("currency")), None)
        table = finance_reports.consolidated(payloads, account.id, names, currency)
    if wanted == "json":
        return ObjectAnswer(encode(table))
    return _as_csv([[column["title"] for column in table["columns"]], *table["rows"], table["totals"]], form)


def _reservations(account: Account, form: Params) -> list[JsonObject] | None:
    kind = form.get("dateType") or "arrivalDate"
    if kind not in _DATE_TYPES:
        return None
    statuses = frozenset(form.all("statuses")) or finance_reports.REPORTED
    listings, channels = form.all("listingMapIds"), form.all("channelIds")
    first, last = (parse_day(form.get(name) or "") for name in ("fromDate", "toDate"))
    found = []
    for row in account.data.reservations:
        if row.status not in statuses:
            continue
        if (listings and str(row.listing_id) not in listings) or (channels and str(row.channel_id) not in channels):
            continue
        payload = account.data.object("reservations", row)
        day = parse_day(str(payload.get(kind) or ""))
        if (first is not None and (day is None or day < first)) or (last is not None and (day is None or day > last)):
            continue
        found.append(payload)
    return found


def _items(account: Account, name: str, payloads: list[JsonObject]) -> list[list[object]]:
    """The reports with a line per item."""
    shared = ("id", "channelName", "status", "arrivalDate", "departureDate", "listingName")
    rows: list[list[object]] = []
    if name == "standard":
        rows.append(
            ["Reservation ID", "Channel", "Status", "Arrival", "Departure", "Listing", "Owner", "Description", "Amount"]
        )
        for payload in payloads:
            fields = standard_fields(payload, account.id)
            amounts = {key: value for key, value in fields.items() if isinstance(value, float)}
            rows += [[*(payload.get(key) for key in shared), None, key, value] for key, value in amounts.items()]
        return rows
    heads = "Reservation ID,Channel,Status,Arrival,Departure,Listing,Guest,Booked,Formula,Formula values,Amount"
    rows.append(list(heads.split(",")))
    for payload in payloads:
        guest = [payload.get("guestName"), payload.get("reservationDate")]
        for field in finance_reports.calculated_fields(payload, account.id):
            rows.append(
                [
                    *(payload.get(key) for key in shared),
                    *guest,
                    *(field[key] for key in ("formulaName", "formulaFilled", "formulaResult")),
                ]
            )
    return rows


def _as_csv(rows: list[list[object]], form: Params) -> Answer:
    text = io.StringIO()
    csv.writer(text, delimiter="\t" if form.get("delimiter") == "tab" else ",").writerows(rows)
    return Answer(200, text.getvalue().encode(), content_type="text/csv")


def reservation_logs(payload: JsonObject) -> list[JsonObject]:
    """What changed in a reservation, newest first; values are texts, and an id is unique only within its source."""
    base = payload["id"] % 100_000_000 * 2
    booked, changed = payload.get("insertedOn"), payload.get("updatedOn")
    entries = [_log_entry(payload, base, "status", "", "new", booked)]
    fee = _log_entry(payload, base, "cleaningFeeValue", "", payload.get("cleaningFee") or 0, booked)
    entries.append({**fee, "source": "financeStandardField"})
    if payload.get("status") != "new":
        entries.insert(0, _log_entry(payload, base + 1, "status", "new", payload.get("status"), changed))
    return entries


def _log_entry(payload: JsonObject, number: int, name: str, before: object, after: object, when: object) -> JsonObject:
    return {
        "id": number,
        "reservationId": payload["id"],
        "listingMapId": payload.get("listingMapId"),
        "channelId": payload.get("channelId"),
        "source": "reservation",
        "updatedField": name,
        "updatedFieldLabel": name.capitalize(),
        "previousValue": str(before),
        "newValue": str(after),
        "updatedByUserId": None,
        "updatedByUserName": None,
        "insertedOn": when,
        "updatedOn": when,
    }
