"""Airflow's way to ask for a transform."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowSkipException

from sync_hostaway.core.dag_ids import TRANSFORM_DAG_ID

_held = ExitStack()


def acquire_dbt_lock(context: Any) -> None:
    """Let no transform run beside this task: the `pre_execute` of tasks that run dbt without `run_transform`.

    Waits for the transform that is running. dbt's own connections come and go with each model, so a connection of this
    process holds the lock. The process is the task's alone: the lock ends with the task, however that ends.
    """
    from sync_hostaway.core.db import connect
    from sync_hostaway.transforms.ledger import transform_lock
    from sync_hostaway.transforms.ownership import refuse_foreign_relations

    with ExitStack() as until_held:
        connection = until_held.enter_context(connect(application="sync-hostaway dbt task"))
        refuse_foreign_relations(connection)
        until_held.enter_context(transform_lock(connection))
        _held.enter_context(until_held.pop_all())


def release_dbt_lock(context: Any, result: Any = None) -> None:
    """Give back what `acquire_dbt_lock` holds: the `post_execute` of such a task."""
    _held.close()


def lead_dbt_to_warehouse(context: Any, operator: Any) -> None:
    """Have the dbt that Cosmos runs in this task find the warehouse: an interceptor of its operators.

    In the environment and not in the operator's fields, which Airflow's UI shows.
    """
    from sync_hostaway.core.db import connect
    from sync_hostaway.transforms.invocation import connect_process_dbt

    with connect(application="sync-hostaway dbt task") as connection:
        connect_process_dbt(connection)


class RequestRunOperator(TriggerDagRunOperator):
    """Asks for a run of a Dag, unless one is queued already.

    For Dags that take whatever there is when their task starts. A run that is still queued will take everything that
    was committed before somebody saw it queued: whoever asks meanwhile shares it. A running one may have looked
    already; then another one is queued behind it. Two who ask in the same moment may queue two; the second finds
    nothing to do.
    """

    def __init__(self, *, trigger_dag_id: str, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=trigger_dag_id, logical_date=None, openlineage_inject_parent_info=False, **kwargs
        )

    def execute(self, context: Any) -> None:
        """Ask for the run, without waiting for it."""
        if context["ti"].get_dr_count(dag_id=self.trigger_dag_id, states=["queued"]):
            raise AirflowSkipException("A queued run will take what is there")
        super().execute(context)


class RequestTransformOperator(RequestRunOperator):
    """Asks for a run of `hostaway_transform`, which builds the core tables from what has landed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trigger_dag_id=TRANSFORM_DAG_ID, **kwargs)

    def execute(self, context: Any) -> None:
        """Ask for the run, unless this one is a dry run, of which nothing has landed."""
        if context["params"].get("dry_run"):
            raise AirflowSkipException("A dry run writes nothing")
        super().execute(context)
