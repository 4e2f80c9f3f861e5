"""Checks of calendars, of objects that do not exist, and of what Hostaway allows an account."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

from sync_hostaway.core.exceptions import HostawayNotFound
from sync_hostaway.core.resources import Resource
from sync_hostaway.doctor.checks import Checks, Examination, Result, Row, error_of, rows_of
from sync_hostaway.doctor.finding import Status
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import id_of
from sync_hostaway.hostaway.values import as_date, as_flag, as_id

CHECKS = Checks()
_OPTIONAL = {
    Resource.REVIEWS: endpoints.REVIEWS,
    Resource.TASKS: endpoints.TASKS,
    Resource.USERS: endpoints.USERS,
    Resource.COUPONS: endpoints.COUPONS,
    Resource.EXPENSES: endpoints.EXPENSES,
    Resource.OWNER_STATEMENTS: endpoints.OWNER_STATEMENTS,
    Resource.GUEST_CHARGES: endpoints.GUEST_CHARGES,
}
_LARGEST_SKEW = timedelta(minutes=1)
_NO_SUCH_ID = 999_999_999_999


@CHECKS.add("objects that do not exist")
def _not_found(exam: Examination) -> tuple[Status, str]:
    error = error_of(lambda: exam.client.get(f"{endpoints.RESERVATIONS}/{_NO_SUCH_ID}"))
    if isinstance(error, HostawayNotFound):
        return Status.HOLDS, "are answered 404"
    if error is None:
        return Status.FAILS, "are answered with an object: deletions cannot be proved"
    return (
        Status.FAILS,
        f"are answered {error.status or type(error).__name__} in place of 404: deletions cannot be proved",
    )


@CHECKS.add("calendar horizon")
def _horizon(exam: Examination) -> Result:
    listing = next((id_of(row) for row in exam.listings.rows if id_of(row)), None)
    if listing is None:
        return Status.UNKNOWN, "there is no listing"
    ahead = exam.client.settings.calendar_days_ahead
    last = exam.today + timedelta(days=ahead)
    days = _days(exam, listing, exam.today, last)
    if not days:
        return Status.UNKNOWN, "no day came"
    given = (max(days) - exam.today).days
    if given >= ahead - 1:
        return Status.HOLDS, f"{given} days ahead"
    detail = f"the calendar ends {given} days ahead, {ahead} are requested: each sync requests the rest again"
    return Status.DIFFERS, detail, {"calendar_days_ahead": given}


def _days(exam: Examination, listing: int, start: date, end: date) -> dict[date, Row]:
    page = exam.page(
        endpoints.calendar_of(listing), startDate=start.isoformat(), endDate=end.isoformat(), includeResources=1
    )
    return {day: row for row in rows_of(page) if (day := as_date(row.get("date")))}


@CHECKS.add("expired reservations and the calendar")
def _expired(exam: Examination) -> tuple[Status, str]:
    blocking = {"new", "modified", "ownerStay", "pending", "awaitingPayment", "unconfirmed"}
    for row in rows_of(exam.reservations):
        arrival, departure = as_date(row.get("arrivalDate")), as_date(row.get("departureDate"))
        listing = as_id(row.get("listingMapId"))
        if (
            endpoints.reservation_status(row.get("status")) != "expired"
            or not (arrival and departure and listing)
            or arrival < exam.today
        ):
            continue
        days = _days(exam, listing, arrival, departure - timedelta(days=1))
        own = [
            day
            for day in days.values()
            if not any(
                endpoints.reservation_status(stay.get("status")) in blocking
                for stay in day.get("reservations") or []
                if isinstance(stay, dict)
            )
        ]
        if not own:
            continue
        if any(as_flag(day.get("isAvailable")) is False for day in own):
            return (
                Status.DIFFERS,
                "nights of an expired reservation are not available: this reservation, or another block, holds them",
            )
        return Status.HOLDS, "nights of an expired reservation are available"
    return Status.UNKNOWN, "there is no expired reservation with future nights of its own"


@CHECKS.add("optional resources")
def _optional(exam: Examination) -> tuple[Status, str]:
    refused = [resource.value for resource, path in _OPTIONAL.items() if error_of(partial(exam.page, path, limit=1))]
    if refused:
        return Status.DIFFERS, f"refused to this account: {', '.join(refused)}. Each is requested once a day"
    return Status.HOLDS, "all are given"


@CHECKS.add("delivery log of webhooks")
def _delivery_log(exam: Examination) -> tuple[Status, str]:
    error = error_of(lambda: exam.client.get(endpoints.WEBHOOK_LOGS, {"limit": 1}))
    if error:
        return (
            Status.DIFFERS,
            f"cannot be read ({error.status or type(error).__name__}): syncs and polls find such changes",
        )
    return Status.HOLDS, "can be read"


@CHECKS.add("clock")
def _clock(exam: Examination) -> tuple[Status, str]:
    page = exam.reservations
    skew = page.served_at - page.requested_at
    if page.served_at == page.requested_at:
        return (
            Status.DIFFERS,
            "Hostaway's responses have no Date: its stamps are compared with the clock of the warehouse",
        )
    if abs(skew) > _LARGEST_SKEW:
        return (
            Status.DIFFERS,
            f"Hostaway's clock is {abs(skew.total_seconds()):.0f} s {'ahead of' if skew > timedelta() else 'behind'} "
            "the warehouse's: check the time of its server",
        )
    return Status.HOLDS, "differs from Hostaway's by less than a minute"


@CHECKS.add("request limit")
def _limit(exam: Examination) -> tuple[Status, str]:
    stats, settings = exam.client.stats, exam.client.settings
    ours = settings.budget_account or "the default"
    if stats.throttled:
        return (
            Status.DIFFERS,
            f"{stats.throttled} of {stats.calls} calls were answered 429 at our pace ({ours}): another program uses "
            "the account's limit, or the option budget_account is above it",
        )
    detail = f"; responses name a limit of {stats.limit}" if stats.limit else "; responses name no limit"
    return Status.HOLDS, f"no call was refused at our pace ({ours}){detail}"
