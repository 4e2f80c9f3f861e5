"""Checks the assumptions about Hostaway with one account: about 25 calls within the request budget, only reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

from sync_hostaway.core.exceptions import AccessDenied, CredentialsRejected, HostawayError, HostawayNotFound
from sync_hostaway.core.resources import Resource
from sync_hostaway.doctor.finding import Finding, Status
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import HostawayClient, Params
from sync_hostaway.hostaway.pagination import Page, id_of, read_page
from sync_hostaway.hostaway.values import as_date, as_flag, as_id, as_timestamp

Row = dict[str, Any]
_FEW = 10
_NEWEST_RECEIVED: Params = {"sortOrder": "lastConversationMessageReceivedDesc"}
_OLDEST_RECEIVED: Params = {"sortOrder": "lastConversationMessageReceived"}
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


@dataclass
class Examination:
    """The examined account, and the answers that several checks use."""

    client: HostawayClient
    today: date = field(default_factory=lambda: datetime.now(UTC).date())

    def page(self, path: str, **params: str | int) -> Page:
        """One page of a list."""
        return read_page(self.client, path, params, "doctor")

    @cached_property
    def listings(self) -> Page:
        """Listings, as a sync reads them."""
        return self.page(endpoints.LISTINGS, **endpoints.LISTING_PARAMS, limit=self.client.settings.page_size)

    @cached_property
    def reservations(self) -> Page:
        """Reservations, as a sync reads them."""
        return self.page(endpoints.RESERVATIONS, **endpoints.RESERVATION_PARAMS, limit=self.client.settings.page_size)

    @cached_property
    def conversations(self) -> Page:
        """Conversations, as a sync reads them."""
        return self.page(endpoints.CONVERSATIONS, **endpoints.WITH_RESOURCES, limit=self.client.settings.page_size)

    @cached_property
    def newest_conversation(self) -> tuple[Row, Row] | None:
        """The reservation with the newest received message, and its conversation; None if there is none."""
        rows = rows_of(self.page(endpoints.RESERVATIONS, **_NEWEST_RECEIVED, limit=1))
        if not rows:
            return None
        reservation_id = id_of(rows[0])
        conversations = rows_of(self.page(endpoints.conversations_of(reservation_id or 0), **endpoints.WITH_RESOURCES))
        conversations = [row for row in conversations if as_timestamp(row.get("messageReceivedOn"))]
        return (rows[0], conversations[0]) if conversations else None


Check = Callable[[Examination], Finding]
CHECKS: list[Check] = []


def check(name: str) -> Callable[[Callable[[Examination], tuple[Status, str] | Finding]], Check]:
    """Register a check. If Hostaway does not answer, its result is unknown."""

    def register(examine: Callable[[Examination], tuple[Status, str] | Finding]) -> Check:
        def guarded(exam: Examination) -> Finding:
            try:
                found = examine(exam)
            except (AccessDenied, CredentialsRejected):
                raise
            except HostawayError as error:
                # Its text may contain a path with an id.
                status = f" (HTTP {error.status})" if error.status else ""
                return Finding(name, Status.UNKNOWN, f"Hostaway did not answer: {type(error).__name__}{status}")
            return found if isinstance(found, Finding) else Finding(name, *found)

        CHECKS.append(guarded)
        return guarded

    return register


def examine_account(client: HostawayClient) -> list[Finding]:
    """Every check of an account, in order.

    :raises CredentialsRejected: when Hostaway does not accept the API key.
    """
    exam = Examination(client)
    return [examine(exam) for examine in CHECKS]


def rows_of(page: Page) -> list[Row]:
    """Those rows of a page that are objects."""
    return [row for row in page.rows if isinstance(row, dict)]


def _is_sorted(rows: list[Row], name: str) -> bool:
    stamps = [stamp for row in rows if (stamp := as_timestamp(row.get(name)))]
    return all(one >= two for one, two in pairwise(stamps))


def _share_without(rows: list[Row], name: str) -> float:
    return sum(as_timestamp(row.get(name)) is None for row in rows) / len(rows) if rows else 0.0


def _check_page_of(name: str, page_of: Callable[[Examination], Page]) -> None:
    @check(f"page size of {name}")
    def _size(exam: Examination) -> tuple[Status, str]:
        page, requested = page_of(exam), exam.client.settings.page_size
        given, count = len(page.rows), page.count
        if count is None:
            return Status.UNKNOWN, "the list has no count of its rows"
        if given >= min(requested, count):
            return Status.HOLDS, f"{given} of {count} rows came, {requested} were requested"
        return (
            Status.DIFFERS,
            f"pages have {given} rows, {requested} were requested: a sync of the list costs {-(-count // given)} calls"
            if given
            else f"no row came, although the list has {count}",
        )

    @check(f"count of {name}")
    def _count(exam: Examination) -> tuple[Status, str]:
        page = page_of(exam)
        if page.count is None:
            return Status.FAILS, "the list has no count of its rows: no row is ever marked as deleted"
        if page.count < len(page.rows):
            return Status.FAILS, "the count of the list is smaller than its rows: completeness cannot be proved"
        return Status.HOLDS, f"the list counts {page.count} rows"


_check_page_of("listings", lambda exam: exam.listings)
_check_page_of("reservations", lambda exam: exam.reservations)
_check_page_of("conversations", lambda exam: exam.conversations)


@check("change stamps of reservations")
def _stamps_of_reservations(exam: Examination) -> tuple[Status, str]:
    rows = rows_of(exam.reservations)
    without = _share_without(rows, "updatedOn")
    if not rows:
        return Status.UNKNOWN, "there is no reservation"
    if without:
        return (
            Status.FAILS,
            f"{without:.0%} of the rows have no updatedOn: changes of these are found by full syncs only",
        )
    return Status.HOLDS, "each row has updatedOn"


@check("order of reservations")
def _order_of_reservations(exam: Examination) -> Finding:
    name, rows = "order of reservations", rows_of(exam.reservations)
    if len(rows) < 2:
        return Finding(name, Status.UNKNOWN, "there are fewer than two reservations")
    if _is_sorted(rows, "updatedOn"):
        return Finding(name, Status.HOLDS, "newest change first")
    detail = "not newest change first: an incremental sync may end too early, and polls read lists"
    return Finding(name, Status.FAILS, detail, {"polling": "list"})


@check("cursor of reservations")
def _cursor(exam: Examination) -> tuple[Status, str]:
    first = [id_of(row) for row in exam.page(endpoints.RESERVATIONS, limit=_FEW).rows]
    if len(first) < 2 or first[-1] is None:
        return Status.UNKNOWN, "there are too few reservations"
    half = first[len(first) // 2 - 1]
    after = [id_of(row) for row in exam.page(endpoints.RESERVATIONS, limit=_FEW, afterId=half or 0).rows]
    rest = first[len(first) // 2 :]
    if after[: len(rest)] == rest:
        return Status.HOLDS, "afterId returns the rows after this row"
    return (
        Status.FAILS,
        "afterId does not return the rows after this row: only the first page of reservations is read",
    )


@check("offset of lists")
def _offset(exam: Examination) -> tuple[Status, str]:
    first = [id_of(row) for row in exam.conversations.rows[:3]]
    if len(first) < 3:
        return Status.UNKNOWN, "there are fewer than three conversations"
    moved = [id_of(row) for row in exam.page(endpoints.CONVERSATIONS, limit=2, offset=1).rows]
    if moved == first[1:]:
        return Status.HOLDS, "offset skips rows"
    return (
        Status.FAILS,
        "offset does not skip rows: only the first page of each list is read, or lists change all the time",
    )


@check("sort orders by message")
def _sort_orders(exam: Examination) -> Finding:
    name = "sort orders by message"
    newest = [id_of(row) for row in exam.page(endpoints.RESERVATIONS, **_NEWEST_RECEIVED, limit=_FEW).rows]
    oldest = [id_of(row) for row in exam.page(endpoints.RESERVATIONS, **_OLDEST_RECEIVED, limit=_FEW).rows]
    if len(newest) < 2:
        return Finding(name, Status.UNKNOWN, "there are fewer than two reservations")
    if newest != oldest:
        return Finding(name, Status.HOLDS, "the orders by newest and by oldest received message differ")
    detail = "the sort order is ignored: polls read whole lists once an hour in place of three calls every few minutes"
    return Finding(name, Status.FAILS, detail, {"polling": "list"})


@check("order of listings by activity")
def _order_of_listings(exam: Examination) -> tuple[Status, str]:
    rows = rows_of(exam.page(endpoints.LISTINGS, sortOrder="latestActivityDesc", limit=_FEW))
    if len(rows) < 2:
        return Status.UNKNOWN, "there are fewer than two listings"
    if _is_sorted(rows, "latestActivityOn") and not _share_without(rows, "latestActivityOn"):
        return Status.HOLDS, "newest activity first"
    return Status.DIFFERS, "the sort order is ignored, or the stamp is missing: each sync reads all listings"


@check("message stamps of conversations")
def _stamps_of_conversations(exam: Examination) -> tuple[Status, str]:
    rows = [row for row in rows_of(exam.conversations) if row.get("conversationMessages")]
    if not rows:
        return Status.UNKNOWN, "there is no conversation with a message"
    for stamp, what in (("messageReceivedOn", "received"), ("messageSentOn", "sent")):
        if _share_without(rows, stamp) == 1:
            return (
                Status.FAILS,
                f"{stamp} is never filled: whether a message was {what} is seen only where the newest message of a "
                "conversation has another id",
            )
    return Status.HOLDS, "messageReceivedOn and messageSentOn are filled"


@check("newest message is first by its sort order")
def _newest_is_first(exam: Examination) -> tuple[Status, str]:
    stamps = [moment for row in rows_of(exam.conversations) if (moment := as_timestamp(row.get("messageReceivedOn")))]
    if not stamps:
        return Status.UNKNOWN, "no message was received"
    first = as_timestamp(exam.newest_conversation[1].get("messageReceivedOn")) if exam.newest_conversation else None
    if first and first >= max(stamps):
        return Status.HOLDS, "the first reservation has the newest message of the page of conversations"
    return Status.FAILS, "another conversation has a newer message: polls may find messages late"


@check("messages move the stamps of their reservation")
def _messages_move_stamps(exam: Examination) -> tuple[Status, str]:
    if exam.newest_conversation is None:
        return Status.UNKNOWN, "no message was received"
    reservation, conversation = exam.newest_conversation
    received = as_timestamp(conversation.get("messageReceivedOn"))
    stamps = [as_timestamp(reservation.get(name)) for name in ("latestActivityOn", "updatedOn")]
    if received and any(stamp and stamp >= received - timedelta(minutes=1) for stamp in stamps):
        return Status.HOLDS, "the reservation's stamps are not older than its newest message"
    return (
        Status.DIFFERS,
        "the reservation's stamps are older than its newest message: of two messages in a row to the newest "
        "conversation, polls find only the first, and the next whole list finds the second",
    )


@check("attached data in lists")
def _attached(exam: Examination) -> tuple[Status, str]:
    rows = rows_of(exam.reservations)
    if not rows:
        return Status.UNKNOWN, "there is no reservation"
    if any(row.get(name) for row in rows for name in ("hostProxyEmail", "reservationFees", "customFieldValues")):
        return Status.HOLDS, "includeResources=1 returns fees, custom fields and addresses"
    return Status.FAILS, "no reservation has fees, custom fields or addresses despite includeResources=1"


@check("messages of a conversation")
def _messages(exam: Examination) -> tuple[Status, str]:
    conversation = next((row for row in rows_of(exam.conversations) if row.get("conversationMessages")), None)
    identity = id_of(conversation)
    if identity is None:
        return Status.UNKNOWN, "there is no conversation with a message"
    page = exam.page(endpoints.messages_of(identity), **endpoints.WITH_SCHEDULED, limit=exam.client.settings.page_size)
    if page.count is None:
        return Status.FAILS, "the list has no count of its messages: none is ever marked as deleted"
    if len(page.rows) < min(page.count, endpoints.DEFAULT_LIMIT):
        return Status.DIFFERS, f"{len(page.rows)} of {page.count} messages came on a page"
    message = next((number for row in page.rows if (number := id_of(row)) is not None), None)
    if message is not None:
        try:
            exam.client.get(f"{endpoints.messages_of(identity)}/{message}")
        except HostawayNotFound:
            return (
                Status.FAILS,
                "a message cannot be requested by its id: if a list is truncated, existing messages would be "
                "marked as deleted",
            )
    return Status.HOLDS, "the list has a count, and a message can be requested by its id"


@check("objects that do not exist")
def _not_found(exam: Examination) -> tuple[Status, str]:
    try:
        exam.client.get(f"{endpoints.RESERVATIONS}/{_NO_SUCH_ID}")
    except HostawayNotFound:
        return Status.HOLDS, "are answered 404"
    except (AccessDenied, CredentialsRejected):
        raise
    except HostawayError as error:
        return (
            Status.FAILS,
            f"are answered {error.status or type(error).__name__} in place of 404: deletions cannot be proved",
        )
    return Status.FAILS, "are answered with an object: deletions cannot be proved"


@check("calendar horizon")
def _horizon(exam: Examination) -> Finding:
    name, listing = "calendar horizon", next((id_of(row) for row in exam.listings.rows if id_of(row)), None)
    if listing is None:
        return Finding(name, Status.UNKNOWN, "there is no listing")
    ahead = exam.client.settings.calendar_days_ahead
    last = exam.today + timedelta(days=ahead)
    days = _days(exam, listing, exam.today, last)
    if not days:
        return Finding(name, Status.UNKNOWN, "no day came")
    given = (max(days) - exam.today).days
    if given >= ahead - 1:
        return Finding(name, Status.HOLDS, f"{given} days ahead")
    detail = f"the calendar ends {given} days ahead, {ahead} are requested: each sync requests the rest again"
    return Finding(name, Status.DIFFERS, detail, {"calendar_days_ahead": given})


def _days(exam: Examination, listing: int, start: date, end: date) -> dict[date, Row]:
    page = exam.page(
        endpoints.calendar_of(listing), startDate=start.isoformat(), endDate=end.isoformat(), includeResources=1
    )
    return {day: row for row in rows_of(page) if (day := as_date(row.get("date")))}


@check("expired reservations and the calendar")
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


@check("optional resources")
def _optional(exam: Examination) -> tuple[Status, str]:
    refused = []
    for resource, path in _OPTIONAL.items():
        try:
            exam.page(path, limit=1)
        except (AccessDenied, CredentialsRejected):
            raise
        except HostawayError:
            refused.append(resource.value)
    if refused:
        return Status.DIFFERS, f"refused to this account: {', '.join(refused)}. Each is requested once a day"
    return Status.HOLDS, "all are given"


@check("delivery log of webhooks")
def _delivery_log(exam: Examination) -> tuple[Status, str]:
    try:
        exam.client.get(endpoints.WEBHOOK_LOGS, {"limit": 1})
    except (AccessDenied, CredentialsRejected):
        raise
    except HostawayError as error:
        return (
            Status.DIFFERS,
            f"cannot be read ({error.status or type(error).__name__}): syncs and polls find such changes",
        )
    return Status.HOLDS, "can be read"


@check("clock")
def _clock(exam: Examination) -> tuple[Status, str]:
    page = exam.reservations
    skew = page.served_at - page.requested_at
    if page.served_at == page.requested_at:
        return (
            Status.DIFFERS,
            "Hostaway's answers have no Date: its stamps are compared with the clock of the warehouse",
        )
    if abs(skew) > _LARGEST_SKEW:
        return (
            Status.DIFFERS,
            f"Hostaway's clock is {abs(skew.total_seconds()):.0f} s {'ahead of' if skew > timedelta() else 'behind'} "
            "the warehouse's: check the time of its server",
        )
    return Status.HOLDS, "differs from Hostaway's by less than a minute"


@check("request limit")
def _limit(exam: Examination) -> tuple[Status, str]:
    stats, settings = exam.client.stats, exam.client.settings
    ours = settings.budget_account or "the default"
    if stats.throttled:
        return (
            Status.DIFFERS,
            f"{stats.throttled} of {stats.calls} calls were answered 429 at our pace ({ours}): another program uses "
            "the account's limit, or the option budget_account is above it",
        )
    detail = f"; answers name a limit of {stats.limit}" if stats.limit else "; answers name no limit"
    return Status.HOLDS, f"no call was refused at our pace ({ours}){detail}"
