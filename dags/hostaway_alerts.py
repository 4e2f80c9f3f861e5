"""hostaway_alerts: one message when a condition begins that needs an operator, one when it ends."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from sync_hostaway.airflow.dags import DEFAULT_ARGS, TAG, start_of_oldest
from sync_hostaway.airflow.notifiers import has_notifiers
from sync_hostaway.core.dag_ids import ALERTS_DAG_ID
from sync_hostaway.core.settings import get_settings


@dag(
    ALERTS_DAG_ID,
    description="Sends a message when a condition of docs/runbook.md begins, and one when it ends",
    doc_md="""
Runs every minute where a notifier is set (`AIRFLOW__HOSTAWAY__ALERT_EMAILS`, `…ALERT_SLACK_CONNECTION`,
`…ALERT_HTTP_CONNECTION`), and is safe to run at any time. `ops.alerts` holds what began and ended.

**Triage**

* `AlertNotSent`: no notifier could send the message; it is sent with the next run. `sync-hostaway alerts test` sends
  one by hand.
""",
    schedule="* * * * *" if has_notifiers(get_settings()) else None,
    start_date=start_of_oldest(),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    tags=[TAG, "maintenance"],
    # No retries: the next run is a minute away.
    default_args={**DEFAULT_ARGS, "retries": 0, "execution_timeout": timedelta(minutes=5)},
)
def hostaway_alerts() -> None:
    @task
    def evaluate() -> dict[str, int]:
        from sync_hostaway.alerts.run import evaluate_and_send

        return evaluate_and_send()

    evaluate()


hostaway_alerts()
