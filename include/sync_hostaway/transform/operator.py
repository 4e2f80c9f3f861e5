"""Airflow's way to ask for a transform."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

from sync_hostaway.orchestration import TRANSFORM_DAG_ID


class RequestTransformOperator(TriggerDagRunOperator):
    """Asks for a run of `hostaway_transform`, once for everybody who asks before it starts.

    The run id holds the number the next transform will have: whoever asks while that run is queued asks for the same
    run, and a run claims every load that was committed before it started.

    :param share: False asks for a run of its own, for when the shared one may never start.
    """

    def __init__(self, *, share: bool = True, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=TRANSFORM_DAG_ID,
            logical_date=None,
            skip_when_already_exists=True,
            openlineage_inject_parent_info=False,
            **kwargs,
        )
        self.share = share

    def execute(self, context: Any) -> None:
        """Ask for the run, without waiting for it."""
        from sync_hostaway.transform import next_transform_number
        from sync_hostaway.warehouse import connect

        with connect() as connection:
            number = next_transform_number(connection)
        self.trigger_run_id = f"transform__{number}" if self.share else f"transform__{number}__{context['run_id']}"
        super().execute(context)
