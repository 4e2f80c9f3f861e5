"""Compares the conditions that hold with the alerts that were sent, and sends the difference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from sync_hostaway.alerts.message import Alert, Message
from sync_hostaway.core.db import Connection, advisory_lock, load_queries
from sync_hostaway.core.disk import disk_space
from sync_hostaway.core.settings import get_settings
from sync_hostaway.polling.usage import address_usage

log = structlog.get_logger(__name__)

_QUERIES = load_queries(Path(__file__).with_name("alerts.sql"))
_COLUMNS = ("kind", "account_id", "severity", "summary", "remedy")

Send = Callable[[Message], object]


def evaluate(connection: Connection, send: Send | None) -> dict[str, int]:
    """Store which conditions began and ended, and send one message about all of them.

    Returns the numbers of alerts that are `open`, and that were `sent`.

    :param send: sends a message, or raises an exception; None: messages are sent by a later call.
    :raises Exception: what `send` raised. The next evaluation sends the message again. If the process is killed while
        it sends, the message is not sent again.
    """
    with advisory_lock(connection, "alerts", 0):
        rows = [
            *connection.execute(_QUERIES["conditions"]),
            *_budget(connection),
            *({"account_id": None, **row} for row in connection.execute(_QUERIES["dag_processors"])),
            *_disk(),
        ]
        params = {column: [row[column] for row in rows] for column in _COLUMNS}
        with connection.transaction():
            connection.execute(_QUERIES["begin"], params)
            connection.execute(_QUERIES["end"], params)
        sent = _send(connection, send) if send else 0
    return {"open": len(rows), "sent": sent}


def open_alerts(connection: Connection) -> list[dict[str, Any]]:
    """The alerts of conditions that hold, errors first."""
    return connection.execute(_QUERIES["open"]).fetchall()


def _send(connection: Connection, send: Send) -> int:
    alerts = tuple(Alert(**row) for row in connection.execute(_QUERIES["claim"]))
    if not alerts:
        return 0
    params = {"alert_ids": [alert.alert_id for alert in alerts]}
    try:
        send(Message(alerts))
    except Exception:
        connection.execute(_QUERIES["not_sent"], params)
        raise
    connection.execute(_QUERIES["sent"], params)
    log.info("alerts_sent", alerts=len(alerts))
    return len(alerts)


def _budget(connection: Connection) -> list[dict[str, Any]]:
    """Whether the calls of a usual day do not fit the limit of an outgoing address."""
    summary = "; ".join(
        f"The calls of a usual day through address {usage.address} take {usage.hours:.1f} hours at the limit: "
        f"{usage.calls_per_day:,.0f} calls of {usage.accounts} accounts, at most {usage.limit:,.0f} a day"
        for usage in address_usage(connection)
        if not usage.fits
    )
    remedy = "Sync less often, mirror fewer resources, or add an outgoing address"
    return [_condition("budget_exceeded", summary, remedy, "warning")] if summary else []


def _disk() -> list[dict[str, Any]]:
    """Whether the disk of the home is almost full, where the embedded PostgreSQL and Airflow's logs are."""
    space = disk_space(get_settings().home)
    if not space.is_almost_full:
        return []
    return [_condition("disk_full", str(space), "Remove files, or enlarge the disk of SYNC_HOSTAWAY_HOME")]


def _condition(kind: str, summary: str, remedy: str, severity: str = "error") -> dict[str, Any]:
    return {"kind": kind, "account_id": None, "severity": severity, "summary": summary, "remedy": remedy}
