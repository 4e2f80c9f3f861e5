"""Airflow operators that request runs, and the lock for tasks that run dbt."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowSkipException

from sync_hostaway.core.dag_ids import TRANSFORM_DAG_ID

_dbt_lock = ExitStack()


def acquire_dbt_lock(context: Any) -> None:
    """Prevent transforms during this task: the `pre_execute` of tasks that run dbt without `run_transform`.

    It waits for the running transform. dbt opens a connection per model, so a separate connection of this process holds
    the lock. The process runs only this task, so the lock ends with the task, also after a crash.
    """
    from sync_hostaway.core.db import connect
    from sync_hostaway.transforms.ledger import transform_lock
    from sync_hostaway.transforms.ownership import refuse_foreign_relations

    with ExitStack() as stack:
        connection = stack.enter_context(connect(application="sync-hostaway dbt task"))
        refuse_foreign_relations(connection)
        stack.enter_context(transform_lock(connection))
        _dbt_lock.enter_context(stack.pop_all())


def release_dbt_lock(context: Any, result: Any = None) -> None:
    """Release the lock of `acquire_dbt_lock`: the `post_execute` of such a task."""
    _dbt_lock.close()


def lead_dbt_to_warehouse(context: Any, operator: Any) -> None:
    """Pass the warehouse's address to the dbt that Cosmos runs in this task: an interceptor of its operators.

    The address goes into the environment and not into fields of the operator, because Airflow's UI shows those.
    """
    from sync_hostaway.core.db import connect
    from sync_hostaway.transforms.invocation import connect_process_dbt

    with connect(application="sync-hostaway dbt task") as connection:
        connect_process_dbt(connection)


class RequestRunOperator(TriggerDagRunOperator):
    """Requests a run of a Dag, unless one is queued already.

    This is for Dags that process all pending work when their task starts. A queued run will see everything that was
    committed before this check, so that one run serves all requests. A running one may have read the pending work
    already, so that another run is queued behind it. Two requests at the same moment may queue two runs; the second
    run finds nothing to do.
    """

    # Nothing of it is a template, and each field costs time at every parse of every Dag.
    template_fields = ()

    def __init__(self, *, trigger_dag_id: str, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=trigger_dag_id, logical_date=None, openlineage_inject_parent_info=False, **kwargs
        )

    def execute(self, context: Any) -> None:
        """Request the run without waiting for it."""
        if context["ti"].get_dr_count(dag_id=self.trigger_dag_id, states=["queued"]):
            raise AirflowSkipException("A queued run will process the pending work")
        super().execute(context)


class RequestTransformOperator(RequestRunOperator):
    """Requests a run of `hostaway_transform`, which builds the core tables from landed rows."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trigger_dag_id=TRANSFORM_DAG_ID, **kwargs)

    def execute(self, context: Any) -> None:
        """Request the run, unless this is a dry run, which lands nothing."""
        if context["params"].get("dry_run"):
            raise AirflowSkipException("A dry run writes nothing")
        super().execute(context)
