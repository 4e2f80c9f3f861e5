"""Removes entries that are older than the retention of their kind. `hostaway_maintenance` runs it every ten minutes.

Each batch is a transaction of its own, so that no lock is held for long. A run that has many entries to remove ends
after a limited time; the next run removes the others. docs/operations.md has the table of what is removed, and when.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import structlog
from psycopg import sql

from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.settings import Settings, get_settings
from sync_hostaway.landing.fields import FIELDS
from sync_hostaway.landing.redaction import replace_payloads

log = structlog.get_logger(__name__)

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_BATCH = 2_000
# Seconds per kind and run. Longer runs would delay the other tasks of the worker.
_LIMIT_SECONDS = 60.0
# Days that the ledger of loads and transforms is kept. No query of the product or of users reads older entries.
_LEDGER_DAYS = 30
# Fields that a core table needs, or that name the row. They describe no person.
_KEYS = frozenset(
    {"id", "accountId", "listingMapId", "reservationId", "conversationId", "date", "insertedOn", "updatedOn"}
)
# Fields of users describe a person: a member of the staff.
_STAFF = frozenset({"email", "firstName", "lastName", "title", "phone"})


@dataclass(frozen=True)
class Rule:
    """What is removed.

    :param name: the condition in retention.sql.
    :param days: the retention in days, by the settings; 0: entries are kept.
    :param table: whose rows are deleted; None: the query of that name changes rows and deletes none.
    """

    name: str
    days: Callable[[Settings], int]
    table: str | None


RULES = (
    Rule("webhook_events", lambda settings: settings.webhook_retention_days, "ops.webhook_events"),
    Rule("webhook_bodies", lambda settings: settings.webhook_retention_days, None),
    Rule("sent_messages", lambda settings: settings.webhook_retention_days, "ops.outbox"),
    Rule("settled_quarantine", lambda settings: settings.quarantine_retention_days, "ops.quarantine"),
    Rule("checkpoints", lambda settings: settings.checkpoint_retention_days, "ops.sync_reads"),
    Rule("syncs", lambda settings: settings.sync_log_retention_days, "ops.sync_runs"),
    Rule("account_days", lambda settings: settings.sync_log_retention_days, "ops.account_days"),
    Rule("account_changes", lambda settings: settings.sync_log_retention_days, "ops.account_changes"),
    Rule("deltas", lambda _: _LEDGER_DAYS, "ops.sync_runs"),
    Rule("loads", lambda _: _LEDGER_DAYS, "ops.loads"),
    Rule("transforms", lambda _: _LEDGER_DAYS, "ops.transforms"),
    Rule("ended_alerts", lambda settings: settings.alert_retention_days, "ops.alerts"),
    Rule("calendar_versions", lambda settings: settings.calendar_history_retention_days, "landing.calendar_versions"),
)
"""In this order: a transform is removed after its loads."""


def apply_retention(connection: Connection) -> dict[str, int]:
    """Remove what is older than its retention. Returns the number of entries by rule, without those of zero.

    Needs a connection in autocommit mode. Two processes may run it at once: each skips rows that the other has locked.
    """
    settings = get_settings()
    counts = {rule.name: _remove(connection, rule, settings) for rule in RULES}
    counts["deleted_payloads"] = strip_deleted(connection, settings.deleted_payload_retention_days)
    removed = {name: count for name, count in counts.items() if count}
    if removed:
        log.info("retention_applied", **removed)
    return removed


def _remove(connection: Connection, rule: Rule, settings: Settings) -> int:
    days = rule.days(settings)
    if not days:
        return 0
    query: sql.SQL | sql.Composed = _QUERIES[rule.name]
    if rule.table:
        query = _QUERIES["remove"].format(table=sql.Identifier(*rule.table.split(".")), condition=query)
    return _in_batches(lambda: connection.execute(query, {"days": days, "batch": _BATCH}).rowcount)


def strip_deleted(connection: Connection, days: int) -> int:
    """Reduce the payloads of objects that were deleted more than `days` days ago. Returns the number of payloads.

    What stays is what an erasure keeps: ids, dates, states and amounts; of listings, users and coupons also the fields
    of the core tables, but nothing that describes a person. The next transform builds the core rows from what is left.
    An object that Hostaway sends again lands complete.

    :param days: 0: payloads are kept.
    """
    if not days:
        return 0
    return sum(_in_batches(partial(_strip_batch, connection, resource, days)) for resource in Resource)


def _strip_batch(connection: Connection, resource: Resource, days: int) -> int:
    query = _QUERIES["deleted_rows"].format(table=sql.Identifier("landing", resource.value))
    kept = (FIELDS[resource].names_kept | _KEYS) - _STAFF
    with connection.transaction():
        rows = connection.execute(query, {"days": days, "batch": _BATCH}).fetchall()
        for account_id, of_account in groupby(rows, lambda row: row["account_id"]):
            replace_payloads(connection, account_id, resource, [_stripped(row, kept) for row in of_account])
    return len(rows)


def _stripped(row: dict[str, Any], kept: frozenset[str]) -> tuple[str, Any]:
    payload = row["payload"]
    return row["entity_id"], {name: value for name, value in payload.items() if name in kept}


def _in_batches(remove: Callable[[], int]) -> int:
    """Call a function that removes one batch, until nothing is left or the time is over. Returns the sum."""
    ends_at = time.monotonic() + _LIMIT_SECONDS
    total = 0
    while True:
        count = remove()
        total += count
        if count < _BATCH or time.monotonic() > ends_at:
            return total
