"""One evaluation in a task, also while the database cannot be reached, with the notifiers of the settings."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from sync_hostaway.airflow import memory
from sync_hostaway.airflow.notifiers import has_notifiers, send
from sync_hostaway.alerts.evaluate import evaluate
from sync_hostaway.alerts.message import Alert, Message
from sync_hostaway.core.db import connect
from sync_hostaway.core.exceptions import WarehouseUnavailable
from sync_hostaway.core.settings import Settings, get_settings

_MEMORY = "hostaway_database_unreachable_since"


def evaluate_and_send() -> dict[str, int]:
    """Evaluate all conditions and send what changed. For a task of Airflow.

    :raises WarehouseUnavailable: when the database cannot be reached; one message is sent.
    """
    settings = get_settings()
    try:
        with connect(application="sync-hostaway alerts") as connection:
            result = evaluate(connection, partial(send, settings=settings) if has_notifiers(settings) else None)
    except WarehouseUnavailable as error:
        if memory.recall(_MEMORY) is None:
            # Stored first: if the task is killed now, the message is lost. The other order could send it twice.
            memory.note(_MEMORY, datetime.now(UTC).isoformat())
            _send_database_alert(settings, datetime.now(UTC), None, str(error))
        raise
    if since := memory.recall(_MEMORY):
        memory.note(_MEMORY, None)
        _send_database_alert(
            settings, datetime.fromisoformat(since), datetime.now(UTC), "The database could not be reached"
        )
    return result


def _send_database_alert(settings: Settings, began_at: datetime, ended_at: datetime | None, summary: str) -> None:
    remedy = "Start PostgreSQL, or correct WAREHOUSE_URL"
    alert = Alert(0, "database_unreachable", None, None, "error", summary, remedy, began_at, ended_at)
    if has_notifiers(settings):
        send(Message((alert,)), settings)
