"""Ids of the Dags that somebody outside of Airflow's Dag files asks for. Importable without Airflow."""

from __future__ import annotations

DELTA_DAG_ID = "hostaway_delta"
TRANSFORM_DAG_ID = "hostaway_transform"
SYNC_DAG_PREFIX = "hostaway_sync__"


def sync_dag_id(account_id: int) -> str:
    """The Dag that mirrors an account. The id holds all a worker needs to build it again."""
    return f"{SYNC_DAG_PREFIX}{account_id}"
