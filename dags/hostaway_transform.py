"""hostaway_transform: builds the core tables from all landed rows."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetAlias, dag, get_current_context, task

from sync_hostaway.airflow.dags import (
    DEFAULT_ARGS,
    TAG,
)
from sync_hostaway.airflow.pools import DBT_POOL
from sync_hostaway.core.dag_ids import TRANSFORM_DAG_ID
from sync_hostaway.core.settings import get_settings

TABLES = AssetAlias("hostaway_tables")


@dag(
    TRANSFORM_DAG_ID,
    description="Builds the core tables and the marts from what has landed",
    doc_md="""
Builds the core tables (`hostaway.listings`, `.reservations`, …) from every load that is not transformed yet.

Then it brings the marts (`marts.listing_nights`, …) up to date, for the listings and conversations that changed, and
builds the dbt project in `AIRFLOW__HOSTAWAY__ANALYTICS_PROJECT`, where one is set.

It has no schedule: sync runs request it. All requests while a run is queued share that run.

**Assets.** Each core table and mart of which rows changed is an asset of that name, such as `hostaway.reservations` or
`marts.listing_performance`. A Dag of yours with `schedule=[Asset("marts.listing_performance")]` runs on fresh rows.

**Triage**

* `TransformFailed` names the model and PostgreSQL's message. The loads stay pending, and the next run tries them again.
* Rows whose listing or conversation has not landed wait in `ops.deferred_rows`. They load automatically when it lands.
* `ops.transforms` has one row per run: loads, seconds and rows per model.
* `own_models` red: a model or test of your own dbt project failed; the message names it. Our tables are complete.
""",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    tags=[TAG, "dbt"],
    default_args={**DEFAULT_ARGS, "pool": DBT_POOL},
)
def hostaway_transform() -> None:
    @task(outlets=[TABLES])
    def transform() -> dict[str, Any]:
        from sync_hostaway.transforms import run_transform

        context = get_current_context()
        result = run_transform(requested_by=context["run_id"])
        for relation in result.changed_relations:
            context["outlet_events"][TABLES].add(Asset(relation))
        return result.summary()

    @task
    def own_models() -> dict[str, int | None]:
        from sync_hostaway.transforms import build_own_project

        return {run.name: run.rows for run in build_own_project()}

    transformed = transform()
    if get_settings().analytics_project:
        transformed >> own_models()


hostaway_transform()
