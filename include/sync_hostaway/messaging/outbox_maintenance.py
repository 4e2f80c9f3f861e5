"""Searches conversations for messages without an answer. It sends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import structlog

from sync_hostaway.accounts.registry import client_for, mark_credentials_rejected
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import (
    CredentialsRejected,
    HostawayError,
    HostawayThrottled,
    HostawayUnreachable,
    SyncHostawayError,
)
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.messaging.outbox import SEARCH_SECONDS, SETTLING_SECONDS, Outbox

log = structlog.get_logger(__name__)
_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
# Seconds to wait for Hostaway. There is no second try, because the next run starts in ten minutes.
_TIMEOUT = 10.0


def reconcile_outbox(connection: Connection) -> dict[str, int]:
    """Read the conversation of each message without an answer once.

    An error of one account or conversation does not stop the others.

    :returns: counts of entries: `sent`, found in this run; `open`, to search for again; `given_up`, not found within a
        day.
    """
    counts = Counter(sent=0, open=0, given_up=0)
    params = {"settling": SETTLING_SECONDS, "looked_for": SEARCH_SECONDS}
    for account in connection.execute(_QUERIES["unsettled"], params).fetchall():
        outcomes = Counter(_look_up(connection, account["account_id"], account["keys"]))
        counts.update(outcomes)
        counts["open"] += len(account["keys"]) - outcomes.total()
    return dict(counts)


def _look_up(connection: Connection, account_id: int, keys: Iterable[str]) -> Iterator[str]:
    """Yield the outcome of each message that needs no further search."""
    try:
        with client_for(connection, account_id, Priority.INCREMENTAL, single_try_timeout=_TIMEOUT) as client:
            try:
                yield from _settled(connection, client, keys)
            except CredentialsRejected as error:
                mark_credentials_rejected(connection, client, str(error))
                raise
    except SyncHostawayError as error:
        log.warning("messages_not_looked_up", account_id=account_id, error=str(error))


def _settled(connection: Connection, client: HostawayClient, keys: Iterable[str]) -> Iterator[str]:
    outbox = Outbox(connection, client.account_id)
    for key in keys:
        try:
            entry = outbox.look_up(client, key)
        except (HostawayUnreachable, HostawayThrottled, CredentialsRejected):
            # The next conversation would fail in the same way.
            raise
        except HostawayError as error:
            log.warning("conversation_not_read", account_id=client.account_id, error=str(error))
        else:
            if entry and entry.is_closed:
                yield entry.state if entry.is_settled else "given_up"
