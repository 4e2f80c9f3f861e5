"""Reads Hostaway's log of failed deliveries, so that only their objects are fetched again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync_hostaway.accounts.webhook_endpoints import Endpoint, request_catch_up_sync
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import HostawayMalformedReply
from sync_hostaway.events.parse import RESERVATION
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.endpoints import WEBHOOK_LOGS
from sync_hostaway.hostaway.values import as_id

_QUERIES = load_queries(Path(__file__).with_name("maintenance.sql"))
_PAGE = 100
# If the log has more pages, a sync reads the changes: that costs less than single reads.
_PAGES = 10


@dataclass(frozen=True)
class MissedDeliveries:
    """The failed deliveries.

    :param events: objects that now have an event in the inbox.
    :param needs_sync: whether a sync must find more changes: a message without its conversation, or too many entries.
    """

    events: int
    needs_sync: bool


@dataclass(frozen=True)
class _Entry:
    id: int
    event: str | None
    object: str | None
    object_id: int | None
    arrived: bool


def recover_missed_events(connection: Connection, client: HostawayClient, endpoint: Endpoint) -> MissedDeliveries:
    """Put an event into the inbox for each object whose newest delivery failed since the log was last read.

    Hostaway may still repeat some of these deliveries. Fetching an object twice costs a call and changes no data.

    :raises HostawayError: when Hostaway does not return its log; the next call reads the same entries again.
    """
    entries, is_all = _new_entries(client, endpoint)
    newest: dict[tuple[str | None, int | None], _Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.id):
        # An entry without an object must not hide others.
        newest[(entry.object, entry.object_id or -entry.id)] = entry
    failed = [entry for entry in newest.values() if not entry.arrived]
    named = [entry for entry in failed if entry.object == RESERVATION and entry.object_id]
    with connection.transaction():
        for entry in named:
            connection.execute(_QUERIES["put_missed_event"], _params(endpoint, entry))
        needs_sync = not is_all or len(named) < len(failed)
        if needs_sync:
            request_catch_up_sync(connection, endpoint.account_id)
        read_to = max((entry.id for entry in entries), default=0)
        connection.execute(_QUERIES["save_log_position"], {"account_id": endpoint.account_id, "log_read_to": read_to})
    return MissedDeliveries(len(named), needs_sync)


def _new_entries(client: HostawayClient, endpoint: Endpoint) -> tuple[list[_Entry], bool]:
    """The entries since the log was last read, and whether they are complete."""
    if endpoint.hostaway_id is None:
        return [], True
    entries: list[_Entry] = []
    for page in range(_PAGES):
        rows = client.get(
            WEBHOOK_LOGS, {"unifiedWebhookId": endpoint.hostaway_id, "limit": _PAGE, "offset": page * _PAGE}
        ).result
        if not isinstance(rows, list):
            raise HostawayMalformedReply(f"Hostaway's delivery log is not a list but {type(rows).__name__}")
        read = [entry for entry in map(_entry, rows) if entry]
        if rows and not read:
            raise HostawayMalformedReply("No entry of Hostaway's delivery log has an id")
        new = [entry for entry in read if entry.id > endpoint.log_read_to]
        entries += new
        if len(rows) < _PAGE or len(new) < len(read):
            return entries, True
    return entries, False


def _entry(row: Any) -> _Entry | None:
    entry_id = as_id(row.get("id")) if isinstance(row, dict) else None
    if entry_id is None:
        return None
    return _Entry(
        id=entry_id,
        event=_text(row.get("event")),
        object=_text(row.get("object")),
        object_id=as_id(row.get("objectId")),
        arrived=str(row.get("responseStatus")).startswith("2"),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _params(endpoint: Endpoint, entry: _Entry) -> dict[str, Any]:
    name = f"delivery log of webhook {endpoint.hostaway_id}, entry {entry.id}"
    return {
        "account_id": endpoint.account_id,
        "content_hash": hashlib.sha256(name.encode()).digest(),
        "event": entry.event,
        "object": entry.object,
        "object_id": entry.object_id,
    }
