"""hostaway_poll: looks for changes in the accounts without a healthy webhook."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, get_current_context, task

from sync_hostaway.airflow.dags import DEFAULT_ARGS, TAG, start_of_oldest
from sync_hostaway.core.dag_ids import POLL_DAG_ID
from sync_hostaway.core.settings import get_settings


@dag(
    POLL_DAG_ID,
    description="Reads what changed at Hostaway, for accounts without a healthy webhook",
    doc_md="""
For each account without a healthy webhook, three calls show changed reservations and new messages. Each change becomes
an event in `ops.webhook_events` (source `poll`), and is processed like an event of a webhook. The account option
`polling` overrides this choice.

A run's return value counts accounts, calls and events; `left` are accounts for which there was no time: the next run
begins with them. `ops.polls` has the state of each account.

**Triage**

* `by_list` names accounts that were read by their lists. Either more changed than the heads show: the next poll uses
  the heads again. Or the heads are not used; see `reason` in `ops.polls`. Then the lists are read once an hour, and
  the heads are used again after a week.
* `failed` accounts have an `error` in `ops.polls`. The next run polls them again, and finds the same changes.
* `left` is not 0 in every run: the interval is shorter than the request budget allows. `sync-hostaway plan` shows
  the interval that fits.
* The task failed with `TransformFailed`: the rows have landed; see `hostaway_transform`.

You can clear or kill a run at any time: its events are stored in one transaction with the heads that show the changes.
""",
    schedule=timedelta(minutes=get_settings().poll_every_minutes),
    start_date=start_of_oldest(),
    catchup=False,
    is_paused_upon_creation=False,
    # A second run polls the others while one reads the lists of a large account, or waits for a worker.
    max_active_runs=2,
    tags=[TAG, "polling"],
    # No retries: the next run polls again.
    default_args={**DEFAULT_ARGS, "retries": 0, "execution_timeout": timedelta(hours=2)},
)
def hostaway_poll() -> None:
    @task
    def poll() -> dict[str, Any]:
        from sync_hostaway.polling.run import poll_accounts

        return poll_accounts(get_current_context()["run_id"]).summary()

    poll()


hostaway_poll()
