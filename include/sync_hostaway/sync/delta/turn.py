"""One account's turn: what its due events are about is read, landed and marked, the latter two in one transaction."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from sync_hostaway.accounts.registry import refuse_account
from sync_hostaway.exceptions import CredentialsRefused, HostawayError, HostawayThrottled
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.endpoints import Resource
from sync_hostaway.landing import shapes
from sync_hostaway.sync.context import Window
from sync_hostaway.sync.delta.inbox import AccountInbox, Event
from sync_hostaway.sync.delta.landing import DeltaLanding, Entity, Landed
from sync_hostaway.sync.delta.refetch import Need, Outcome, Reader
from sync_hostaway.sync.delta.stay import Stay, calendar_needs
from sync_hostaway.warehouse import Connection

log = structlog.get_logger(__name__)

# A turn begins nothing new after that many seconds: the account comes again, and others come in between.
_SECONDS = 10.0
_THROTTLED_PAUSE, _SHORTEST_THROTTLE, _LONGEST_THROTTLE = 5.0, 1.0, 120.0


@dataclass(frozen=True)
class Change:
    """A served event, and the object it is about as landing had it and as Hostaway has it now."""

    event: Event
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass
class Served:
    """What became of an account's events.

    :param waiting: not reached; they stay as they are.
    :param landed: rows that came, changed or were marked deleted.
    """

    account_id: int
    done: int = 0
    gone: int = 0
    failed: int = 0
    waiting: int = 0
    landed: int = 0
    api_calls: int = 0

    @property
    def events(self) -> int:
        """Events that were looked at to some end."""
        return self.done + self.gone + self.failed

    def add(self, later: Served) -> None:
        """Add a later turn of the same account."""
        for name in ("done", "gone", "failed", "landed", "api_calls"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.waiting = later.waiting


class Turn:
    """Serves events of one account, over a connection that nothing else uses meanwhile."""

    def __init__(self, connection: Connection, client: HostawayClient, inbox: AccountInbox, run_key: str) -> None:
        self.changes: list[Change] = []
        self._connection = connection
        self._client = client
        self._inbox = inbox
        self._landing = DeltaLanding(connection, client.account_id, run_key)
        self._reader = Reader(client, _SECONDS)
        self._mirrored = frozenset(client.settings.resources)
        self._before: dict[Entity, Landed] = {}
        self._served = Served(client.account_id)

    def serve(self, events: list[Event]) -> Served:
        """Read, land and mark. Killed anywhere in here, it leaves the events as they were."""
        started_at = datetime.now(UTC)
        subjects: dict[Need, list[Event]] = defaultdict(list)
        lost: list[Event] = []
        unwanted: list[Event] = []
        for event in events:
            if event.subject is None:
                lost.append(event)
            elif event.subject.resource not in self._mirrored:
                unwanted.append(event)
            else:
                subjects[event.subject].append(event)
        needs = self._read(subjects)
        gone: dict[Resource, list[int]] = defaultdict(list)
        for subject, about in subjects.items():
            if self._is_gone(subject, about) and not subject.of_reservation:
                gone[subject.resource].append(subject.id)
        with self._connection.transaction():
            self._served.landed, runs = self._landing.land(self._reader.outcomes.values(), gone, started_at)
            loads = self._landing.loads((event.entity for event in events), runs)
            for subject, about in subjects.items():
                self._mark(subject, about, needs[subject], loads)
            self._finish(lost, "dead", "nothing in it leads to an object")
            self._finish(unwanted, "ignored", "such objects are not mirrored for this account")
        self._face_trouble(
            [event for subject in subjects if self._unread(needs[subject]) for event in subjects[subject]]
        )
        self._served.api_calls = self._client.stats.calls
        return self._served

    def _read(self, subjects: dict[Need, list[Event]]) -> dict[Need, list[Need]]:
        """The subjects themselves; then, with what they say, what else makes them whole. Returns what each needed."""
        needs = {subject: [subject] for subject in subjects}
        self._look_up(event.entity for events in subjects.values() for event in events)
        self._reader.read(subjects)
        for subject, wanted in needs.items():
            if subject.resource is Resource.CONVERSATIONS:
                # A message may come before its reservation.
                wanted += self._unknown(Resource.RESERVATIONS, self._ids_in(subject, "reservationId"))
        self._reader.read(_all(needs))
        for subject, wanted in needs.items():
            for reservation in [need for need in wanted if need.resource is Resource.RESERVATIONS]:
                wanted += self._unknown(Resource.LISTINGS, self._ids_in(reservation, "listingMapId"))
                wanted += self._days_of(reservation, subjects[subject])
        self._reader.read(_all(needs))
        return needs

    def _ids_in(self, need: Need, name: str) -> list[int]:
        found = (shapes.entity_id({"id": row.get(name)}) for row in self._rows_of(need))
        return [int(identity) for identity in found if identity]

    def _rows_of(self, need: Need) -> tuple[dict[str, Any], ...]:
        return self._reader.outcomes.get(need, Outcome()).rows

    def _unknown(self, resource: Resource, ids: list[int]) -> list[Need]:
        """Those that never landed, or are marked deleted."""
        if resource not in self._mirrored:
            return []
        self._look_up((resource, str(identity)) for identity in ids)
        rows = {identity: self._before.get((resource, str(identity))) for identity in ids}
        return [Need(resource, identity) for identity, row in rows.items() if row is None or row.is_deleted]

    def _look_up(self, entities: Iterator[Entity]) -> None:
        self._before.update(self._landing.rows(entity for entity in entities if entity not in self._before))

    def _days_of(self, reservation: Need, events: list[Event]) -> list[Need]:
        """The nights a reservation takes or gives back.

        None when its stay is what landing has. But when somebody landed it after its event had come, nobody here knows
        what it was before.
        """
        outcome = self._reader.outcomes.get(reservation)
        if Resource.CALENDAR_DAYS not in self._mirrored or outcome is None or (outcome.error and not outcome.not_found):
            return []
        known = self._before.get((Resource.RESERVATIONS, str(reservation.id)))
        before = Stay.of(known.payload) if known else None
        after = Stay.of(outcome.rows[0]) if outcome.rows else None
        if before == after and known and known.observed_at < min(event.received_at for event in events):
            return []
        window = Window.around(datetime.now(UTC).date(), self._client.settings)
        return calendar_needs({stay for stay in (before, after) if stay}, window)

    def _is_gone(self, subject: Need, events: list[Event]) -> bool:
        """Not found a second time: the first time, it may be too new to be found."""
        outcome = self._reader.outcomes.get(subject, Outcome())
        return outcome.not_found and any(event.attempts for event in events)

    def _unread(self, needs: list[Need]) -> bool:
        return any(need not in self._reader.outcomes for need in needs)

    def _mark(self, subject: Need, events: list[Event], needs: list[Need], loads: dict[Entity, int]) -> None:
        own = self._reader.outcomes.get(subject, Outcome())
        # What Hostaway does not know need not be there for the subject to be whole.
        outcomes = [outcome for need in needs if (outcome := self._reader.outcomes.get(need))]
        error = own.error or next(
            (outcome.error for outcome in outcomes if outcome.error and not outcome.not_found), None
        )
        riddle = _riddle(subject.resource, own)
        if self._is_gone(subject, events):
            self._finish(events, "gone", "Hostaway does not know it any more")
        elif error:
            self._inbox.fail(events, _text(error))
            self._served.failed += len(events)
            log.warning("events_failed", account_id=self._served.account_id, events=_ids(events), error=_text(error))
        elif self._unread(needs):
            self._served.waiting += len(events)
        elif riddle:
            self._finish(events, "dead", f"it could not be understood, and is in ops.quarantine: {riddle}")
        else:
            self._finish(events, "done", loads=[loads.get(event.entity) for event in events])

    def _finish(
        self, events: list[Event], state: str, reason: str | None = None, loads: list[int | None] | None = None
    ) -> None:
        if not events:
            return
        self._inbox.finish(events, state, reason, loads or ())
        counted = {"dead": "failed", "ignored": "done"}.get(state, state)
        setattr(self._served, counted, getattr(self._served, counted) + len(events))
        if state in ("done", "gone"):
            self.changes += [Change(event, self._row_before(event), self._row_after(event)) for event in events]
        log.info("events_finished", account_id=self._served.account_id, state=state, events=_ids(events), reason=reason)

    def _row_before(self, event: Event) -> dict[str, Any] | None:
        row = self._before.get(event.entity)
        return row.payload if row and not row.is_deleted else None

    def _row_after(self, event: Event) -> dict[str, Any] | None:
        resource, identity = event.entity
        outcome = self._reader.outcomes.get(event.subject, Outcome()) if event.subject else Outcome()
        rows = (row for kind, fetched in outcome.answers if kind is resource for row in fetched.rows)
        return next((row for row in rows if isinstance(row, dict) and shapes.entity_id(row) == identity), None)

    def _face_trouble(self, unread: list[Event]) -> None:
        """What is wrong with the account itself: its other events wait, and the other accounts do not."""
        trouble = self._reader.trouble
        if trouble is None:
            return
        log.warning("account_in_trouble", account_id=self._served.account_id, error=_text(trouble))
        if isinstance(trouble, CredentialsRefused):
            refuse_account(self._connection, self._client, str(trouble))
        elif isinstance(trouble, HostawayThrottled):
            pause = trouble.retry_at - time.time() if trouble.retry_at else _THROTTLED_PAUSE
            # Their clock may be behind ours, and then the time is over already.
            self._inbox.hold_back(min(max(pause, _SHORTEST_THROTTLE), _LONGEST_THROTTLE), _text(trouble))
        else:
            self._inbox.fail(unread, _text(trouble))


def _all(needs: dict[Need, list[Need]]) -> list[Need]:
    return [need for wanted in needs.values() for need in wanted]


def _riddle(resource: Resource, outcome: Outcome) -> str | None:
    """Why an object could not be understood; None when it was."""
    found = (shapes.understand(resource, row) for row in outcome.rows)
    return next((reason for shape, reason in found if shape is None), None)


def _text(error: HostawayError) -> str:
    return f"{type(error).__name__}: {error}"


def _ids(events: list[Event]) -> list[int]:
    return [event.event_id for event in events]
