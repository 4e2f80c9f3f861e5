"""One batch of an account: reads the objects of due events, then lands rows and marks events in one transaction."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import structlog

from sync_hostaway.accounts.registry import mark_credentials_rejected
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import CredentialsRejected, HostawayError, HostawayThrottled
from sync_hostaway.core.resources import Resource
from sync_hostaway.events.account_inbox import AccountInbox, DueEvent
from sync_hostaway.events.fetch_plan import FetchPlan
from sync_hostaway.events.land import DeltaLanding, Entity
from sync_hostaway.events.refetch import FetchRequest, FetchResult
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.values import entity_id
from sync_hostaway.landing import payload_schemas

log = structlog.get_logger(__name__)

# Attempts with "not found" until an object counts as deleted, with pauses of 1, 2, 4 … s in between.
_NOT_FOUND_LIMIT_KNOWN, _NOT_FOUND_LIMIT_NEW = 2, 5
_THROTTLED_PAUSE, _SHORTEST_THROTTLE, _LONGEST_THROTTLE = 5.0, 1.0, 120.0


@dataclass(frozen=True)
class Change:
    """A processed event, with the payload of its object before and after."""

    event: DueEvent
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass
class BatchResult:
    """Counts of one or more batches of an account.

    :param done: events whose object was read and landed, or that were ignored.
    :param object_deleted: events whose object Hostaway has deleted.
    :param failed: events that are dead, or will be tried again.
    :param waiting: events that the batch did not reach; they stay unchanged.
    :param landed: rows that are new, changed or marked as deleted.
    """

    account_id: int
    done: int = 0
    object_deleted: int = 0
    failed: int = 0
    waiting: int = 0
    landed: int = 0
    api_calls: int = 0

    @property
    def events(self) -> int:
        """Events with a result."""
        return self.done + self.object_deleted + self.failed

    def add(self, later: BatchResult) -> None:
        """Add the counts of a later batch of the same account."""
        for name in ("done", "object_deleted", "failed", "landed", "api_calls"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.waiting = later.waiting


class AccountBatch:
    """Processes events of one account. Nothing else may use the connection at the same time."""

    def __init__(self, connection: Connection, client: HostawayClient, inbox: AccountInbox, run_key: str) -> None:
        self.changes: list[Change] = []
        self._connection = connection
        self._client = client
        self._inbox = inbox
        self._landing = DeltaLanding(connection, client.account_id, run_key)
        self._plan = FetchPlan(client, self._landing)
        self._mirrored = frozenset(client.settings.resources)
        self._result = BatchResult(client.account_id)

    def process(self, events: list[DueEvent]) -> BatchResult:
        """Read the objects, land them and mark the events. A kill at any point leaves the events unchanged."""
        started_at = self._client.now()
        events_by_request: dict[FetchRequest, list[DueEvent]] = defaultdict(list)
        without_object: list[DueEvent] = []
        not_mirrored: list[DueEvent] = []
        for event in events:
            if event.fetch_request is None:
                without_object.append(event)
            elif event.fetch_request.resource not in self._mirrored:
                not_mirrored.append(event)
            else:
                events_by_request[event.fetch_request].append(event)
        requests = self._plan.read(events_by_request)
        deleted_ids: dict[Resource, list[int]] = defaultdict(list)
        for request, events_of_request in events_by_request.items():
            if any(event.names_no_message for event in events_of_request):
                self._plan.load_landed_messages(request)
            not_found = self._plan.result(request).not_found and not request.of_reservation
            if not_found and self._counts_as_deleted(request, events_of_request):
                deleted_ids[request.resource].append(request.id)
        with self._connection.transaction():
            self._result.landed, runs = self._landing.land(self._plan.results.values(), deleted_ids, started_at)
            loads = self._landing.loads((event.entity for event in events), runs)
            for request, events_of_request in events_by_request.items():
                self._mark(request, events_of_request, requests[request], loads)
            self._finish(without_object, "dead", "it names no object")
            self._finish(not_mirrored, "ignored", "this resource is switched off for the account")
        self._handle_account_error(
            [
                event
                for request in events_by_request
                if self._plan.has_unread(requests[request])
                for event in events_by_request[request]
            ]
        )
        self._result.api_calls = self._client.stats.calls
        return self._result

    def _counts_as_deleted(self, target: FetchRequest | Entity, events: list[DueEvent]) -> bool:
        """Whether Hostaway did not find the object often enough: a new object may not be visible at once."""
        entity = (target.resource, str(target.id)) if isinstance(target, FetchRequest) else target
        known = self._plan.before.get(entity)
        enough = _NOT_FOUND_LIMIT_KNOWN if known and not known.is_deleted else _NOT_FOUND_LIMIT_NEW
        return max(event.not_found_count for event in events) + 1 >= enough

    def _mark(
        self, request: FetchRequest, events: list[DueEvent], requests: list[FetchRequest], loads: dict[Entity, int]
    ) -> None:
        own = self._plan.result(request)
        error = self._plan.error_of(requests)
        if unread := self._plan.unread_days(requests):
            self._inbox.save_unread_nights(events, unread)
        if error:
            self._fail(events, _text(error))
        elif self._plan.has_unread(requests):
            self._result.waiting += len(events)
        elif own.error and self._counts_as_deleted(request, events):
            self._finish(events, "object_deleted", "Hostaway has deleted the object")
        elif own.error:
            self._fail(events, _text(own.error), not_found=True)
        else:
            for event in events:
                if reason := self._validation_error(event, own):
                    self._finish([event], "dead", f"the object cannot be read, see ops.quarantine: {reason}")
                elif not self._is_missing_from_conversation(event, own):
                    self._finish([event], "done", load=loads.get(event.entity))
                elif self._counts_as_deleted(event.entity, [event]):
                    self._finish([event], "object_deleted", "the conversation does not contain the message")
                else:
                    self._fail([event], "the conversation does not contain the message yet", not_found=True)

    def _validation_error(self, event: DueEvent, own: FetchResult) -> str | None:
        """Why the object of an event, or its conversation, cannot land; None when both can."""
        fetched_resource = event.fetch_request.resource if event.fetch_request else event.entity[0]
        rows = [*((fetched_resource, row) for row in own.rows), (event.entity[0], self._row_after(event))]
        found = (payload_schemas.validation_error(resource, row) for resource, row in rows if row is not None)
        return next((reason for reason in found if reason), None)

    def _is_missing_from_conversation(self, event: DueEvent, result: FetchResult) -> bool:
        """Whether the event is about a message that its conversation does not contain."""
        resource, identity = event.entity
        if resource is not Resource.MESSAGES or not event.object_id or Resource.MESSAGES not in self._mirrored:
            return False
        return not any(identity == str(message_id) for ids in result.conversations.values() for message_id in ids)

    def _fail(self, events: list[DueEvent], reason: str, *, not_found: bool = False) -> None:
        self._inbox.fail(events, reason, not_found=not_found)
        self._result.failed += len(events)
        log.warning("events_failed", account_id=self._result.account_id, events=_ids(events), error=reason)

    def _finish(self, events: list[DueEvent], state: str, reason: str | None = None, load: int | None = None) -> None:
        events = self._inbox.finish(events, state, reason, load) if events else []
        if not events:
            return
        counted = {"dead": "failed", "ignored": "done"}.get(state, state)
        setattr(self._result, counted, getattr(self._result, counted) + len(events))
        if state in ("done", "object_deleted"):
            self.changes += [change for event in events for change in self._changes_of(event)]
        log.info("events_finished", account_id=self._result.account_id, state=state, events=_ids(events), reason=reason)

    def _changes_of(self, event: DueEvent) -> list[Change]:
        """The changes to pass to an event handler: one; for an event that names no message, each new message."""
        if not event.names_no_message:
            return [Change(event, self._row_before(event), self._row_after(event))]
        result = self._plan.result(event.fetch_request) if event.fetch_request else FetchResult()
        rows = [row for kind, fetched in result.responses if kind is Resource.MESSAGES for row in fetched.rows]
        known = self._plan.before
        return [
            Change(event, None, row)
            for row in rows
            if isinstance(row, dict) and (message_id := entity_id(row)) and (Resource.MESSAGES, message_id) not in known
        ]

    def _row_before(self, event: DueEvent) -> dict[str, Any] | None:
        row = self._plan.before.get(event.entity)
        return row.payload if row and not row.is_deleted else None

    def _row_after(self, event: DueEvent) -> dict[str, Any] | None:
        resource, identity = event.entity
        result = self._plan.result(event.fetch_request) if event.fetch_request else FetchResult()
        rows = (row for kind, fetched in result.responses if kind is resource for row in fetched.rows)
        return next((row for row in rows if isinstance(row, dict) and entity_id(row) == identity), None)

    def _handle_account_error(self, unread: list[DueEvent]) -> None:
        """Handle an error of the account: it affects all events of this account, and no other account."""
        account_error = self._plan.account_error
        if account_error is None:
            return
        log.warning("account_error", account_id=self._result.account_id, error=_text(account_error))
        if isinstance(account_error, CredentialsRejected):
            mark_credentials_rejected(self._connection, self._client, str(account_error))
        elif isinstance(account_error, HostawayThrottled):
            pause = account_error.retry_at - time.time() if account_error.retry_at else _THROTTLED_PAUSE
            # The difference is negative if Hostaway's clock is behind ours.
            self._inbox.postpone_account(min(max(pause, _SHORTEST_THROTTLE), _LONGEST_THROTTLE), _text(account_error))
        else:
            self._inbox.fail(unread, _text(account_error))


def _text(error: HostawayError) -> str:
    return f"{type(error).__name__}: {error}"


def _ids(events: list[DueEvent]) -> list[int]:
    return [event.event_id for event in events]
