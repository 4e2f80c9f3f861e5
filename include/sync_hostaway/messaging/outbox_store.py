"""The table `ops.outbox`: the state of each guest message, one entry per account and idempotency key."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
import structlog

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.exceptions import SyncHostawayError, UnknownAccount
from sync_hostaway.hostaway.rate_limiter import RateLimit

log = structlog.get_logger(__name__)
_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
# Guest messages of one account, all processes together.
SEND_LIMIT = RateLimit(30, 60)


class SendLimitReached(SyncHostawayError):
    """The account has reached its limit of messages.

    :param seconds: until the next one is permitted.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


@dataclass(frozen=True)
class Draft:
    """A message to send."""

    reservation_id: int
    body: str
    channel_type: str

    @property
    def digest(self) -> bytes:
        """Return a digest that differs for another message with the same key."""
        return hashlib.sha256(orjson.dumps([self.reservation_id, self.body, self.channel_type])).digest()


@dataclass(frozen=True)
class Entry:
    """The state of a message.

    :param age: seconds since the last request to Hostaway to send it.
    """

    outbox_id: int
    account_id: int
    idempotency_key: str
    request_hash: bytes
    reservation_id: int
    conversation_id: int
    channel_type: str
    body: str
    state: str
    attempts: int
    created_at: datetime
    message_id: int | None
    message_status: str | None
    reason: str | None
    settled_at: datetime | None
    age: float

    @property
    def is_settled(self) -> bool:
        """Whether it is known that the message was sent or has failed."""
        return self.settled_at is not None

    @property
    def is_closed(self) -> bool:
        """Whether the state is final: the entry is settled, or its text was deleted."""
        return self.is_settled or not self.body


class Entries:
    """The entries of one account."""

    def __init__(self, connection: Connection, account_id: int) -> None:
        self._connection = connection
        self._account_id = account_id

    def find(self, key: str) -> Entry | None:
        """Return the entry of a key, or None."""
        row = self._connection.execute(_QUERIES["entry"], {"account_id": self._account_id, "key": key}).fetchone()
        return Entry(**row) if row else None

    def claim(self, key: str, draft: Draft, conversation_id: int) -> Entry | None:
        """Create the entry before the message is sent. Only the caller that gets the entry may send it, once.

        :returns: None when the key already has an entry.
        :raises SendLimitReached: when the account has reached its limit of messages.
        """
        params = {
            "account_id": self._account_id,
            "key": key,
            "request_hash": draft.digest,
            "reservation_id": draft.reservation_id,
            "conversation_id": conversation_id,
            "channel_type": draft.channel_type,
            "body": draft.body,
        }
        with self._connection.transaction():
            self._connection.execute(_QUERIES["lock_limit"], params)
            seconds = fetch_value(
                self._connection,
                _QUERIES["seconds_until_permitted"],
                {**params, "calls": SEND_LIMIT.calls, "seconds": SEND_LIMIT.seconds},
            )
            if seconds and seconds > 0:
                raise SendLimitReached(seconds)
            is_ours = self._connection.execute(_QUERIES["claim"], params).rowcount == 1
        return self._again(key) if is_ours else None

    def settle(
        self,
        entry: Entry,
        state: str,
        *,
        message_id: int | None = None,
        status: str | None = None,
        reason: str | None = None,
    ) -> Entry:
        """Store the final state of a message: `sent` or `failed`."""
        params = {
            "outbox_id": entry.outbox_id,
            "state": state,
            "message_id": message_id,
            "message_status": status,
            "reason": reason,
        }
        self._connection.execute(_QUERIES["settle"], params)
        log.info(
            "message_settled",
            account_id=self._account_id,
            outbox_id=entry.outbox_id,
            reservation_id=entry.reservation_id,
            state=state,
            message_id=message_id,
            attempts=entry.attempts,
            reason=reason,
        )
        return self._again(entry.idempotency_key)

    def mark_unknown(self, entry: Entry, reason: str) -> Entry:
        """Store that it is unknown whether a message was sent."""
        self._connection.execute(_QUERIES["mark_unknown"], {"outbox_id": entry.outbox_id, "reason": reason})
        log.warning("message_unknown", account_id=self._account_id, outbox_id=entry.outbox_id, reason=reason)
        return self._again(entry.idempotency_key)

    def give_up(self, entry: Entry, reason: str) -> Entry:
        """Delete the text of a message whose state stays `unknown`."""
        self._connection.execute(_QUERIES["give_up"], {"outbox_id": entry.outbox_id, "reason": reason})
        log.warning("message_given_up", account_id=self._account_id, outbox_id=entry.outbox_id, reason=reason)
        return self._again(entry.idempotency_key)

    def forget(self, entry: Entry) -> None:
        """Delete an entry of which nothing was sent. Its key can be used again."""
        self._connection.execute(_QUERIES["forget"], {"outbox_id": entry.outbox_id})

    def claimed_messages(self, message_ids: Collection[int]) -> set[int]:
        """Return those message ids that belong to an entry."""
        params = {"account_id": self._account_id, "ids": list(message_ids)}
        return {row["message_id"] for row in self._connection.execute(_QUERIES["claimed_messages"], params)}

    def _again(self, key: str) -> Entry:
        entry = self.find(key)
        if entry is None:
            raise UnknownAccount(f"Account {self._account_id} was removed while a message was being sent")
        return entry
