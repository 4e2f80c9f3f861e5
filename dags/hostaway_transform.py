"""hostaway_transform: builds the core tables from all landed rows."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, get_current_context, task

from sync_hostaway.airflow.dags import (
    DEFAULT_ARGS,
    TAG,
)
from sync_hostaway.airflow.pools import DBT_POOL
from sync_hostaway.core.dag_ids import TRANSFORM_DAG_ID


@dag(
    TRANSFORM_DAG_ID,
    description="Builds the tables of the schema hostaway from landed rows",
    doc_md="""
Builds the core tables (`hostaway.listings`, `.reservations`, …) from every load that is not transformed yet.

It has no schedule: sync runs request it. All requests while a run is queued share that run.

**Triage**

* `TransformFailed` names the model and PostgreSQL's message. The loads stay pending, and the next run tries them again.
* Rows whose listing or conversation has not landed wait in `ops.held_rows`. They load automatically when it lands.
* `ops.transforms` has one row per run: loads, seconds and rows per model.
""",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    tags=[TAG, "dbt"],
    default_args={**DEFAULT_ARGS, "pool": DBT_POOL},
)
def hostaway_transform() -> None:
    @task
    def transform() -> dict[str, Any]:
        from sync_hostaway.transforms import run_transform

        return run_transform(requested_by=get_current_context()["run_id"]).summary()

    transform()


hostaway_transform()
