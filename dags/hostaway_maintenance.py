"""hostaway_maintenance: keeps the snapshot true, the ledger small and nothing waiting for ever."""

from __future__ import annotations

from airflow.sdk import dag, task

from sync_hostaway.orchestration import DEFAULT_ARGS, MAINTENANCE_DAG_ID, TAG, start_of_oldest
from sync_hostaway.transform.operator import RequestTransformOperator


@dag(
    MAINTENANCE_DAG_ID,
    description="Refreshes the account snapshot, tidies the ledger, asks for transforms that were missed",
    doc_md="""
Runs every ten minutes and is safe to run at any time.

* Writes the account snapshot that the `hostaway_sync__…` Dags are made from. When the registry cannot be reached, the
  snapshot stays as it is and no Dag disappears.
* Closes runs whose process was killed, and deletes ledger entries older than the retention.
* Asks for a transform when loads have been waiting, in case the one that was asked for never started.
""",
    schedule="*/10 * * * *",
    start_date=start_of_oldest(),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    tags=[TAG, "maintenance"],
    default_args=DEFAULT_ARGS,
)
def hostaway_maintenance() -> None:
    @task
    def refresh_account_snapshot() -> None:
        from sync_hostaway.accounts.registry import refresh_snapshot
        from sync_hostaway.warehouse import connect

        with connect() as connection:
            refresh_snapshot(connection)

    @task
    def tidy_ledger() -> dict[str, int]:
        from sync_hostaway.landing.ledger import tidy
        from sync_hostaway.warehouse import connect

        with connect() as connection:
            return tidy(connection)

    @task.short_circuit
    def loads_are_waiting() -> bool:
        from sync_hostaway.landing.ledger import oldest_pending_seconds
        from sync_hostaway.warehouse import connect

        with connect() as connection:
            return oldest_pending_seconds(connection) > 600

    refresh_account_snapshot()
    tidy_ledger()
    loads_are_waiting() >> RequestTransformOperator(task_id="request_transform")


hostaway_maintenance()
