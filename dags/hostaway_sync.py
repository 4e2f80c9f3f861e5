"""One Airflow Dag per mirrored account: hostaway_sync__<account_id>.

The accounts come from a snapshot file and never from a database, because parsing a Dag file must not fail or wait.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, get_current_context, get_parsing_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from sync_hostaway.accounts.snapshot import SnapshotAccount, read_snapshot
from sync_hostaway.airflow.dags import (
    DEFAULT_ARGS,
    SINCE_PATTERN,
    TAG,
    retry_within,
    settings_of,
    since_of,
    start_of,
)
from sync_hostaway.airflow.pools import SYNC_POOL
from sync_hostaway.airflow.transform_operator import RequestTransformOperator
from sync_hostaway.core.dag_ids import account_of, sync_dag_id
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.core.text import markdown_code, visible

if TYPE_CHECKING:
    from sync_hostaway.core.db import Connection

AUTO = "auto"

DOC = """
Mirrors Hostaway account **{account_id}** {name}into the warehouse. It writes raw rows to the schema `landing`, then
requests `hostaway_transform`, which builds the tables in `hostaway`.

Parameters: *mode* `full` reads everything again. *resources* selects single resources. *since* reads the reservations
and conversations that changed at or after a moment. Resources that are switched off are skipped. With *dry run*, the
tasks only read and compare: their results (XCom `return_value`) say what would be new, changed, deleted and rejected,
and nothing is written.

**Triage**

* `CredentialsRejected`, `InactiveAccount`: Hostaway does not accept the API key, and there are no further calls.
  Store a new key with `sync-hostaway accounts rotate {account_id}`, then trigger the Dag again.
* `SyncIncomplete`: rows are missing although the list was read twice. Rows that landed are kept. The retry reads the
  list again. If the error stays, look at `ops.sync_runs`.
* A resource is skipped with `Hostaway refuses …`: Hostaway answers 403, 404, 405, 410 or 501 for it, but not for the
  other resources. The run does not fail. The resource is tried again daily; a run for only this resource tries at once.
  The message has the command that switches it off.
* `HostawayThrottled`, `HostawayUnreachable`, `HostawayServerError`: the API has an outage, or another integration uses
  its limit. Retries wait up to half an hour. No action is needed.
* `ops.quarantine` has rows that did not land because their id is unreadable. It also names unreadable values of rows
  that landed without them. A corrected row settles its entry.

You can clear any task at any time: landed rows stay, and pages that a killed task has read are not read again.
"""


def mirrored_accounts() -> list[SnapshotAccount]:
    """Return the accounts to build Dags for. On a worker, this is only the account of the task that runs."""
    known = read_snapshot(get_settings().snapshot_file)
    dag_id = get_parsing_context().dag_id
    if dag_id is None:
        return known
    wanted = account_of(dag_id)
    if wanted is None:
        return []
    return [account for account in known if account.account_id == wanted] or [SnapshotAccount(wanted)]


@task(pool=SYNC_POOL)
def extract(account_id: int, resource: str) -> dict[str, Any]:
    """Land one resource. The run id connects the tries, so that a retry resumes where the previous try stopped."""
    from sync_hostaway.airflow.hook import HostawayHook
    from sync_hostaway.core.db import connect
    from sync_hostaway.extract.early_transform import (
        transform_before_retries,
        transform_if_run_has_failures,
        transform_while_landing,
    )
    from sync_hostaway.extract.engine import scheduled_mode, sync_resource
    from sync_hostaway.hostaway.rate_limiter import Priority

    context = get_current_context()
    if resource not in context["params"]["resources"]:
        raise AirflowSkipException(f"{resource} is not among the resources of this run")
    mode = context["params"]["mode"]
    since = since_of(context["params"]["since"])
    with connect() as connection:
        if mode == AUTO:
            mode = scheduled_mode(connection, account_id, Resource(resource), context["dag_run"].run_after.date())
        with HostawayHook(account_id, priority=Priority(mode)).get_conn() as client:
            if resource not in client.settings.resources:
                raise AirflowSkipException(f"{resource} is switched off for account {account_id}")
            if context["params"]["dry_run"]:
                return _dry_run(connection, account_id, Resource(resource), Mode(mode), since)
            client.before_retry = transform_before_retries(context["run_id"])
            try:
                result = sync_resource(
                    connection,
                    client,
                    Resource(resource),
                    Mode(mode),
                    run_key=context["run_id"],
                    since=since,
                    retry_refused=len(context["params"]["resources"]) < len(Resource),
                    retry_within=retry_within(context["ti"]),
                    on_progress=transform_while_landing(context["run_id"]),
                )
            finally:
                # The transform at the end of the run waits for the retries of all resources.
                transform_if_run_has_failures(connection, account_id, context["run_id"])
    if result.status == "refused":
        raise AirflowSkipException(result.error)
    return result.summary()


def _display_name(account: SnapshotAccount) -> str:
    dag_id = sync_dag_id(account.account_id)
    return f"{dag_id} ({visible(account.name)})" if account.name else dag_id


def _dry_run(
    connection: Connection, account_id: int, resource: Resource, mode: Mode, since: datetime | None
) -> dict[str, Any]:
    """Return what a sync of the resource would do. There is no retry, because errors are part of the result."""
    from sync_hostaway.extract.dry_run import dry_run_resource

    result = dry_run_resource(connection, account_id, resource, mode, since=since)
    if result.error:
        raise AirflowFailException(f"Dry run, {result.status}: {result.error}")
    return {"dry_run": True, **result.summary()}


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
        schedule=settings_of(account).sync_schedule(account.account_id),
        start_date=start_of(account),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags=[TAG, "sync"],
        default_args={**DEFAULT_ARGS, "trigger_rule": "none_failed"},
        params={
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
                description="Resources to mirror. Messages need conversations, and calendar days need listings",
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
                description="Reads the reservations and conversations that changed at or after this moment, also those "
                "that were read before. Only messages are marked deleted then",
            ),
        },
    ) as dag:
        tasks = {
            resource: extract.override(task_id=f"extract_{resource.value}")(account.account_id, resource.value)
            for resource in Resource
        }
        # Reservations decide which calendars are due. A task that ran after a failed one would hide the failure.
        [tasks[Resource.LISTINGS], tasks[Resource.RESERVATIONS]] >> tasks[Resource.CALENDAR_DAYS]
        tasks[Resource.CONVERSATIONS] >> tasks[Resource.MESSAGES]
        tasks[Resource.RESERVATIONS] >> tasks[Resource.RESERVATION_FINANCE]
        # A teardown always runs and does not decide the state of the run: a run with a failed extraction fails. (With
        # on_failure_fail_dagrun it would decide, as the only leaf, and hide every failure before it.)
        request = RequestTransformOperator(task_id="request_transform", trigger_rule="all_done")
        list(tasks.values()) >> request.as_teardown()
    return dag


for _account in mirrored_accounts():
    globals()[sync_dag_id(_account.account_id)] = build_dag(_account)
