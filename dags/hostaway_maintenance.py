"""hostaway_maintenance: notes the settings of accounts, deletes old entries, and repeats missed requests."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, get_current_context, task

from sync_hostaway.airflow.dags import DEFAULT_ARGS, TAG, start_of_oldest
from sync_hostaway.airflow.transform_operator import RequestRunOperator, RequestTransformOperator
from sync_hostaway.core.dag_ids import DELTA_DAG_ID, MAINTENANCE_DAG_ID


@task(trigger_rule="all_done")
def accounts_without_sync() -> list[dict[str, Any]]:
    from sync_hostaway.accounts.first_sync import missing_syncs
    from sync_hostaway.core.db import connect

    with connect() as connection:
        return [run.as_trigger() for run in missing_syncs(connection)]


@task.short_circuit
def documentation_is_outdated() -> bool:
    from sync_hostaway.core.db import connect
    from sync_hostaway.transforms.documentation import is_outdated

    with connect() as connection:
        return is_outdated(connection)


# Not in the pool of dbt: it changes no relation, and this Dag waits for no transform.
@task
def build_documentation() -> None:
    from sync_hostaway.core.db import connect
    from sync_hostaway.transforms.documentation import publish_documentation

    with connect(application="sync-hostaway documentation") as connection:
        publish_documentation(connection)


@dag(
    MAINTENANCE_DAG_ID,
    description="Notes the settings of accounts, deletes old entries, reconciles webhooks, requests missed runs",
    doc_md="""
Runs every ten minutes and is safe to run at any time.

* Writes the settings of each account into `ops.account_settings`, for the status views.
* Requests the first sync of accounts that have had none, and a sync of accounts that are active again, after a new API
  key or a pause, if it was not requested then.
* Closes runs whose process was killed, and removes entries that are older than their retention (`docs/operations.md`).
* Requests a transform when loads have been waiting, in case the requested one never started, and when the core
  tables are newer than the marts, as they are after webhook events.
* Webhooks: registers those of new accounts, switches on again what Hostaway switched off, unsubscribes disabled
  accounts, and fetches the objects whose delivery failed in Hostaway's delivery log.
* Looks in the conversations for messages that were sent to Hostaway without a response. It sends nothing again. If a
  message is not found within a day, its text is deleted; its state stays `unknown`.
* Checks the assumptions about Hostaway once for each new account, after its first lists. `sync-hostaway doctor` does
  the same at any time, and `ops.examinations` has the results.
* Builds the documentation of the tables when there is none of this version. `hostaway_nightly` builds it every night.
* Requests `hostaway_delta` when events have been waiting, and an incremental sync of an account whose deliveries
  were lost, after an outage of more than an hour for example.

**Triage**

* `reconcile_webhooks` returns how many accounts `failed`; its log has the reason (`webhook_not_reconciled`), and
  `state_reason` in `ops.webhook_endpoints` holds Hostaway's answer. The next run tries them again. The other accounts
  are not affected.
* A copy of `request_first_syncs` or `request_syncs` fails while the Dag of its account does not exist yet. Every run
  requests it again. Other accounts do not wait for it.
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
    def note_account_settings() -> None:
        from sync_hostaway.accounts.registry import note_settings
        from sync_hostaway.core.db import connect

        with connect() as connection:
            note_settings(connection)

    @task
    def close_abandoned_runs() -> int:
        from sync_hostaway.core.db import connect
        from sync_hostaway.extract.engine import close_abandoned_syncs

        with connect() as connection:
            return close_abandoned_syncs(connection)

    @task
    def apply_retention() -> dict[str, int]:
        from sync_hostaway.core.db import connect
        from sync_hostaway.privacy.retention import apply_retention

        with connect(application="sync-hostaway retention") as connection:
            return apply_retention(connection)

    @task.short_circuit
    def loads_or_marts_are_waiting() -> bool:
        from sync_hostaway.core.db import connect
        from sync_hostaway.transforms.ledger import marts_are_behind, oldest_pending_seconds

        with connect() as connection:
            return oldest_pending_seconds(connection) > 600 or marts_are_behind(connection)

    @task
    def reconcile_webhooks() -> dict[str, int]:
        from sync_hostaway.core.db import connect
        from sync_hostaway.webhook_admin import maintenance

        with connect() as connection:
            return maintenance.reconcile_webhooks(connection)

    @task
    def settle_messages() -> dict[str, int]:
        from sync_hostaway.core.db import connect
        from sync_hostaway.messaging.outbox_maintenance import reconcile_outbox

        with connect(application="sync-hostaway outbox maintenance") as connection:
            return reconcile_outbox(connection)

    @task
    def examine_accounts() -> dict[str, int]:
        from sync_hostaway.core.db import connect
        from sync_hostaway.doctor.examine import examine_new_accounts

        with connect(application="sync-hostaway doctor") as connection:
            return examine_new_accounts(connection)

    @task.short_circuit(trigger_rule="all_done")
    def events_are_waiting() -> bool:
        from sync_hostaway.core.db import connect
        from sync_hostaway.events.account_inbox import seconds_until_due
        from sync_hostaway.events.lease import has_active_worker

        with connect() as connection:
            return seconds_until_due(connection) <= 0 and not has_active_worker(connection)

    @task(trigger_rule="all_done")
    def lost_deliveries() -> list[dict[str, Any]]:
        from sync_hostaway.core.db import connect
        from sync_hostaway.webhook_admin.maintenance import mark_requested, requested_catch_up_syncs

        ti = get_current_context()["ti"]
        with connect() as connection:
            wanted = requested_catch_up_syncs(connection)
            # Each account for which the previous run requested a sync that Airflow accepted.
            taken = [sync for sync in wanted if ti.get_dr_count(dag_id=sync.run.dag_id, run_ids=[sync.run.run_id])]
            mark_requested(connection, taken)
        return [sync.run.as_trigger() for sync in wanted if sync not in taken]

    without_sync = accounts_without_sync()
    note_account_settings()
    TriggerDagRunOperator.partial(
        task_id="request_first_syncs",
        logical_date=None,
        skip_when_already_exists=True,
        openlineage_inject_parent_info=False,
    ).expand_kwargs(without_sync)
    close_abandoned_runs() >> apply_retention()
    loads_or_marts_are_waiting() >> RequestTransformOperator(task_id="request_transform")

    settle_messages()
    examine_accounts()
    documentation_is_outdated() >> build_documentation()
    lost = lost_deliveries()
    TriggerDagRunOperator.partial(
        task_id="request_syncs",
        logical_date=None,
        skip_when_already_exists=True,
        openlineage_inject_parent_info=False,
    ).expand_kwargs(lost)
    # The next tasks run also if this one fails. Undelivered events are in the inbox then, and Hostaway delivers before
    # the first sync of an account starts, so that no change is lost in between.
    waiting = events_are_waiting()
    reconcile_webhooks() >> [without_sync, lost, waiting]
    waiting >> RequestRunOperator(task_id="request_delta", trigger_dag_id=DELTA_DAG_ID)


hostaway_maintenance()
