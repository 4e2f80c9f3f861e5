"""Runs every task of hostaway_maintenance inside a real Airflow, as a scheduler would (see test_maintenance_dag.py).

Prints one JSON object per run. Its argument: how many runs, one after the other.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def states(run: Any) -> dict[str, str]:
    """State of each task, and of each mapped copy, by name and place."""
    return {
        task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]": str(task.state)
        for task in run.get_task_instances()
    }


def requested_runs() -> dict[str, list[str]]:
    """Ids of the runs there are of other Dags."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    found: dict[str, list[str]] = {}
    with create_session() as session:
        for dag_id, run_id in session.execute(select(DagRun.dag_id, DagRun.run_id).order_by(DagRun.id)):
            if dag_id != "hostaway_maintenance":
                found.setdefault(dag_id, []).append(run_id)
    return found


def main(times: int) -> None:
    """Run it."""
    from airflow import settings
    from airflow.dag_processing.dagbag import DagBag

    from sync_hostaway.airflow.dags import DEFAULT_ARGS

    DEFAULT_ARGS["retries"] = 0  # what fails here fails again
    dag = DagBag(settings.DAGS_FOLDER).dags["hostaway_maintenance"]
    for _ in range(times):
        run = dag.test()
        seen = {"tasks": states(run), "asked": requested_runs()}
        sys.stdout.write("\nRESULT " + json.dumps(seen) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
