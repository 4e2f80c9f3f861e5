"""What keeps deliveries coming and the inbox small: called by `hostaway_maintenance` every ten minutes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import structlog

from sync_hostaway.accounts.registry import client_for
from sync_hostaway.dag_ids import sync_dag_id
from sync_hostaway.exceptions import SyncHostawayError
from sync_hostaway.hostaway.budget import Priority
from sync_hostaway.hostaway.endpoints import Mode
from sync_hostaway.settings import get_settings
from sync_hostaway.warehouse import Connection, fetch_value, load_queries
from sync_hostaway.webhooks.delivery_log import reconcile
from sync_hostaway.webhooks.endpoints import find_endpoint, forget_old_passwords
from sync_hostaway.webhooks.registration import ensure_registered, unregister

log = structlog.get_logger(__name__)

_QUERIES = load_queries(Path(__file__).with_name("upkeep.sql"))


@dataclass
class Tended:
    """What was done: accounts whose webhook is registered, removed, or in trouble; events that were never delivered."""

    registered: int = 0
    removed: int = 0
    failed: int = 0
    missed_events: int = 0


def oldest_due_seconds(connection: Connection) -> float:
    """How long the oldest event that could be served has been waiting; 0 when none waits."""
    return float(fetch_value(connection, _QUERIES["oldest_due"]))


def tend(connection: Connection) -> dict[str, int]:
    """Register, check and remove webhooks, and look for what was lost. Trouble of one account holds up no other.

    An account is looked at every hour, which costs two calls; one in trouble every time. Returns counts by name.
    """
    connection.execute(_QUERIES["beat"])
    forget_old_passwords(connection)
    tended = Tended()
    for row in connection.execute(_QUERIES["accounts_to_tend"]).fetchall():
        try:
            _tend_account(connection, row["account_id"], tended, is_active=row["state"] == "active")
        except SyncHostawayError as error:
            tended.failed += 1
            log.warning("webhook_not_tended", account_id=row["account_id"], error=str(error))
    return asdict(tended)


def _tend_account(connection: Connection, account_id: int, tended: Tended, *, is_active: bool) -> None:
    with client_for(connection, account_id, Priority.INCREMENTAL, even_disabled=True) as client:
        if not is_active:
            unregister(connection, client)
            tended.removed += 1
            return
        registration = ensure_registered(connection, client)
        if registration.was_off:
            connection.execute(_QUERIES["want_sync"], {"account_id": account_id})
        endpoint = find_endpoint(connection, account_id)
        if registration.state == "registered" and endpoint:
            tended.registered += 1
            tended.missed_events += reconcile(connection, client, endpoint).events


def stop_deliveries(connection: Connection, account_id: int) -> None:
    """Have Hostaway stop delivering for an account that was disabled. What fails now is tried again by `tend`."""
    with suppress(SyncHostawayError), client_for(connection, account_id, Priority.DELTA, even_disabled=True) as client:
        unregister(connection, client)


@dataclass(frozen=True)
class WantedSync:
    """An incremental sync that makes up for deliveries nobody can name.

    :param wanted_at: ISO time in UTC.
    """

    account_id: int
    wanted_at: str

    def run(self) -> dict[str, Any]:
        """The Dag run to ask for. It has the same id each time it is asked for."""
        return {
            "trigger_dag_id": sync_dag_id(self.account_id),
            "trigger_run_id": f"lost_deliveries__{self.wanted_at}",
            "conf": {"mode": Mode.INCREMENTAL.value},
        }


def wanted_syncs(connection: Connection) -> list[WantedSync]:
    """The syncs to ask for."""
    return [
        WantedSync(row["account_id"], row["sync_wanted_at"].astimezone(UTC).isoformat())
        for row in connection.execute(_QUERIES["wanted_syncs"])
    ]


def note_requested(connection: Connection, syncs: Iterable[WantedSync]) -> None:
    """Note that these were asked for."""
    for sync in syncs:
        connection.execute(_QUERIES["sync_was_requested"], asdict(sync))


def tidy_events(connection: Connection) -> dict[str, int]:
    """Remove events older than the retention, and the bodies of those that still wait. Returns rows per query."""
    params = {"days": get_settings().webhook_retention_days}
    return {
        name: connection.execute(_QUERIES[name], params).rowcount for name in ("delete_old_events", "empty_old_bodies")
    }
