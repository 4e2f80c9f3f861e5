"""Sync of the finance fields of reservations: one report for each month, in place of a request for each reservation.

A report shows all reservations of a period and one currency for all of them. Its columns differ between accounts, so
they are mapped by name. No limit of rows is documented: the rows are compared with the mirrored reservations, and those
that are missing are looked for by their other dates, and then one by one.

Each landed row keeps the `updatedOn` that its reservation had before the request. So a reservation is due again when it
changed since, and a sync that was killed continues with what is left.

Where reports are not enabled for the account, the standard fields of reservations that changed lately are read singly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog

from sync_hostaway.core.exceptions import HostawayError, HostawayMalformedReply, HostawayNotFound
from sync_hostaway.core.resources import Mode
from sync_hostaway.extract.context import MissingRows, SyncContext
from sync_hostaway.extract.refusals import REFUSALS
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.values import as_date, as_id, as_list
from sync_hostaway.landing.fields import REPORT_COLUMNS
from sync_hostaway.landing.writer import Fetched

log = structlog.get_logger(__name__)

# In the order in which a reservation is looked for: reports of arrivals have nearly all of them.
_DATE_TYPES = ("arrivalDate", "departureDate", "reservationDate")
# So many of the reservations that no report has are requested by id. If Hostaway has finance fields of none of them,
# all count as reservations without finance fields, such as those of an iCal calendar.
_SAMPLE = 20
# Requests for single reservations in one run, and how far back a change is read where reports are not enabled.
_MOST_SINGLY = 2_000
_CHANGED_WITHIN = timedelta(days=30)
_ROWS_PER_COMMIT = 50
_TOTALS = "Totals"
# Figures move for some days after a stay without a change of the reservation, for example by fees of payments.
_FIGURES_MOVE_FOR = timedelta(days=35)


@dataclass(frozen=True)
class _Reservation:
    """A mirrored reservation that finance fields are read of.

    :param source: where its landed finance fields come from; None: none have landed.
    :param has_changed: it changed since these were read.
    """

    updated_on: str | None
    dates: dict[str, date | None]
    source: str | None
    has_changed: bool
    is_due: bool


@dataclass
class _Reader:
    """Reads finance fields, and keeps the ids that were seen.

    :param columns_missing: documented columns that some report did not have.
    """

    ctx: SyncContext
    reservations: dict[int, _Reservation]
    seen: set[int] = field(default_factory=set)
    columns_missing: set[str] = field(default_factory=set)

    @property
    def unseen(self) -> list[int]:
        """Due reservations that were not seen so far."""
        return [
            reservation_id
            for reservation_id, one in self.reservations.items()
            if one.is_due and reservation_id not in self.seen
        ]

    def read_reports(self, date_type: str) -> None:
        """Land the reports of the months in which unseen reservations have this date."""
        dates = (self.reservations[reservation_id].dates[date_type] for reservation_id in self.unseen)
        for month in sorted({day.replace(day=1) for day in dates if day}):
            self._read_report(date_type, month)
            self.ctx.report_progress(self.ctx.counts.seen)

    def _read_report(self, date_type: str, month: date) -> None:
        last = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        form = {"fromDate": str(month), "toDate": str(last), "dateType": date_type, "format": "json"}
        requested_at = self.ctx.client.now()
        reply = self.ctx.client.query(endpoints.CONSOLIDATED_REPORT, form, resource=self.ctx.resource)
        rows, missing = _rows_of(reply.result, self.ctx)
        self.columns_missing |= missing
        for row in rows:
            if isinstance(row, dict) and (reservation_id := as_id(row.get("id"))) is not None:
                row.update(self._marks("report", reservation_id))
                self.seen.add(reservation_id)
        self.ctx.land([Fetched(rows, requested_at)])

    def read_singly(self, reservation_ids: Sequence[int]) -> int:
        """Land the standard fields of single reservations; returns how many Hostaway has.

        :raises HostawayError: when Hostaway refuses one.
        """
        found = 0
        for start in range(0, len(reservation_ids), _ROWS_PER_COMMIT):
            batch = reservation_ids[start : start + _ROWS_PER_COMMIT]
            fetched_by_id = {reservation_id: self._standard_fields(reservation_id) for reservation_id in batch}
            self.ctx.land([fetched for fetched in fetched_by_id.values() if fetched])
            self.seen.update(reservation_id for reservation_id, fetched in fetched_by_id.items() if fetched)
            found += sum(fetched is not None for fetched in fetched_by_id.values())
            self.ctx.report_progress(self.ctx.counts.seen)
        return found

    def _standard_fields(self, reservation_id: int) -> Fetched | None:
        requested_at = self.ctx.client.now()
        try:
            reply = self.ctx.client.get(endpoints.standard_fields_of(reservation_id), resource=self.ctx.resource)
        except HostawayNotFound:
            return None
        if not isinstance(reply.result, dict) or not reply.result:
            return None
        # Here `id` is that of the standard fields. In reports it is the reservation's.
        ids = {"id": reservation_id, "standardFieldId": reply.result.get("id")}
        return Fetched([{**reply.result, **ids, **self._marks("standard_fields", reservation_id)}], requested_at)

    def land_without_fields(self, reservation_ids: Sequence[int]) -> None:
        """Land rows that say that Hostaway has no finance fields of these reservations."""
        rows = [{"id": reservation_id, **self._marks("none", reservation_id)} for reservation_id in reservation_ids]
        self.ctx.land([Fetched(rows, self.ctx.started_at)])
        self.seen.update(reservation_ids)

    def _marks(self, source: str, reservation_id: int) -> dict[str, Any]:
        """Fields that are added to a row: the source of its values, and the version of the reservation."""
        known = self.reservations.get(reservation_id)
        return {"financeSource": source, "reservationUpdatedOn": known.updated_on if known else None}


def sync_reservation_finance(ctx: SyncContext) -> MissingRows:
    """Read the finance fields of due reservations; in full mode, of all."""
    reader = _Reader(ctx, _mirrored(ctx))
    deleted = [row["reservation_id"] for row in ctx.rows("finance_of_deleted")]
    if deleted:
        ctx.mark_deleted(deleted, observed_at=ctx.started_at)
    ctx.expected = len(reader.unseen)
    ctx.report_progress(0)
    try:
        for date_type in _DATE_TYPES:
            reader.read_reports(date_type)
    except REFUSALS as refusal:
        if ctx.counts.seen:
            raise
        return _read_without_reports(reader, refusal)
    if reader.columns_missing:
        names = ", ".join(sorted(reader.columns_missing))
        log.warning("report_columns_missing", account_id=ctx.account_id, columns=names)
        ctx.remarks.append(f"the report has no column {names}: these values are null")
    return _read_unreported(reader)


def _mirrored(ctx: SyncContext) -> dict[int, _Reservation]:
    """The mirrored reservations that reports may show, by id."""
    today = datetime.now(UTC).date()
    again = not ctx.value("read_today")
    found = {}
    for row in ctx.rows("reservations_with_finance"):
        dates = {name: as_date(row[name]) for name in _DATE_TYPES}
        departure = dates["departureDate"]
        moves = again and departure is not None and abs(today - departure) <= _FIGURES_MOVE_FOR and row["is_booking"]
        is_due = ctx.mode is Mode.FULL or moves or row["has_changed"]
        found[row["reservation_id"]] = _Reservation(row["updated_on"], dates, row["source"], row["has_changed"], is_due)
    return found


def _rows_of(result: Any, ctx: SyncContext) -> tuple[list[Any], frozenset[str]]:
    """The rows of a report by the names of its columns, and the documented columns that it does not have.

    A row with another number of cells than the report has columns is returned as it came: it does not land.

    :raises HostawayMalformedReply: when the result is no report.
    """
    if result == []:
        return [], frozenset()
    columns = as_list(result.get("columns")) if isinstance(result, dict) else None
    lines = as_list(result.get("rows")) if isinstance(result, dict) else None
    names = [str(it["name"]) if isinstance(it, dict) and it.get("name") else None for it in columns or []]
    if lines is None or "id" not in names:
        raise HostawayMalformedReply(
            "Hostaway's report has no rows, or no column `id`",
            account_id=ctx.account_id,
            resource=ctx.resource,
            url=endpoints.CONSOLIDATED_REPORT,
        )
    rows: list[Any] = []
    for line in lines:
        cells = as_list(line)
        if cells is None or len(cells) != len(names):
            rows.append(line)
            continue
        row: dict[str, Any] = {"reportCurrency": result.get("currency")}
        for name, cell in zip(names, cells, strict=True):
            # Formulas have free names: one that is called as a standard column does not replace it.
            if name is not None:
                row.setdefault(name, cell)
        if row["id"] != _TOTALS:
            rows.append(row)
    return rows, REPORT_COLUMNS - {name for name in names if name}


def _read_unreported(reader: _Reader) -> MissingRows:
    """Request the bookings that no report has one by one, so that every mirrored booking was requested.

    If Hostaway has finance fields of none of a sample, the others are not requested. A booking that was requested
    before is requested again only after a change.
    """
    known = reader.reservations
    due = [
        reservation_id
        for reservation_id in reader.unseen
        if known[reservation_id].has_changed or known[reservation_id].source == "report"
    ]
    if not due:
        return MissingRows()
    sample = due[:: -(-len(due) // _SAMPLE)]
    try:
        if not reader.read_singly(sample):
            reader.land_without_fields(due)
            return MissingRows()
        reader.ctx.needed_retry = True
        rest = [
            reservation_id
            for reservation_id in due
            if reservation_id not in reader.seen and reservation_id not in sample
        ]
        reader.read_singly(rest[:_MOST_SINGLY])
    except REFUSALS as refusal:
        return MissingRows(len(due), f"the reports leave them out, and singly Hostaway refuses them: {refusal}")
    reader.land_without_fields(
        [reservation_id for reservation_id in sample + rest[:_MOST_SINGLY] if reservation_id not in reader.seen]
    )
    left = len(rest[_MOST_SINGLY:])
    return MissingRows(left, "the reports leave them out") if left else MissingRows()


def _read_without_reports(reader: _Reader, refusal: HostawayError) -> MissingRows:
    """Read the standard fields of reservations that changed lately, for accounts without reports.

    :raises HostawayError: the refusal of the report, when the standard fields are refused, too, or unknown for all.
    """
    ctx, known = reader.ctx, reader.reservations
    bound = (ctx.since or datetime.now(UTC) - _CHANGED_WITHIN).strftime("%Y-%m-%d %H:%M:%S")
    # As Hostaway writes them, stamps sort as text.
    changed = [
        reservation_id
        for reservation_id, one in known.items()
        if (one.has_changed or ctx.mode is Mode.FULL) and (one.updated_on or "") >= bound
    ]
    changed.sort(key=lambda reservation_id: known[reservation_id].updated_on or "", reverse=True)
    chosen = changed[:_MOST_SINGLY]
    ctx.expected = len(chosen)
    sample = chosen[:_SAMPLE]
    try:
        if not reader.read_singly(sample):
            raise refusal
    except REFUSALS:
        if ctx.counts.seen:
            raise
        raise refusal from None
    reader.read_singly(chosen[_SAMPLE:])
    reader.land_without_fields([reservation_id for reservation_id in chosen if reservation_id not in reader.seen])
    ctx.remarks.append(
        "reports are not enabled for this account: the standard fields of changed reservations were read"
    )
    left = len(changed) - len(chosen)
    return MissingRows(left, f"one run reads {_MOST_SINGLY} reservations singly") if left else MissingRows()
