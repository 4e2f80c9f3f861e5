"""Ids of the Dags. Importable without Airflow."""

from __future__ import annotations

DELTA_DAG_ID = "hostaway_delta"
POLL_DAG_ID = "hostaway_poll"
TRANSFORM_DAG_ID = "hostaway_transform"
MAINTENANCE_DAG_ID = "hostaway_maintenance"
ALERTS_DAG_ID = "hostaway_alerts"
SYNC_DAG_PREFIX = "hostaway_sync__"


def sync_dag_id(account_id: int) -> str:
    """Return the id of the Dag that mirrors an account. It contains all data that a worker needs to build the Dag."""
    return f"{SYNC_DAG_PREFIX}{account_id}"


def account_of(dag_id: str) -> int | None:
    """The account that a Dag mirrors; None for other Dags."""
    suffix = dag_id.removeprefix(SYNC_DAG_PREFIX)
    is_number = suffix.isascii() and suffix.isdigit() and len(suffix) < 19
    return int(suffix) if suffix != dag_id and is_number else None
