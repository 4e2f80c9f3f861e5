"""Reads the objects of events, with parents that have not landed and with the calendar days that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from sync_hostaway.core.exceptions import HostawayError
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.threads import ContextThreads
from sync_hostaway.events.account_inbox import DueEvent
from sync_hostaway.events.land import DeltaLanding, Entity, LandedRow
from sync_hostaway.events.refetch import FetchRequest, FetchResult, ObjectReader
from sync_hostaway.events.reservation_nights import DateRange, ReservationNights, calendar_requests
from sync_hostaway.extract.context import Window
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.values import as_id

# Seconds after which a batch starts no further request: the account's next batch comes after other accounts.
_SECONDS = 10.0
_MAX_PARALLEL_READS = 4


class FetchPlan:
    """The requests of one batch, and their results."""

    def __init__(self, client: HostawayClient, landing: DeltaLanding) -> None:
        self.before: dict[Entity, LandedRow] = {}
        """Rows of landing before the batch; only those that were looked up."""
        self._landing = landing
        self._reader = ObjectReader(client, _SECONDS)
        self._settings = client.settings
        self._mirrored = frozenset(client.settings.resources)

    @property
    def results(self) -> dict[FetchRequest, FetchResult]:
        """Results by request, also failed ones."""
        return self._reader.results

    @property
    def account_error(self) -> HostawayError | None:
        """The error of the account that ended the reading, if any."""
        return self._reader.account_error

    def result(self, request: FetchRequest) -> FetchResult:
        """The result of a request; an empty one when it was not sent."""
        return self.results.get(request, FetchResult())

    def error_of(self, requests: Iterable[FetchRequest]) -> HostawayError | None:
        """The first error among the requests. "Not found" is no error."""
        results = (self.result(request) for request in requests)
        return next((result.error for result in results if result.error and not result.not_found), None)

    def unread_days(self, requests: Iterable[FetchRequest]) -> list[FetchRequest]:
        """The requests for calendar days that were not sent or failed."""
        days = [request for request in requests if request.resource is Resource.CALENDAR_DAYS]
        return [request for request in days if request not in self.results or self.error_of([request])]

    def has_unread(self, requests: Iterable[FetchRequest]) -> bool:
        """Whether some of the requests were not sent."""
        return any(request not in self.results for request in requests)

    def read(self, events_by_request: Mapping[FetchRequest, list[DueEvent]]) -> dict[FetchRequest, list[FetchRequest]]:
        """Read objects, some in parallel. Returns for each request all requests that it led to, itself first."""
        self._load_landed(event.entity for events in events_by_request.values() for event in events)
        self._load_landed(
            (request.resource, str(request.id)) for request in events_by_request if not request.of_reservation
        )
        with ContextThreads(_MAX_PARALLEL_READS, thread_name_prefix="refetch") as pool:
            return dict(
                zip(
                    events_by_request,
                    pool.map(self._read_with_related, events_by_request, events_by_request.values()),
                    strict=True,
                )
            )

    def _read_with_related(self, request: FetchRequest, events: list[DueEvent]) -> list[FetchRequest]:
        """Read an object, then the related objects that its payload names.

        The time limit only decides whether an object is begun. Its related objects are then read in any case: otherwise
        the next batch would have to read the object again.
        """
        requests = [request]
        if not self._reader.has_time:
            return requests
        self._reader.read(request)
        if request.resource is Resource.CONVERSATIONS:
            # A message may come before its reservation.
            requests += self._missing_here(Resource.RESERVATIONS, self._ids_in(request, "reservationId"))
        date_ranges = {date_range for event in events for date_range in event.date_ranges}
        for reservation in [request for request in requests if request.resource is Resource.RESERVATIONS]:
            self._reader.read(reservation)
            requests += self._missing_here(Resource.LISTINGS, self._ids_in(reservation, "listingMapId"))
            date_ranges |= self._affected_date_ranges(reservation, events)
        if Resource.CALENDAR_DAYS in self._mirrored:
            requests += calendar_requests(date_ranges, Window.around(datetime.now(UTC).date(), self._settings))
        for request in requests:
            self._reader.read(request)
        return requests

    def _ids_in(self, request: FetchRequest, name: str) -> list[int]:
        found = (as_id(row.get(name)) for row in self.result(request).rows)
        return [identity for identity in found if identity]

    def _missing_here(self, resource: Resource, ids: list[int]) -> list[FetchRequest]:
        """Requests for the objects that have never landed, or are marked as deleted."""
        if resource not in self._mirrored:
            return []
        self._load_landed((resource, str(identity)) for identity in ids)
        rows = {identity: self.before.get((resource, str(identity))) for identity in ids}
        return [FetchRequest(resource, identity) for identity, row in rows.items() if row is None or row.is_deleted]

    def load_landed_messages(self, request: FetchRequest) -> None:
        """Save which messages of a request landing has, before they land."""
        conversations = self.result(request).conversations.values()
        self._load_landed((Resource.MESSAGES, str(message_id)) for ids in conversations for message_id in ids)

    def _load_landed(self, entities: Iterator[Entity]) -> None:
        self.before.update(self._landing.rows(entity for entity in entities if entity not in self.before))

    def _affected_date_ranges(self, reservation: FetchRequest, events: list[DueEvent]) -> set[DateRange]:
        """The calendar days that a reservation blocks or frees: none when dates, listing and status are unchanged.

        If another process landed the reservation after the event was received, its earlier dates are unknown.
        """
        result = self.results.get(reservation)
        if result is None or (result.error and not result.not_found):
            return set()
        known = self.before.get((Resource.RESERVATIONS, str(reservation.id)))
        before = ReservationNights.of(known.payload) if known else None
        after = ReservationNights.of(result.rows[0]) if result.rows else None
        if before == after and known and known.observed_at < min(event.received_at for event in events):
            return set()
        return {nights.date_range for nights in (before, after) if nights}
