"""Checks of the lists that syncs read: pages, counts, order, cursor and offset."""

from __future__ import annotations

from collections.abc import Callable

from sync_hostaway.doctor.checks import Checks, Examination, Result, is_sorted, rows_of, share_without
from sync_hostaway.doctor.finding import Status
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.pagination import Page, id_of

CHECKS = Checks()
_FEW = 10


def _check_page_of(name: str, page_of: Callable[[Examination], Page]) -> None:
    @CHECKS.add(f"page size of {name}")
    def _size(exam: Examination) -> tuple[Status, str]:
        page, requested = page_of(exam), exam.client.settings.page_size
        given, count = len(page.rows), page.count
        if count is None:
            return Status.UNKNOWN, "the list has no count of its rows"
        if given >= min(requested, count):
            return Status.HOLDS, f"{given:,} of {count:,} rows came, {requested:,} were requested"
        return (
            Status.DIFFERS,
            f"pages have {given} rows, {requested} were requested: a sync of the list costs {-(-count // given)} calls"
            if given
            else f"no row came, although the list has {count}",
        )

    @CHECKS.add(f"count of {name}")
    def _count(exam: Examination) -> tuple[Status, str]:
        page = page_of(exam)
        if page.count is None:
            return Status.FAILS, "the list has no count of its rows: no row is ever marked as deleted"
        if page.count < len(page.rows):
            return Status.FAILS, "the count of the list is smaller than its rows: completeness cannot be proved"
        return Status.HOLDS, f"the list counts {page.count:,} rows"


_check_page_of("listings", lambda exam: exam.listings)
_check_page_of("reservations", lambda exam: exam.reservations)
_check_page_of("conversations", lambda exam: exam.conversations)


@CHECKS.add("change stamps of reservations")
def _stamps_of_reservations(exam: Examination) -> tuple[Status, str]:
    rows = rows_of(exam.reservations)
    without = share_without(rows, "updatedOn")
    if not rows:
        return Status.UNKNOWN, "there is no reservation"
    if without:
        return (
            Status.FAILS,
            f"{without:.0%} of the rows have no updatedOn: changes of these are found by full syncs only",
        )
    return Status.HOLDS, "each row has updatedOn"


@CHECKS.add("order of reservations")
def _order_of_reservations(exam: Examination) -> Result:
    rows = rows_of(exam.reservations)
    if len(rows) < 2:
        return Status.UNKNOWN, "there are fewer than two reservations"
    if is_sorted(rows, "updatedOn"):
        return Status.HOLDS, "newest change first"
    detail = "not newest change first: an incremental sync may end too early, and polls read lists"
    return Status.FAILS, detail, {"polling": "list"}


@CHECKS.add("cursor of reservations")
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


@CHECKS.add("offset of lists")
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


@CHECKS.add("order of listings by activity")
def _order_of_listings(exam: Examination) -> tuple[Status, str]:
    rows = rows_of(exam.page(endpoints.LISTINGS, sortOrder="latestActivityDesc", limit=_FEW))
    if len(rows) < 2:
        return Status.UNKNOWN, "there are fewer than two listings"
    if is_sorted(rows, "latestActivityOn") and not share_without(rows, "latestActivityOn"):
        return Status.HOLDS, "newest activity first"
    return Status.DIFFERS, "the sort order is ignored, or the stamp is missing: each sync reads all listings"


@CHECKS.add("attached data in lists")
def _attached(exam: Examination) -> tuple[Status, str]:
    rows = rows_of(exam.reservations)
    if not rows:
        return Status.UNKNOWN, "there is no reservation"
    if any(row.get(name) for row in rows for name in ("hostProxyEmail", "reservationFees", "customFieldValues")):
        return Status.HOLDS, "includeResources=1 returns fees, custom fields and addresses"
    return Status.FAILS, "no reservation has fees, custom fields or addresses despite includeResources=1"
