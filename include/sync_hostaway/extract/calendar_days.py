"""The sync of calendar days, which are read per listing."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any

from sync_hostaway.core.resources import Resource
from sync_hostaway.extract.context import MissingRows, SyncContext, Window
from sync_hostaway.extract.per_parent import ParentResult, parent_read_key, sync_parents
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import read_page
from sync_hostaway.hostaway.values import as_timestamp
from sync_hostaway.landing.writer import Fetched


def sync_calendar(ctx: SyncContext) -> MissingRows:
    """Read the calendar window of each due listing; in full mode, of each listing.

    A calendar is due once a day, and after a reservation of its listing has landed.
    """
    ctx.cascade_deletes(Resource.LISTINGS)
    read_key, window, requested_at = parent_read_key(ctx), ctx.window, ctx.value("now")
    days = {"first_day": window.start, "last_day": window.end}

    def save(results: list[ParentResult]) -> None:
        ids = [result.parent_id for result in results]
        ctx.execute("calendars_fetched", **days, read_key=read_key, requested_at=requested_at, listing_ids=ids)

    due = [row["listing_id"] for row in ctx.rows("due_calendars", **days, read_key=read_key)]
    return sync_parents(ctx, endpoints.LISTINGS, due, partial(_read_calendar, ctx, window), save)


def _read_calendar(ctx: SyncContext, window: Window, listing_id: int) -> ParentResult:
    """Read the calendar of a listing. A calendar has no count, and its end date may be exclusive.

    So one more day is requested. Some servers return fewer days than requested: the rest is requested again until the
    window is full or no day is returned. Missing days in between count as missing. If no date of a response can be
    read, all remaining days count as missing.
    """
    fetched: list[Fetched] = []
    days: set[date] = set()
    undated, no_date_readable = 0, False
    start = window.start
    while start <= window.end and not no_date_readable:
        page = read_page(
            ctx.client,
            endpoints.calendar_of(listing_id),
            {"startDate": start.isoformat(), "endDate": (window.end + timedelta(days=1)).isoformat()},
            ctx.resource,
        )
        rows = [row for row in page.rows if (day := _day_of(row)) is None or day <= window.end]
        found = [_day_of(row) for row in rows]
        new = {day for day in found if day} - days
        no_date_readable = bool(rows) and not any(found)
        if not new and not no_date_readable:
            break
        fetched.append(Fetched(rows, page.requested_at, listing_id))
        if new:
            days |= new
            undated += found.count(None)
            start = max(days) + timedelta(days=1)
    last = window.end if no_date_readable else max(days, default=window.start - timedelta(days=1))
    return ParentResult(listing_id, fetched, (last - window.start).days + 1, len(days) + undated)


def _day_of(row: Any) -> date | None:
    text = row.get("date") if isinstance(row, dict) else None
    return date.fromisoformat(text[:10]) if text and as_timestamp(text) else None
