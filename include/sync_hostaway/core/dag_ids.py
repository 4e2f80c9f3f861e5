"""Ids of the Dags. Importable without Airflow."""

from __future__ import annotations

DELTA_DAG_ID = "hostaway_delta"
POLL_DAG_ID = "hostaway_poll"
TRANSFORM_DAG_ID = "hostaway_transform"
MAINTENANCE_DAG_ID = "hostaway_maintenance"
ALERTS_DAG_ID = "hostaway_alerts"
SYNC_DAG_PREFIX = "hostaway_sync__"
SYNC_FILES = ("hostaway_sync.py", "hostaway_sync_2.py", "hostaway_sync_3.py", "hostaway_sync_4.py")
"""The Dag files of the accounts. A file name is part of a Dag's version, so another number of files makes new ones."""


def sync_dag_id(account_id: int) -> str:
    """Return the id of the Dag that mirrors an account. It contains all data that a worker needs to build the Dag."""
    return f"{SYNC_DAG_PREFIX}{account_id}"


def account_of(dag_id: str) -> int | None:
    """The account that a Dag mirrors; None for other Dags."""
    suffix = dag_id.removeprefix(SYNC_DAG_PREFIX)
    is_number = suffix.isascii() and suffix.isdigit() and len(suffix) < 19
    return int(suffix) if suffix != dag_id and is_number else None


def sync_file(account_id: int) -> str:
    """Return the name of the Dag file that has the Dag of an account."""
    return SYNC_FILES[account_id % len(SYNC_FILES)]
