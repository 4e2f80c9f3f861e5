"""Guest messages of host applications. Each idempotency key sends at most one message.

    claim ─► sending ─► Hostaway ─► sent       Hostaway accepted the message
                           ├──────► failed     Hostaway refused it; the same key gets the same response
                           └──────► unknown    no answer: Hostaway may have the message, or may still process it

The entry is committed before the request to Hostaway, and a key with an entry is never sent again. A gateway may
process a request after any delay, and a channel may change the text. So no read of the conversation can prove that a
message was not sent. A message that is `unknown`, or `sending` after its process ended, is searched for in its
conversation: when the caller repeats the request, and by `outbox_maintenance`. Only if Hostaway certainly did not
process the request, the entry is removed, and the same key can be used again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import structlog

from sync_hostaway.accounts.registry import client_for, mark_credentials_rejected
from sync_hostaway.core.db import Connection, advisory_lock, fetch_value, load_queries, warehouse_clock
from sync_hostaway.core.exceptions import (
    AccessDenied,
    CredentialsRejected,
    HostawayError,
    HostawayNotConnected,
    HostawayNotFound,
    HostawayRefused,
    HostawayThrottled,
    SyncHostawayError,
)
from sync_hostaway.core.resources import Resource
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.pagination import ListRead, pages_by_offset
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.hostaway.values import as_flag, as_id, as_timestamp
from sync_hostaway.landing.writer import Fetched, LandingWriter
from sync_hostaway.messaging.message_text import may_show
from sync_hostaway.messaging.outbox_store import Draft, Entries, Entry

log = structlog.get_logger(__name__)
_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))

# Seconds to wait for a permit of the rate limiter or for an answer, because the caller is waiting.
_TIMEOUT = 20.0
# Seconds after which most requests without an answer have been processed, if at all. The caller waits this long.
SETTLING_SECONDS = 60.0
# Seconds for which the text of a message without an answer is kept, to search for it in its conversation.
SEARCH_SECONDS = 24 * 3600.0
# A message may appear this much older than the request that sent it: clocks differ, and stamps have whole seconds.
_TOLERANCE = timedelta(seconds=10)


class KeyReused(SyncHostawayError):
    """The idempotency key was used for another message."""


class BeingSent(SyncHostawayError):
    """Another request with this idempotency key is in progress."""


class NoConversation(SyncHostawayError):
    """Hostaway has no conversation for this reservation."""


class Outbox:
    """The messages of one account. No other code may use the connection at the same time."""

    def __init__(self, connection: Connection, account_id: int) -> None:
        self._connection = connection
        self._account_id = account_id
        self._entries = Entries(connection, account_id)

    def send(self, key: str, draft: Draft) -> Entry:
        """Send a message, or return the entry that this key already has.

        :returns: the entry, `sent`, `failed` or `unknown`. An unknown message is never sent again.
        :raises KeyReused: when the key was used for another message.
        :raises BeingSent: when another request with this key is in progress.
        :raises NoConversation: when the reservation has no conversation.
        :raises SendLimitReached: when the account has reached its limit of messages.
        :raises HostawayError: when Hostaway did not get or did not process the request; the key can be used again.
        """
        with advisory_lock(self._connection, f"outbox {key}", self._account_id, wait=False) as is_ours:
            if not is_ours:
                raise BeingSent
            entry = self._entries.find(key)
            if entry and entry.request_hash != draft.digest:
                raise KeyReused
            if entry and entry.is_settled:
                return entry
            with client_for(self._connection, self._account_id, Priority.DELTA, single_try_timeout=_TIMEOUT) as client:
                try:
                    return self._resume(client, entry) if entry else self._begin(client, key, draft)
                except CredentialsRejected as error:
                    mark_credentials_rejected(self._connection, client, str(error))
                    raise

    def look_up(self, client: HostawayClient, key: str) -> Entry | None:
        """Search the conversation for a message, and settle the entry if it is there. Nothing is sent.

        After `SEARCH_SECONDS` without success, the text is deleted and the state stays `unknown`.

        :returns: None when another request with this key is in progress.
        :raises HostawayError: when the conversation cannot be read.
        """
        with advisory_lock(self._connection, f"outbox {key}", self._account_id, wait=False) as is_ours:
            entry = self._entries.find(key) if is_ours else None
            if entry is None or entry.is_closed or entry.age < SETTLING_SECONDS:
                return entry
            entry = self._resume(client, entry)
            if entry.is_closed or entry.age < SEARCH_SECONDS:
                return entry
            return self._entries.give_up(entry, "no answer, and the conversation did not show the message within a day")

    def _begin(self, client: HostawayClient, key: str, draft: Draft) -> Entry:
        conversation_id = self._conversation_of(client, draft.reservation_id)
        # Before the entry is made: an error here does not concern the message.
        client.check_credentials()
        entry = self._entries.claim(key, draft, conversation_id)
        if entry is None:
            raise BeingSent
        return self._attempt(client, entry)

    def _resume(self, client: HostawayClient, entry: Entry) -> Entry:
        if entry.is_closed:
            return entry
        try:
            found = self._find_in_conversation(client, entry)
        except HostawayNotFound:
            # The conversation was deleted, so it cannot show the message.
            found = None
        if found:
            return self._settle_found(entry, found)
        return self._entries.mark_unknown(entry, entry.reason or "no answer: the process ended before the answer")

    def _attempt(self, client: HostawayClient, entry: Entry) -> Entry:
        if entry.is_settled:
            # The guest was erased after the claim.
            return entry
        body = {"body": entry.body, "communicationType": entry.channel_type}
        try:
            reply = client.write("POST", endpoints.messages_of(entry.conversation_id), body, resource=Resource.MESSAGES)
        except (HostawayNotConnected, HostawayThrottled, CredentialsRejected, AccessDenied):
            self._entries.forget(entry)
            raise
        except (HostawayRefused, HostawayNotFound) as error:
            return self._entries.settle(entry, "failed", reason=error.text)
        except HostawayError as error:
            if error.url == endpoints.ACCESS_TOKENS:
                # The access token was not accepted and could not be renewed, so the message was not sent.
                self._entries.forget(entry)
                raise
            # Every other error leaves open whether Hostaway sent the message.
            return self._after_silence(client, entry, error)
        message = reply.result
        if not isinstance(message, dict) or not as_id(message.get("id")):
            return self._after_silence(client, entry, HostawayError("Hostaway's answer has no message id"))
        return self._settle_sent(entry, message)

    def _after_silence(self, client: HostawayClient, entry: Entry, error: HostawayError) -> Entry:
        log.warning("message_without_answer", outbox_id=entry.outbox_id, error=str(error))
        entry = self._entries.mark_unknown(entry, str(error))
        try:
            return self._resume(client, entry)
        except HostawayError:
            return entry

    def _find_in_conversation(self, client: HostawayClient, entry: Entry) -> dict[str, Any] | None:
        """Return the entry's message as Hostaway shows it: same text, not older, and not that of another entry."""
        candidates: dict[int, dict[str, Any]] = {}
        path = endpoints.messages_of(entry.conversation_id)
        for page in pages_by_offset(
            client, path, endpoints.WITH_SCHEDULED, resource=Resource.MESSAGES, list_read=ListRead()
        ):
            # Hostaway's clock may differ from ours. A slow answer only makes the search go further back.
            ahead = page.served_at - client.now()
            earliest = entry.created_at + ahead - _TOLERANCE
            for row in page.rows:
                if isinstance(row, dict) and (number := as_id(row.get("id"))) and _may_be(row, entry.body, earliest):
                    candidates[number] = row
        taken = self._entries.claimed_messages(candidates)
        return next((candidates[number] for number in sorted(candidates) if number not in taken), None)

    def _conversation_of(self, client: HostawayClient, reservation_id: int) -> int:
        params = {"account_id": self._account_id, "reservation_id": reservation_id}
        landed = fetch_value(self._connection, _QUERIES["conversation"], params)
        if landed:
            return int(landed)
        try:
            rows = client.get(endpoints.conversations_of(reservation_id), resource=Resource.CONVERSATIONS).result
        except HostawayNotFound:
            rows = []
        ids = [number for row in rows if isinstance(row, dict) and (number := as_id(row.get("id")))]
        if not ids:
            raise NoConversation
        return max(ids)

    def _settle_found(self, entry: Entry, message: dict[str, Any]) -> Entry:
        try:
            return self._settle_sent(entry, message)
        except psycopg.errors.UniqueViolation:
            # Another entry was settled with this message after the read.
            return self._entries.mark_unknown(entry, entry.reason or "no answer")

    def _settle_sent(self, entry: Entry, message: dict[str, Any]) -> Entry:
        status = message.get("status")
        settled = self._entries.settle(
            entry, "sent", message_id=as_id(message.get("id")), status=str(status) if status else None
        )
        # The message is sent, and the next sync would land it. This only makes it land sooner.
        with self._connection.transaction():
            fetched = Fetched([message], warehouse_clock(self._connection)(), entry.conversation_id)
            LandingWriter(self._connection, self._account_id, Resource.MESSAGES, None).land([fetched])
            self._connection.execute(
                _QUERIES["hint"],
                {
                    "account_id": self._account_id,
                    "outbox_id": entry.outbox_id,
                    "message_id": settled.message_id,
                    "conversation_id": entry.conversation_id,
                    "reservation_id": entry.reservation_id,
                },
            )
        return settled


def _may_be(row: dict[str, Any], body: str, earliest: datetime) -> bool:
    is_ours = as_flag(row.get("isIncoming", False)) is False and may_show(str(row.get("body") or ""), body)
    moment = as_timestamp(row.get("insertedOn") or row.get("date"))
    return is_ours and (moment is None or moment >= earliest)
