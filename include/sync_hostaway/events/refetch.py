"""Reads objects of one account by their ids, for as long as there is time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sync_hostaway.core.exceptions import (
    CredentialsRefused,
    HostawayError,
    HostawayMalformedReply,
    HostawayNotFound,
    HostawayThrottled,
    HostawayUnreachable,
)
from sync_hostaway.core.resources import Resource
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.pagination import Walk, by_offset, read_page
from sync_hostaway.hostaway.values import entity_id
from sync_hostaway.landing.writer import Fetched

# What concerns the account rather than one object: the others would meet it too.
_TROUBLE = (CredentialsRefused, HostawayThrottled, HostawayUnreachable)
_PATHS = {
    Resource.LISTINGS: (endpoints.LISTINGS, endpoints.LISTING_PARAMS),
    Resource.RESERVATIONS: (endpoints.RESERVATIONS, endpoints.RESERVATION_PARAMS),
    Resource.CONVERSATIONS: (endpoints.CONVERSATIONS, endpoints.WITH_RESOURCES),
}


@dataclass(frozen=True)
class Need:
    """Something to read: an object by its id, or days of a listing's calendar, both ends included.

    :param of_reservation: the conversations of the reservation of this id.
    """

    resource: Resource
    id: int
    start: date | None = None
    end: date | None = None
    of_reservation: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a need brought, or why it brought nothing.

    :param rows: the objects themselves; none for calendar days.
    :param answers: rows to land, of each request.
    :param threads: ids of all messages of a conversation, by its id.
    :param counted: conversations that said how many messages they have, and have some: what is not among them is gone.
    """

    rows: tuple[dict[str, Any], ...] = ()
    answers: tuple[tuple[Resource, Fetched], ...] = ()
    threads: Mapping[int, frozenset[Any]] = field(default_factory=dict)
    counted: frozenset[int] = frozenset()
    error: HostawayError | None = None

    @property
    def not_found(self) -> bool:
        """Whether Hostaway does not know the object."""
        return isinstance(self.error, HostawayNotFound)


class Reader:
    """Reads for one account until a deadline, or until the account itself is in trouble. Threads may share it.

    :param client: of the account; asks once per request.
    :param seconds: after which nothing more is begun.
    """

    def __init__(self, client: HostawayClient, seconds: float) -> None:
        self.outcomes: dict[Need, Outcome] = {}
        self.trouble: HostawayError | None = None
        self._client = client
        self._deadline = time.monotonic() + seconds

    @property
    def may_begin(self) -> bool:
        """Whether there is time for another object, and nothing wrong with the account."""
        return self.trouble is None and time.monotonic() <= self._deadline

    def read(self, need: Need) -> Outcome:
        """Read something unless it was read already. What the account's trouble prevents has no outcome."""
        if need not in self.outcomes and self.trouble is None:
            try:
                self.outcomes[need] = self._read(need)
            except _TROUBLE as error:
                self.trouble = error
            except HostawayError as error:
                self.outcomes[need] = Outcome(error=error)
        return self.outcomes.get(need, Outcome())

    def _read(self, need: Need) -> Outcome:
        if need.resource is Resource.CALENDAR_DAYS:
            return self._days(need)
        if need.of_reservation:
            page = read_page(self._client, endpoints.conversations_of(need.id), endpoints.WITH_RESOURCES, need.resource)
            return self._with_messages(Fetched(page.rows, page.requested_at))
        path, params = _PATHS[need.resource]
        requested_at = datetime.now(UTC)
        row = self._client.get(f"{path}/{need.id}", params, resource=need.resource).result
        if not isinstance(row, dict) or entity_id(row) != str(need.id):
            raise self._malformed(need.resource, f"{path}/{need.id}", f"not {need.resource} {need.id}")
        fetched = Fetched([row], requested_at, single=True)
        if need.resource is Resource.CONVERSATIONS:
            return self._with_messages(fetched)
        return Outcome((row,), ((need.resource, fetched),))

    def _with_messages(self, fetched: Fetched) -> Outcome:
        """Conversations and then their messages: what a thread says about its messages is never newer than they are."""
        threads: dict[int, Walk] = {}
        if Resource.MESSAGES in self._client.settings.resources:
            threads = {int(identity): Walk() for row in fetched.rows if (identity := entity_id(row))}
        answers = [(Resource.CONVERSATIONS, fetched)]
        for conversation_id, walk in threads.items():
            path = endpoints.messages_of(conversation_id)
            pages = by_offset(self._client, path, endpoints.WITH_SCHEDULED, resource=Resource.MESSAGES, walk=walk)
            answers += [(Resource.MESSAGES, Fetched(page.rows, page.requested_at, conversation_id)) for page in pages]
            if walk.missing:
                raise self._malformed(Resource.MESSAGES, path, f"{walk.missing} of {walk.count} rows less")
        rows = tuple(row for row in fetched.rows if isinstance(row, dict))
        return Outcome(
            rows,
            tuple(answers),
            {thread: frozenset(walk.ids) for thread, walk in threads.items()},
            frozenset(thread for thread, walk in threads.items() if walk.count),
        )

    def _days(self, need: Need) -> Outcome:
        if need.start is None or need.end is None:
            raise ValueError(f"a calendar is read between two dates: {need}")
        page = read_page(
            self._client,
            endpoints.calendar_of(need.id),
            {"startDate": need.start.isoformat(), "endDate": need.end.isoformat()},
            Resource.CALENDAR_DAYS,
        )
        return Outcome(answers=((Resource.CALENDAR_DAYS, Fetched(page.rows, page.requested_at, need.id)),))

    def _malformed(self, resource: Resource, path: str, what: str) -> HostawayMalformedReply:
        return HostawayMalformedReply(
            f"Hostaway answered {what}", account_id=self._client.account_id, resource=resource, url=path
        )
