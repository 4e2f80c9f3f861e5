"""An examination of one account: what several checks read, and how checks are registered and run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

from sync_hostaway.core.exceptions import AccessDenied, CredentialsRejected, HostawayError
from sync_hostaway.doctor.finding import Finding, Status
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import HostawayClient, Params
from sync_hostaway.hostaway.pagination import Page, id_of, read_page
from sync_hostaway.hostaway.values import as_timestamp

Row = dict[str, Any]
NEWEST_RECEIVED: Params = {"sortOrder": "lastConversationMessageReceivedDesc"}
# The status, its detail, and account options with which the mirror works
Result = tuple[Status, str] | tuple[Status, str, dict[str, Any]]
_Check = Callable[["Examination"], Result]


@dataclass
class Examination:
    """The examined account, and the responses that several checks use."""

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
        rows = rows_of(self.page(endpoints.RESERVATIONS, **NEWEST_RECEIVED, limit=1))
        if not rows:
            return None
        reservation_id = id_of(rows[0])
        conversations = rows_of(self.page(endpoints.conversations_of(reservation_id or 0), **endpoints.WITH_RESOURCES))
        conversations = [row for row in conversations if as_timestamp(row.get("messageReceivedOn"))]
        return (rows[0], conversations[0]) if conversations else None


class Checks:
    """Checks of an account, in the order of their registration."""

    def __init__(self) -> None:
        self._checks: list[Callable[[Examination], Finding]] = []

    def add(self, name: str) -> Callable[[_Check], _Check]:
        """Register a check. If Hostaway does not answer, its result is unknown."""

        def register(check: _Check) -> _Check:
            def guarded(exam: Examination) -> Finding:
                try:
                    return Finding(name, *check(exam))
                except (AccessDenied, CredentialsRejected):
                    raise
                except HostawayError as error:
                    # Its text may contain a path with an id.
                    status = f" (HTTP {error.status})" if error.status else ""
                    return Finding(name, Status.UNKNOWN, f"Hostaway did not answer: {type(error).__name__}{status}")

            self._checks.append(guarded)
            return check

        return register

    def run(self, exam: Examination) -> list[Finding]:
        """The finding of every check.

        :raises CredentialsRejected: when Hostaway does not accept the API key.
        """
        return [check(exam) for check in self._checks]


def error_of(request: Callable[[], object]) -> HostawayError | None:
    """The error with which Hostaway answers a request; None if it answers with data.

    :raises CredentialsRejected, AccessDenied: when Hostaway does not accept the API key.
    """
    try:
        request()
    except (AccessDenied, CredentialsRejected):
        raise
    except HostawayError as error:
        return error
    return None


def rows_of(page: Page) -> list[Row]:
    """Those rows of a page that are objects."""
    return [row for row in page.rows if isinstance(row, dict)]


def is_sorted(rows: list[Row], name: str) -> bool:
    """Whether rows are in the order of a stamp, newest first. Rows without the stamp do not count."""
    stamps = [stamp for row in rows if (stamp := as_timestamp(row.get(name)))]
    return all(one >= two for one, two in pairwise(stamps))


def share_without(rows: list[Row], name: str) -> float:
    """The share of the rows that lack a readable stamp: 0 to 1."""
    return sum(as_timestamp(row.get(name)) is None for row in rows) / len(rows) if rows else 0.0
