"""Runs hostaway_transform inside a real Airflow (see test_transform_dag.py). Prints one JSON object."""

from __future__ import annotations

import json
import sys


def updated_assets() -> list[str]:
    """Names of the assets that have an event."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        names = select(AssetModel.name).join(AssetEvent, AssetEvent.asset_id == AssetModel.id).distinct()
        return sorted(session.scalars(names))


def main() -> None:
    """Run it."""
    from airflow import settings
    from airflow.dag_processing.dagbag import DagBag

    from sync_hostaway.airflow.dags import DEFAULT_ARGS

    DEFAULT_ARGS["retries"] = 0  # what fails here fails again
    run = DagBag(settings.DAGS_FOLDER).dags["hostaway_transform"].test()
    states = {task.task_id: str(task.state) for task in run.get_task_instances()}
    sys.stdout.write("\nRESULT " + json.dumps({"tasks": states, "assets": updated_assets()}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
