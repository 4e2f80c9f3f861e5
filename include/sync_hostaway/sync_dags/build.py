"""Builds the Dags of the accounts.

The cost per account counts: Airflow builds, serialises and compares the Dags of all accounts every 30 seconds.
`python -m benchmarks dags` measures it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from airflow.sdk import DAG, Param, get_parsing_context

from sync_hostaway.accounts.snapshot import SnapshotAccount
from sync_hostaway.accounts.snapshot_refresh import refreshed_snapshot
from sync_hostaway.airflow.dags import DEFAULT_ARGS, SINCE_PATTERN, TAG, settings_of, start_of
from sync_hostaway.airflow.pools import SYNC_POOL
from sync_hostaway.airflow.transform_operator import RequestTransformOperator
from sync_hostaway.core.dag_ids import account_of, sync_dag_id, sync_file
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.core.text import markdown_code, visible
from sync_hostaway.sync_dags.import_watch import note_import
from sync_hostaway.sync_dags.operator import AUTO, ExtractOperator

DOC = """
Mirrors Hostaway account **{account_id}** {name}into the warehouse. It writes raw rows to the schema `landing`, then
requests `hostaway_transform`, which builds the tables in `hostaway`.

Parameters: *mode* `full` reads everything again. *resources* selects single resources. *since* reads the reservations
that changed, and the messages of conversations that were active, at or after a moment. Resources that are switched off
are skipped. With *dry run*, the tasks only read and compare: their results (XCom `return_value`) show what would be
new, changed, deleted and rejected. Nothing is written.

**Triage**

* `CredentialsRejected`, `InactiveAccount`: Hostaway does not accept the API key, and there are no further calls.
  Store a new key with `sync-hostaway accounts rotate {account_id}`, then trigger the Dag again.
* `SyncIncomplete`: rows are missing although a list that changes is read up to four times. Rows that landed are kept.
  The retry reads the list again. If the error stays, look at `ops.sync_runs`.
* A resource is skipped with `Hostaway refuses …`: Hostaway answers 401, 402, 403, 404, 405, 410, 451 or 501 for it, but
  not for the other resources. The run does not fail. The resource is tried again daily; a run for only this resource
  tries at once.
  The message has the command that switches it off.
* `HostawayThrottled`, `HostawayUnreachable`, `HostawayServerError`: the API has an outage, or another integration uses
  its limit. Retries wait up to half an hour. No action is needed.
* `ops.quarantine` has rows that did not land because their id or another required value is unreadable. It also names
  unreadable values of rows that landed without them. A corrected row settles its entry.

You can clear any task at any time: landed rows stay, and pages that a killed task has read are not read again.
"""

PARAMS = {
    "mode": Param(
        AUTO,
        enum=[AUTO, *(mode.value for mode in Mode)],
        title="Mode",
        description="full reads everything again, incremental what changed since the last complete run; "
        "auto is incremental, and full once a week",
    ),
    "resources": Param(
        [resource.value for resource in Resource],
        type="array",
        items={"type": "string", "enum": [resource.value for resource in Resource]},
        minItems=1,
        examples=[resource.value for resource in Resource],
        title="Resources",
        description="Resources to mirror. Messages need conversations, calendar days need listings, and reservation "
        "finance and reservation logs need reservations. Reservation logs are read only if an option switches them on",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description="Only reads and compares. The result of each task has what would be new, changed, deleted "
        "and rejected. Nothing is written",
    ),
    "since": Param(
        None,
        type=["null", "string"],
        format="date-time",
        # Airflow's validator does not check the format.
        pattern=SINCE_PATTERN,
        title="Since",
        description="Reads the reservations that changed, and the messages of conversations that were active, at or "
        "after this moment. In mode full, also messages that were read before. Only messages are marked deleted then",
    ),
}


def dags_of_file(file: str) -> dict[str, DAG]:
    """Return the Dags of the accounts that belong to a Dag file, by Dag id.

    On a worker, this is only the Dag of the task that runs: it needs neither the registry nor a file.

    :param file: path of the Dag file, one of `SYNC_FILES`.
    """
    dag_id = get_parsing_context().dag_id
    if dag_id is not None:
        account_id = account_of(dag_id)
        return {} if account_id is None else {dag_id: build_dag(SnapshotAccount(account_id))}
    began = time.monotonic()
    name = Path(file).name
    snapshot = refreshed_snapshot(get_settings().snapshot_file)
    with _no_collections():
        dags = {
            sync_dag_id(account.account_id): build_dag(account)
            for account in snapshot.accounts
            if sync_file(account.account_id) == name
        }
    note_import(name, time.monotonic() - began, [each for each in snapshot.missing if sync_file(each) == name])
    return dags


@contextmanager
def _no_collections() -> Iterator[None]:
    """Keep Python from looking for garbage among the objects of the Dags, now and while Airflow serialises them.

    All of them stay until the process ends. The search would take a quarter of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _display_name(account: SnapshotAccount) -> str:
    dag_id = sync_dag_id(account.account_id)
    return f"{dag_id} ({visible(account.name)})" if account.name else dag_id


def build_dag(account: SnapshotAccount) -> DAG:
    """Build the Dag of one account. It depends only on the account and the settings, so that its version is stable."""
    with DAG(
        sync_dag_id(account.account_id),
        # The name starts with the id, because the search in Airflow's list uses only the name.
        dag_display_name=_display_name(account),
        description=f"Mirrors Hostaway account {account.account_id}",
        doc_md=DOC.format(
            account_id=account.account_id, name=f"({markdown_code(account.name)}) " if account.name else ""
        ),
        # Spread over the day, so that accounts behind one IP address do not compete for its rate limit.
        schedule=settings_of(account).schedule.cron(account.account_id),
        start_date=start_of(account),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags=[TAG, "sync"],
        default_args={**DEFAULT_ARGS, "trigger_rule": "none_failed"},
    ) as dag:
        tasks = {
            resource: ExtractOperator(
                task_id=f"extract_{resource.value}",
                account_id=account.account_id,
                resource=resource.value,
                pool=SYNC_POOL,
            )
            for resource in Resource
        }
        # Reservations decide which calendars are due. A task that ran after a failed one would hide the failure.
        [tasks[Resource.LISTINGS], tasks[Resource.RESERVATIONS]] >> tasks[Resource.CALENDAR_DAYS]
        tasks[Resource.CONVERSATIONS] >> tasks[Resource.MESSAGES]
        tasks[Resource.RESERVATIONS] >> [tasks[Resource.RESERVATION_FINANCE], tasks[Resource.RESERVATION_LOGS]]
        # A teardown always runs and does not decide the state of the run: a run with a failed extraction fails. (With
        # on_failure_fail_dagrun it would decide, as the only leaf, and hide every failure before it.)
        request = RequestTransformOperator(task_id="request_transform", trigger_rule="all_done")
        list(tasks.values()) >> request.as_teardown()
    # Last: params that are there before the tasks are copied into each task and serialised with it, which made a Dag
    # eight times as expensive. Each Dag has its own, because Airflow sets the values of a run in them.
    dag.params.update({name: copy(param) for name, param in PARAMS.items()})
    return dag
