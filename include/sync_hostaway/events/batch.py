"""One account's turn: what its due events are about is read, landed and marked, the latter two in one transaction."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from sync_hostaway.accounts.registry import refuse_account
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import CredentialsRefused, HostawayError, HostawayThrottled
from sync_hostaway.core.resources import Resource
from sync_hostaway.events.account_inbox import AccountInbox, Event
from sync_hostaway.events.fetch_plan import Gathering
from sync_hostaway.events.land import DeltaLanding, Entity
from sync_hostaway.events.refetch import Need, Outcome
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.values import entity_id
from sync_hostaway.landing import payload_schemas as shapes

log = structlog.get_logger(__name__)

# How often Hostaway must not have an object until that is believed, with pauses of 1, 2, 4 … s in between.
_ABSENCES_OF_KNOWN, _ABSENCES_OF_NEW = 2, 5
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
        self._gathered = Gathering(client, self._landing)
        self._mirrored = frozenset(client.settings.resources)
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
        needs = self._gathered.read(subjects)
        gone: dict[Resource, list[int]] = defaultdict(list)
        for subject, about in subjects.items():
            not_found = self._gathered.outcome(subject).not_found and not subject.of_reservation
            if not_found and self._is_gone(subject, about):
                gone[subject.resource].append(subject.id)
        with self._connection.transaction():
            self._served.landed, runs = self._landing.land(self._gathered.outcomes.values(), gone, started_at)
            loads = self._landing.loads((event.entity for event in events), runs)
            for subject, about in subjects.items():
                self._mark(subject, about, needs[subject], loads)
            self._finish(lost, "dead", "nothing in it leads to an object")
            self._finish(unwanted, "ignored", "such objects are not mirrored for this account")
        self._face_trouble(
            [event for subject in subjects if self._gathered.lacks(needs[subject]) for event in subjects[subject]]
        )
        self._served.api_calls = self._client.stats.calls
        return self._served

    def _is_gone(self, about: Need | Entity, events: list[Event]) -> bool:
        """Whether Hostaway did not have something often enough: at first it may be too new, and not there yet."""
        entity = (about.resource, str(about.id)) if isinstance(about, Need) else about
        known = self._gathered.before.get(entity)
        enough = _ABSENCES_OF_KNOWN if known and not known.is_deleted else _ABSENCES_OF_NEW
        return max(event.absences for event in events) + 1 >= enough

    def _mark(self, subject: Need, events: list[Event], needs: list[Need], loads: dict[Entity, int]) -> None:
        own = self._gathered.outcome(subject)
        error = self._gathered.error_of(needs)
        if unread := self._gathered.unread_days(needs):
            self._inbox.remember_nights(events, unread)
        if error:
            self._fail(events, _text(error))
        elif self._gathered.lacks(needs):
            self._served.waiting += len(events)
        elif own.error and self._is_gone(subject, events):
            self._finish(events, "gone", "Hostaway does not know it any more")
        elif own.error:
            self._fail(events, _text(own.error), absent=True)
        else:
            for event in events:
                if riddle := self._riddle(event, own):
                    self._finish([event], "dead", f"it could not be understood, and is in ops.quarantine: {riddle}")
                elif not self._is_absent(event, own):
                    self._finish([event], "done", load=loads.get(event.entity))
                elif self._is_gone(event.entity, [event]):
                    self._finish([event], "gone", "its thread does not have it")
                else:
                    self._fail([event], "its thread does not have it yet", absent=True)

    def _riddle(self, event: Event, own: Outcome) -> str | None:
        """Why an event's object, or the thread it is in, could not be understood; None when both were."""
        subject = event.subject.resource if event.subject else event.entity[0]
        rows = [*((subject, row) for row in own.rows), (event.entity[0], self._row_after(event))]
        found = (shapes.refusal(resource, row) for resource, row in rows if row is not None)
        return next((reason for reason in found if reason), None)

    def _is_absent(self, event: Event, thread: Outcome) -> bool:
        """Whether an event is about a message that the thread it leads to does not have."""
        resource, identity = event.entity
        if resource is not Resource.MESSAGES or not event.object_id or Resource.MESSAGES not in self._mirrored:
            return False
        return not any(identity == str(number) for ids in thread.threads.values() for number in ids)

    def _fail(self, events: list[Event], reason: str, *, absent: bool = False) -> None:
        self._inbox.fail(events, reason, absent=absent)
        self._served.failed += len(events)
        log.warning("events_failed", account_id=self._served.account_id, events=_ids(events), error=reason)

    def _finish(self, events: list[Event], state: str, reason: str | None = None, load: int | None = None) -> None:
        events = self._inbox.finish(events, state, reason, load) if events else []
        if not events:
            return
        counted = {"dead": "failed", "ignored": "done"}.get(state, state)
        setattr(self._served, counted, getattr(self._served, counted) + len(events))
        if state in ("done", "gone"):
            self.changes += [Change(event, self._row_before(event), self._row_after(event)) for event in events]
        log.info("events_finished", account_id=self._served.account_id, state=state, events=_ids(events), reason=reason)

    def _row_before(self, event: Event) -> dict[str, Any] | None:
        row = self._gathered.before.get(event.entity)
        return row.payload if row and not row.is_deleted else None

    def _row_after(self, event: Event) -> dict[str, Any] | None:
        resource, identity = event.entity
        outcome = self._gathered.outcome(event.subject) if event.subject else Outcome()
        rows = (row for kind, fetched in outcome.answers if kind is resource for row in fetched.rows)
        return next((row for row in rows if isinstance(row, dict) and entity_id(row) == identity), None)

    def _face_trouble(self, unread: list[Event]) -> None:
        """What is wrong with the account itself: its other events wait, and the other accounts do not."""
        trouble = self._gathered.trouble
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


def _text(error: HostawayError) -> str:
    return f"{type(error).__name__}: {error}"


def _ids(events: list[Event]) -> list[int]:
    return [event.event_id for event in events]
