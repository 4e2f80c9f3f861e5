"""hostaway_delta: processes the webhook events of all accounts, and builds the core tables from the landed rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, get_current_context, task

from sync_hostaway.airflow.dags import DEFAULT_ARGS, TAG
from sync_hostaway.core.dag_ids import DELTA_DAG_ID


@dag(
    DELTA_DAG_ID,
    description="Fetches changed objects again, and updates the core tables within seconds",
    doc_md="""
Processes `ops.webhook_events` for all accounts: fetches each object again by its id, lands it and builds the core
tables from it. It has no schedule: the webhook receiver requests it. A run that has processed all events waits for ten
seconds, and for at most a minute in total, so that it can process the next event at once.

The return value of a run has the accounts with their events, rows and API calls. The events of a run:
`select * from ops.webhook_events where run_key = '<run id>'`.

**Triage**

* The task failed with `TransformFailed`: the rows have landed, and the message names the model. See
  `hostaway_transform`.
* The task failed with `WarehouseUnavailable`: nothing is lost. The next run continues with the pending events.
* Events stay `pending`: `reason` has the cause and `next_try_at` the time of the next attempt. Events of an account
  that is disabled, or whose credentials were rejected, are kept. For the latter, `sync-hostaway accounts rotate`
  stores a new key.
* Events are `dead`: all attempts within two hours failed, or the object cannot be read, or the event names no object.
  See `reason`. `sync-hostaway webhooks replay` tries again. Other events are processed.
* Events are `object_deleted`: Hostaway does not know their object any more; its row is marked deleted.

You can clear or kill a run at any time: an event becomes `done` in the transaction that lands its rows.
""",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    # One run that ends, one that starts, and a third while one of them finishes a long batch.
    max_active_runs=3,
    tags=[TAG, "webhooks"],
    # No retries: another run for the remaining events is requested within seconds. A run that waits for its retry would
    # prevent that.
    default_args={**DEFAULT_ARGS, "retries": 0, "execution_timeout": timedelta(minutes=30)},
)
def hostaway_delta() -> None:
    # Not in the dbt pool, where a run would wait before it reads anything. Transforms have a lock of their own.
    # Highest priority for a slot, because users wait for the change.
    @task(priority_weight=1000, weight_rule="absolute")
    def serve() -> dict[str, Any]:
        from sync_hostaway.events.worker import run_worker

        return run_worker(get_current_context()["run_id"]).summary()

    serve()


hostaway_delta()
