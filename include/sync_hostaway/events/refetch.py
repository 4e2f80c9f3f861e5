"""Reads objects of one account by their ids, within a time limit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sync_hostaway.core.exceptions import (
    CredentialsRejected,
    HostawayError,
    HostawayMalformedReply,
    HostawayNotFound,
    HostawayThrottled,
    HostawayUnreachable,
)
from sync_hostaway.core.resources import Resource
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.pagination import ListRead, pages_by_offset, read_page
from sync_hostaway.hostaway.values import entity_id
from sync_hostaway.landing.writer import Fetched

# Errors of the account, not of one object: every further request would fail, too.
_ACCOUNT_ERRORS = (CredentialsRejected, HostawayThrottled, HostawayUnreachable)
_PATHS = {
    Resource.LISTINGS: (endpoints.LISTINGS, endpoints.LISTING_PARAMS),
    Resource.RESERVATIONS: (endpoints.RESERVATIONS, endpoints.RESERVATION_PARAMS),
    Resource.CONVERSATIONS: (endpoints.CONVERSATIONS, endpoints.WITH_RESOURCES),
}


@dataclass(frozen=True)
class FetchRequest:
    """An object to read by its id, or days of a listing's calendar, both ends included.

    :param of_reservation: `id` is a reservation: read its conversations.
    """

    resource: Resource
    id: int
    start: date | None = None
    end: date | None = None
    of_reservation: bool = False


@dataclass(frozen=True)
class FetchResult:
    """What a request returned, or its error.

    :param rows: the objects; empty for calendar days.
    :param responses: rows to land, by resource, one entry per response.
    :param conversations: ids of all messages, by conversation id.
    :param counted: conversations whose message list has a count above 0: messages missing in it are deleted.
    """

    rows: tuple[dict[str, Any], ...] = ()
    responses: tuple[tuple[Resource, Fetched], ...] = ()
    conversations: Mapping[int, frozenset[Any]] = field(default_factory=dict)
    counted: frozenset[int] = frozenset()
    error: HostawayError | None = None

    @property
    def not_found(self) -> bool:
        """Whether Hostaway does not have the object."""
        return isinstance(self.error, HostawayNotFound)


class ObjectReader:
    """Reads for one account until a deadline, or until an error of the account. Threads may share it.

    :param client: of the account; sends each request once.
    :param seconds: time after which `has_time` is false.
    """

    def __init__(self, client: HostawayClient, seconds: float) -> None:
        self.results: dict[FetchRequest, FetchResult] = {}
        self.account_error: HostawayError | None = None
        self._client = client
        self._deadline = time.monotonic() + seconds

    @property
    def has_time(self) -> bool:
        """Whether another object may be read: the time is not over, and there is no error of the account."""
        return self.account_error is None and time.monotonic() <= self._deadline

    def read(self, request: FetchRequest) -> FetchResult:
        """Read an object once. Without a result, an error of the account prevented the request."""
        if request not in self.results and self.account_error is None:
            try:
                self.results[request] = self._read(request)
            except _ACCOUNT_ERRORS as error:
                self.account_error = error
            except HostawayError as error:
                self.results[request] = FetchResult(error=error)
        return self.results.get(request, FetchResult())

    def _read(self, request: FetchRequest) -> FetchResult:
        if request.resource is Resource.CALENDAR_DAYS:
            return self._days(request)
        if request.of_reservation:
            page = read_page(
                self._client, endpoints.conversations_of(request.id), endpoints.WITH_RESOURCES, request.resource
            )
            return self._with_messages(Fetched(page.rows, page.requested_at))
        path, params = _PATHS[request.resource]
        requested_at = self._client.now()
        row = self._client.get(f"{path}/{request.id}", params, resource=request.resource).result
        if not isinstance(row, dict) or entity_id(row) != str(request.id):
            raise self._malformed(request.resource, f"{path}/{request.id}", f"not {request.resource} {request.id}")
        fetched = Fetched([row], requested_at, single=True)
        if request.resource is Resource.CONVERSATIONS:
            return self._with_messages(fetched)
        return FetchResult((row,), ((request.resource, fetched),))

    def _with_messages(self, fetched: Fetched) -> FetchResult:
        """Read messages after their conversations, so that a conversation is never newer than its messages."""
        conversations: dict[int, ListRead] = {}
        if Resource.MESSAGES in self._client.settings.resources:
            conversations = {int(identity): ListRead() for row in fetched.rows if (identity := entity_id(row))}
        responses = [(Resource.CONVERSATIONS, fetched)]
        for conversation_id, list_read in conversations.items():
            path = endpoints.messages_of(conversation_id)
            pages = pages_by_offset(
                self._client, path, endpoints.WITH_SCHEDULED, resource=Resource.MESSAGES, list_read=list_read
            )
            responses += [(Resource.MESSAGES, Fetched(page.rows, page.requested_at, conversation_id)) for page in pages]
            if list_read.missing:
                raise self._malformed(Resource.MESSAGES, path, f"{list_read.missing} of {list_read.count} rows too few")
        rows = tuple(row for row in fetched.rows if isinstance(row, dict))
        return FetchResult(
            rows,
            tuple(responses),
            {conversation: frozenset(list_read.ids) for conversation, list_read in conversations.items()},
            frozenset(conversation for conversation, list_read in conversations.items() if list_read.count),
        )

    def _days(self, request: FetchRequest) -> FetchResult:
        if request.start is None or request.end is None:
            raise ValueError(f"a calendar is read between two dates: {request}")
        page = read_page(
            self._client,
            endpoints.calendar_of(request.id),
            {"startDate": request.start.isoformat(), "endDate": request.end.isoformat()},
            Resource.CALENDAR_DAYS,
        )
        return FetchResult(responses=((Resource.CALENDAR_DAYS, Fetched(page.rows, page.requested_at, request.id)),))

    def _malformed(self, resource: Resource, path: str, what: str) -> HostawayMalformedReply:
        return HostawayMalformedReply(
            f"Hostaway answered {what}", account_id=self._client.account_id, resource=resource, url=path
        )
