"""The task that reads one resource of an account."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from sync_hostaway.airflow.dags import retry_within, since_of
from sync_hostaway.core.resources import Mode, Resource

if TYPE_CHECKING:
    from sync_hostaway.core.db import Connection

AUTO = "auto"


class ExtractOperator(BaseOperator):  # type: ignore[misc] # Airflow exports it at runtime only
    """Lands one resource of an account.

    Each Dag has one of these tasks per resource, and Airflow builds and serialises all of them at every parse. `@task`
    would cost five times as much: it inspects its function for each task, and has template fields.
    """

    def __init__(self, *, account_id: int, resource: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.account_id = account_id
        self.resource = resource

    def execute(self, context: Any) -> dict[str, Any]:
        """Land the resource, and return the counts of the run."""
        return extract(self.account_id, self.resource)


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


def _dry_run(
    connection: Connection, account_id: int, resource: Resource, mode: Mode, since: datetime | None
) -> dict[str, Any]:
    """Return what a sync of the resource would do. There is no retry, because errors are part of the result."""
    from sync_hostaway.extract.dry_run import dry_run_resource

    result = dry_run_resource(connection, account_id, resource, mode, since=since)
    if result.error:
        raise AirflowFailException(f"Dry run, {result.status}: {result.error}")
    return {"dry_run": True, **result.summary()}
