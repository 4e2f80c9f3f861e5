"""hostaway_maintenance: keeps the snapshot true, the ledger small and nothing waiting for ever."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, task

from sync_hostaway.dag_ids import DELTA_DAG_ID, MAINTENANCE_DAG_ID
from sync_hostaway.orchestration import DEFAULT_ARGS, TAG, start_of_oldest
from sync_hostaway.transform.operator import RequestRunOperator, RequestTransformOperator


@task
def accounts_without_sync() -> list[dict[str, Any]]:
    from sync_hostaway.accounts.first_sync import outstanding_first_syncs
    from sync_hostaway.warehouse import connect

    with connect() as connection:
        return [run.as_trigger() for run in outstanding_first_syncs(connection)]


@dag(
    MAINTENANCE_DAG_ID,
    description="Refreshes the account snapshot, tidies up, tends webhooks, asks for runs that were missed",
    doc_md="""
Runs every ten minutes and is safe to run at any time.

* Writes the account snapshot that the `hostaway_sync__…` Dags are made from. When the registry cannot be reached, the
  snapshot stays as it is and no Dag disappears.
* Asks for the first sync of accounts that never had one.
* Closes runs whose process was killed, and deletes ledger entries older than the retention.
* Asks for a transform when loads have been waiting, in case the one that was asked for never started.
* Webhooks: registers those of new accounts, switches on again what Hostaway switched off, unsubscribes disabled
  accounts, fetches what Hostaway's delivery log says was never delivered, and removes old events.
* Asks for `hostaway_delta` when events have been waiting, and for an incremental sync of an account whose deliveries
  were lost, after an outage of more than an hour for example.

**Triage**

* `tend_webhooks` returns how many accounts `failed`; `sync-hostaway webhooks register` says why, and
  `ops.webhook_endpoints` keeps it in `state_reason`. The other accounts were tended all the same.
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

    @task
    def tend_webhooks() -> dict[str, int]:
        from sync_hostaway.warehouse import connect
        from sync_hostaway.webhooks.upkeep import tend

        with connect() as connection:
            return tend(connection)

    @task
    def tidy_webhook_events() -> dict[str, int]:
        from sync_hostaway.warehouse import connect
        from sync_hostaway.webhooks.upkeep import tidy_events

        with connect() as connection:
            return tidy_events(connection)

    @task.short_circuit(trigger_rule="all_done")
    def events_are_waiting() -> bool:
        from sync_hostaway.warehouse import connect
        from sync_hostaway.webhooks.upkeep import oldest_due_seconds

        with connect() as connection:
            return oldest_due_seconds(connection) > 60

    @task
    def lost_deliveries() -> list[dict[str, Any]]:
        from sync_hostaway.warehouse import connect
        from sync_hostaway.webhooks.upkeep import wanted_syncs

        with connect() as connection:
            return [asdict(sync) for sync in wanted_syncs(connection)]

    @task(trigger_rule="none_failed")
    def note_syncs(lost: list[dict[str, Any]]) -> None:
        from sync_hostaway.warehouse import connect
        from sync_hostaway.webhooks.upkeep import WantedSync, note_requested

        with connect() as connection:
            note_requested(connection, [WantedSync(**account) for account in lost])

    def sync_run(account: dict[str, Any]) -> dict[str, Any]:
        from sync_hostaway.webhooks.upkeep import WantedSync

        return WantedSync(**account).run()

    refresh_account_snapshot() >> TriggerDagRunOperator.partial(
        task_id="request_first_syncs",
        logical_date=None,
        skip_when_already_exists=True,
        openlineage_inject_parent_info=False,
    ).expand_kwargs(accounts_without_sync())
    tidy_ledger()
    loads_are_waiting() >> RequestTransformOperator(task_id="request_transform")

    tidy_webhook_events()
    lost = lost_deliveries()
    request_syncs = TriggerDagRunOperator.partial(
        task_id="request_syncs",
        logical_date=None,
        skip_when_already_exists=True,
        openlineage_inject_parent_info=False,
    ).expand_kwargs(lost.map(sync_run))
    request_syncs >> note_syncs(lost)
    # What could not be delivered is among the events once the webhooks were tended, whatever else came of that.
    request_delta = RequestRunOperator(task_id="request_delta", trigger_dag_id=DELTA_DAG_ID)
    waiting = events_are_waiting()
    tend_webhooks() >> [lost, waiting]
    waiting >> request_delta


hostaway_maintenance()
