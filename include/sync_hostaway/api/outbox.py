"""Guest messages of host applications: each sent at most once per idempotency key, whatever is killed or lost.

    claim ─► sending ─► Hostaway ─► sent       it has the message
                           ├──────► failed     it refused; the same key gets the same answer
                           └──────► unknown    no answer: it may have the message

An entry is committed before Hostaway is asked. One that is `sending` without a sender, or `unknown`, is settled by
reading its thread: for whoever asks again, or else by `outbox_upkeep`. Only when somebody asks, Hostaway has had time
enough and the message is not there is it sent again. A first try that Hostaway certainly did not carry out leaves no
entry: the same key begins anew.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from sync_hostaway.accounts.registry import client_for, refuse_account
from sync_hostaway.api.outbox_entries import Draft, Entries, Entry
from sync_hostaway.exceptions import (
    AccessDenied,
    CredentialsRefused,
    HostawayError,
    HostawayNotFound,
    HostawayRefused,
    HostawayThrottled,
    SyncHostawayError,
)
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.budget import Priority
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.endpoints import Resource
from sync_hostaway.hostaway.pagination import Walk, by_offset
from sync_hostaway.hostaway.values import as_id, as_moment
from sync_hostaway.landing.writer import Fetched, LandingWriter
from sync_hostaway.warehouse import Connection, alone, fetch_value, load_queries

log = structlog.get_logger(__name__)
_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))

# Seconds for a request slot or an answer: somebody waits for ours.
_PATIENCE = 20.0
# Seconds after which a request that got no answer is not still on its way. Must exceed the patience.
SETTLING = 60.0
# Seconds after which a message that is not in its thread is taken for lost, when nobody asks for it.
_LOST = 3600.0
# How far clocks and stamps of whole seconds may put a message before the try that made it.
_TOLERANCE = timedelta(seconds=10)
_TAGS = re.compile(r"<[^>]*>")


class KeyReused(SyncHostawayError):
    """The idempotency key was used for another message."""


class BeingSent(SyncHostawayError):
    """Another request with this idempotency key is being served."""


class NoConversation(SyncHostawayError):
    """Hostaway has no conversation for this reservation."""


class Outbox:
    """The messages of one account, over a connection that nothing else uses meanwhile."""

    def __init__(self, connection: Connection, account_id: int) -> None:
        self._connection = connection
        self._account_id = account_id
        self._entries = Entries(connection, account_id)

    def send(self, key: str, draft: Draft) -> Entry:
        """Send a message, or tell what became of the one that was sent with this key.

        :returns: `sent`, `failed`, or `unknown`; then ask again with the same key once it is `SETTLING` seconds old.
        :raises KeyReused: when the key was used for another message.
        :raises BeingSent: when another request with this key is at it.
        :raises NoConversation: when there is nowhere to send it.
        :raises SendLimitReached: when the account has sent too many lately.
        :raises HostawayError: when Hostaway was not asked, or did not carry it out; the key is as good as new.
        """
        with alone(self._connection, f"outbox {key}", self._account_id, wait=False) as is_ours:
            if not is_ours:
                raise BeingSent
            entry = self._entries.find(key)
            if entry and entry.request_hash != draft.digest:
                raise KeyReused
            if entry and entry.is_settled:
                return entry
            with client_for(self._connection, self._account_id, Priority.DELTA, patience=_PATIENCE) as client:
                try:
                    return self._resume(client, key, draft, entry) if entry else self._begin(client, key, draft)
                except CredentialsRefused as error:
                    refuse_account(self._connection, client, str(error))
                    raise

    def look_up(self, client: HostawayClient, key: str) -> Entry | None:
        """Settle a message that nobody may ask for again, as its thread says; nothing is sent.

        One that is not there stays as it is for an hour, and is `failed` then.

        :returns: None when somebody else is at it.
        :raises HostawayError: when the thread cannot be read.
        """
        with alone(self._connection, f"outbox {key}", self._account_id, wait=False) as is_ours:
            entry = self._entries.find(key) if is_ours else None
            if entry is None or entry.is_settled or entry.age < SETTLING:
                return entry
            try:
                found = self._find_in_thread(client, entry)
            except HostawayNotFound:
                # The thread is gone, and with it whatever was in it.
                found = None
            if found:
                return self._settle_sent(entry, found)
            if entry.age < _LOST:
                return entry
            return self._entries.settle(
                entry, "failed", reason="no answer; not in its thread an hour later; not sent again"
            )

    def _begin(self, client: HostawayClient, key: str, draft: Draft) -> Entry:
        conversation_id = self._conversation_of(client, draft.reservation_id)
        return self._attempt(client, self._entries.claim(key, draft, conversation_id))

    def _resume(self, client: HostawayClient, key: str, draft: Draft, entry: Entry) -> Entry:
        found = self._find_in_thread(client, entry)
        if found:
            return self._settle_sent(entry, found)
        if entry.age < SETTLING:
            return self._entries.mark_unknown(entry, "Hostaway may still be at it")
        log.info("message_not_there", outbox_id=entry.outbox_id, account_id=entry.account_id)
        return self._attempt(client, self._entries.claim(key, draft, entry.conversation_id))

    def _attempt(self, client: HostawayClient, entry: Entry) -> Entry:
        if entry.is_settled:
            # The guest was erased meanwhile.
            return entry
        body = {"body": entry.body, "communicationType": entry.channel_type}
        try:
            reply = client.write("POST", endpoints.messages_of(entry.conversation_id), body, resource=Resource.MESSAGES)
        except (HostawayThrottled, CredentialsRefused, AccessDenied) as error:
            self._release(entry, error)
            raise
        except (HostawayRefused, HostawayNotFound) as error:
            return self._entries.settle(entry, "failed", reason=error.text)
        except HostawayError as error:
            # Anything else but its promised answer leaves open what Hostaway did.
            return self._after_silence(client, entry, error)
        message = reply.result
        if not isinstance(message, dict) or not as_id(message.get("id")):
            return self._after_silence(client, entry, HostawayError("Hostaway's answer names no message"))
        return self._settle_sent(entry, message)

    def _release(self, entry: Entry, error: HostawayError) -> None:
        """This try was not carried out. One before it may have been, and is not forgotten over that."""
        if entry.attempts > 1:
            self._entries.mark_unknown(entry, str(error))
        else:
            self._entries.forget(entry)

    def _after_silence(self, client: HostawayClient, entry: Entry, error: HostawayError) -> Entry:
        log.warning("message_without_answer", outbox_id=entry.outbox_id, error=str(error))
        try:
            found = self._find_in_thread(client, entry)
        except HostawayError:
            found = None
        return self._settle_sent(entry, found) if found else self._entries.mark_unknown(entry, str(error))

    def _find_in_thread(self, client: HostawayClient, entry: Entry) -> dict[str, Any] | None:
        """The message of an entry as Hostaway has it: same words, not older than the first try, nobody else's."""
        candidates: dict[int, dict[str, Any]] = {}
        path = endpoints.messages_of(entry.conversation_id)
        for page in by_offset(client, path, endpoints.WITH_SCHEDULED, resource=Resource.MESSAGES, walk=Walk()):
            # Hostaway's clock may differ from ours. A slow answer only makes this reach further back.
            ahead = page.served_at - datetime.now(UTC)
            earliest = entry.created_at + ahead - _TOLERANCE
            for row in page.rows:
                if isinstance(row, dict) and (number := as_id(row.get("id"))) and _is_it(row, entry.body, earliest):
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

    def _settle_sent(self, entry: Entry, message: dict[str, Any]) -> Entry:
        status = message.get("status")
        settled = self._entries.settle(
            entry, "sent", message_id=as_id(message.get("id")), status=str(status) if status else None
        )
        # What follows only makes the message arrive sooner: it is sent, and the next sync would bring it.
        with self._connection.transaction():
            fetched = Fetched([message], datetime.now(UTC), entry.conversation_id)
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


def _is_it(row: dict[str, Any], body: str, earliest: datetime) -> bool:
    if str(row.get("isIncoming")) in ("1", "True") or _plain(str(row.get("body") or "")) != _plain(body):
        return False
    moment = as_moment(row.get("insertedOn") or row.get("date"))
    # When in doubt it is ours: a message too few can be sent by hand, one too many cannot be taken back.
    return moment is None or moment >= earliest


def _plain(text: str) -> str:
    """Words without what a channel may make of them: tags, entities, line ends."""
    return " ".join(html.unescape(_TAGS.sub(" ", text)).split())
