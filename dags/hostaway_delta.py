"""hostaway_delta: serves the webhook inbox of all accounts, and builds the core tables from what that brought."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, get_current_context, task

from sync_hostaway.airflow.dags import DEFAULT_ARGS, TAG
from sync_hostaway.core.dag_ids import DELTA_DAG_ID


@dag(
    DELTA_DAG_ID,
    description="Reads again what Hostaway says has changed, and shows it in the core tables within seconds",
    doc_md="""
Serves `ops.webhook_events` for all accounts: reads each object again by its id, lands it and builds the core tables
from it. It has no schedule: the webhook receiver asks for it. A run that has served everything stays for ten seconds,
and a minute at most, to see the next event at once.

A run's return value names the accounts it served, with events, rows and API calls. Which events those were:
`select * from ops.webhook_events where run_key = '<run id>'`.

**Triage**

* The task failed with `TransformFailed`: what was read has landed, and the message names the model. See
  `hostaway_transform`.
* The task failed with `WarehouseUnavailable`: nothing is lost; the next run goes on with the events that are pending.
* Events stay `pending`: `reason` and `next_try_at` say why and until when. An account that is disabled or refused keeps
  its events; `sync-hostaway accounts rotate` revives a refused one.
* Events are `dead`: out of tries in two hours, or not understood. `reason` says it, and `sync-hostaway webhooks replay`
  tries again. The others went on.
* Events are `gone`: Hostaway does not know their object any more; its row is marked deleted.

Any run can be cleared or killed at any time: events are done together with their rows, or not at all.
""",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    # One that leaves and one that comes; a third if one of them ends a long turn.
    max_active_runs=3,
    tags=[TAG, "webhooks"],
    # No retries: what is left is asked for again within seconds, and a run that waits for its retry keeps another from
    # coming.
    default_args={**DEFAULT_ARGS, "retries": 0, "execution_timeout": timedelta(minutes=30)},
)
def hostaway_delta() -> None:
    # Not in the pool of dbt, where a run would wait before it reads anything: transforms take turns among themselves.
    # First of all that waits for a slot: somebody may be waiting for it.
    @task(priority_weight=1000, weight_rule="absolute")
    def serve() -> dict[str, Any]:
        from sync_hostaway.events.worker import run_worker

        return run_worker(get_current_context()["run_id"]).summary()

    serve()


hostaway_delta()
