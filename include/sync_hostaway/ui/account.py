"""The page of one account: completeness of each resource, running syncs and why they wait, and errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sync_hostaway.core.dag_ids import sync_dag_id
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.events.parse import EventState
from sync_hostaway.events.replay import EventFilter, list_events
from sync_hostaway.ui.charts import Day
from sync_hostaway.ui.overview import empty_days

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
# Other run keys are those of commands; see `sync_account` and `python_api`.
_AIRFLOW_RUN = re.compile(r"(scheduled|manual|first|catch_up|page|asset_triggered|backfill)__")


def account_page(connection: Connection, account_id: int, *, is_operator: bool) -> dict[str, Any] | None:
    """The context of the template `account.html`; None when there is no such account.

    :param is_operator: whether guest data may be shown: objects of events, rows in quarantine.
    """
    live = account_live(connection, account_id, is_operator=is_operator)
    if live is None:
        return None
    params = {"account_id": account_id}
    days: dict[Any, Day] = empty_days()
    for row in connection.execute(_QUERIES["days"], params):
        if row["day"] in days:
            days[row["day"]] = Day(**row)
    return {
        **live,
        "days": list(days.values()),
        "sync_log": [_with_link(row, account_id) for row in connection.execute(_QUERIES["sync_log"], params)],
        "changes": connection.execute(_QUERIES["changes"], params).fetchall(),
        "quarantine": connection.execute(_QUERIES["quarantine"], params).fetchall() if is_operator else [],
        "modes": [mode.value for mode in (Mode.INCREMENTAL, Mode.FULL)],
        "all_resources": [resource.value for resource in Resource],
        "dag_link": f"dags/{sync_dag_id(account_id)}",
    }


def account_live(connection: Connection, account_id: int, *, is_operator: bool) -> dict[str, Any] | None:
    """The part of the page that changes from second to second; None when there is no such account."""
    params: dict[str, Any] = {"account_id": account_id}
    account = connection.execute(_QUERIES["status"], params).fetchone()
    if account is None:
        return None
    resources = connection.execute(_QUERIES["resources"], params).fetchall()
    history: dict[str, list[dict[str, Any]]] = {}
    names = [row["resource"] for row in resources]
    for row in connection.execute(_QUERIES["history"], {**params, "resources": names}):
        history.setdefault(row["resource"], []).append(row)
    trouble = EventFilter(account_id=account_id, states=(EventState.PENDING, EventState.DEAD))
    return {
        "account": account,
        "resources": [{**row, "history": history.get(row["resource"], [])} for row in resources],
        "running": [_with_link(row, account_id) for row in connection.execute(_QUERIES["running"], params)],
        "waiting": connection.execute(_QUERIES["waiting"], params).fetchone(),
        "event_counts": connection.execute(_QUERIES["event_counts"], params).fetchall(),
        "events": list_events(connection, trouble, 50) if is_operator else [],
    }


def quarantined_payload(connection: Connection, account_id: int, quarantine_id: int) -> dict[str, Any] | None:
    """One row in quarantine with its payload; None when the account has no such row."""
    params = {"account_id": account_id, "quarantine_id": quarantine_id}
    return connection.execute(_QUERIES["quarantined_payload"], params).fetchone()


def _with_link(row: dict[str, Any], account_id: int) -> dict[str, Any]:
    """The row with the path of its Dag run in Airflow's UI; None for a run of a command."""
    is_airflows = bool(_AIRFLOW_RUN.match(row["run_key"]))
    link = f"dags/{sync_dag_id(account_id)}/runs/{quote(row['run_key'], safe='')}" if is_airflows else None
    return {**row, "link": link}
