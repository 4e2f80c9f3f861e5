"""Reads what events are about, and whole: with parents that are unknown here, and with nights that change hands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sync_hostaway.core.exceptions import HostawayError
from sync_hostaway.core.resources import Resource
from sync_hostaway.events.account_inbox import Event
from sync_hostaway.events.land import DeltaLanding, Entity, Landed
from sync_hostaway.events.refetch import Need, Outcome, Reader
from sync_hostaway.events.reservation_nights import Span, Stay, calendar_needs
from sync_hostaway.extract.context import Window
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.values import as_id

# A turn begins nothing new after that many seconds: the account comes again, and others come in between.
_SECONDS = 10.0
_SIDE_BY_SIDE = 4


class Gathering:
    """What one turn of an account has read.

    :param before: rows as landing had them before the turn, as far as anybody asked.
    """

    def __init__(self, client: HostawayClient, landing: DeltaLanding) -> None:
        self.before: dict[Entity, Landed] = {}
        self._landing = landing
        self._reader = Reader(client, _SECONDS)
        self._settings = client.settings
        self._mirrored = frozenset(client.settings.resources)

    @property
    def outcomes(self) -> dict[Need, Outcome]:
        """What was read, or failed."""
        return self._reader.outcomes

    @property
    def trouble(self) -> HostawayError | None:
        """What is wrong with the account itself, and ended the reading."""
        return self._reader.trouble

    def outcome(self, need: Need) -> Outcome:
        """What a need brought; an empty one when it was not read."""
        return self.outcomes.get(need, Outcome())

    def error_of(self, needs: Iterable[Need]) -> HostawayError | None:
        """What kept one of them from being read. What Hostaway does not know need not be there."""
        outcomes = (self.outcome(need) for need in needs)
        return next((outcome.error for outcome in outcomes if outcome.error and not outcome.not_found), None)

    def unread_days(self, needs: Iterable[Need]) -> list[Need]:
        """The calendar days among them that are still to be read."""
        days = [need for need in needs if need.resource is Resource.CALENDAR_DAYS]
        return [need for need in days if need not in self.outcomes or self.error_of([need])]

    def lacks(self, needs: Iterable[Need]) -> bool:
        """Whether there was no time for some of them."""
        return any(need not in self.outcomes for need in needs)

    def read(self, subjects: Mapping[Need, list[Event]]) -> dict[Need, list[Need]]:
        """Read subjects, some side by side. Returns what each one needs to be whole, itself first."""
        self._look_up(event.entity for events in subjects.values() for event in events)
        self._look_up((subject.resource, str(subject.id)) for subject in subjects if not subject.of_reservation)
        with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="refetch") as pool:
            return dict(zip(subjects, pool.map(self._read_whole, subjects, subjects.values()), strict=True))

    def _read_whole(self, subject: Need, events: list[Event]) -> list[Need]:
        """Read a subject and, with what it says, what else makes it whole.

        What was begun is ended, however long that takes: in the next turn it would be begun anew.
        """
        needs = [subject]
        if not self._reader.may_begin:
            return needs
        self._reader.read(subject)
        if subject.resource is Resource.CONVERSATIONS:
            # A message may come before its reservation.
            needs += self._unknown(Resource.RESERVATIONS, self._ids_in(subject, "reservationId"))
        spans = {span for event in events for span in event.spans}
        for reservation in [need for need in needs if need.resource is Resource.RESERVATIONS]:
            self._reader.read(reservation)
            needs += self._unknown(Resource.LISTINGS, self._ids_in(reservation, "listingMapId"))
            spans |= self._spans_of(reservation, events)
        if Resource.CALENDAR_DAYS in self._mirrored:
            needs += calendar_needs(spans, Window.around(datetime.now(UTC).date(), self._settings))
        for need in needs:
            self._reader.read(need)
        return needs

    def _ids_in(self, need: Need, name: str) -> list[int]:
        found = (as_id(row.get(name)) for row in self.outcome(need).rows)
        return [identity for identity in found if identity]

    def _unknown(self, resource: Resource, ids: list[int]) -> list[Need]:
        """Those that never landed, or are marked deleted."""
        if resource not in self._mirrored:
            return []
        self._look_up((resource, str(identity)) for identity in ids)
        rows = {identity: self.before.get((resource, str(identity))) for identity in ids}
        return [Need(resource, identity) for identity, row in rows.items() if row is None or row.is_deleted]

    def _look_up(self, entities: Iterator[Entity]) -> None:
        self.before.update(self._landing.rows(entity for entity in entities if entity not in self.before))

    def _spans_of(self, reservation: Need, events: list[Event]) -> set[Span]:
        """The nights a reservation takes or gives back: none when its stay is what landing has.

        But when somebody landed it after its event had come, nobody here knows what it was before.
        """
        outcome = self.outcomes.get(reservation)
        if outcome is None or (outcome.error and not outcome.not_found):
            return set()
        known = self.before.get((Resource.RESERVATIONS, str(reservation.id)))
        before = Stay.of(known.payload) if known else None
        after = Stay.of(outcome.rows[0]) if outcome.rows else None
        if before == after and known and known.observed_at < min(event.received_at for event in events):
            return set()
        return {stay.span for stay in (before, after) if stay}
