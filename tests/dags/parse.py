"""Parses the repository as a Dag bundle, in a process of its own, and prints what it found as JSON."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any


def describe(dag: Any) -> dict[str, Any]:
    """What the tests look at."""
    return {
        "file": Path(dag.fileloc).name,
        "tags": sorted(dag.tags),
        "schedule": str(dag.schedule) if dag.schedule else None,
        "start": dag.start_date.isoformat() if dag.start_date else None,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "doc": dag.doc_md,
        "display_name": dag.dag_display_name,
        "params": {name: dag.params.get_param(name).schema for name in dag.params},
        "tasks": {
            task.task_id: {
                "retries": task.retries,
                "pool": task.pool,
                "trigger_rule": task.trigger_rule.value,
                "upstream": sorted(task.upstream_task_ids),
                "teardown": task.is_teardown,
            }
            for task in dag.tasks
        },
    }


if __name__ == "__main__":
    from airflow.dag_processing.dagbag import DagBag

    logging.disable(logging.CRITICAL)
    bag = DagBag(sys.argv[1])
    found = {dag_id: describe(dag) for dag_id, dag in bag.dags.items()}
    result = {"errors": bag.import_errors, "dags": found, "modules": sorted(sys.modules)}
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")
