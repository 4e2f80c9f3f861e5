"""Parses the Dag files of the accounts again and again, as a Dag processor does. Prints the versions and the CPU time.

Its arguments: the repository, number of parses.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from pathlib import Path
from typing import Any


def parse(files: list[Path], root: Path) -> dict[str, str]:
    """The hash that decides about a new version, by Dag id."""
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    found: dict[str, str] = {}
    for file in files:
        bag = BundleDagBag(dag_folder=str(file), bundle_path=root, bundle_name="hostaway")
        if bag.import_errors:
            raise RuntimeError(str(bag.import_errors))
        found |= {dag_id: LazyDeserializedDAG.from_dag(dag).hash for dag_id, dag in bag.dags.items()}
    return found


def bare_dags(number: int) -> float:
    """CPU seconds to build and serialise as many Dags of one task."""
    from datetime import UTC, datetime

    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    began = time.process_time()
    for each in range(number):
        with DAG(f"bare_{each}", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False) as dag:
            EmptyOperator(task_id="only")
        dag.fileloc = __file__
        DagSerialization.to_dict(dag)
    return time.process_time() - began


def main(root: Path, times: int) -> dict[str, Any]:
    """The versions of each Dag over all parses, and the CPU seconds of a parse beside as many bare Dags."""
    logging.disable(logging.CRITICAL)
    files = list((root / "dags").glob("hostaway_sync*.py"))
    versions = {dag_id: {version} for dag_id, version in parse(files, root).items()}
    began = time.process_time()
    for _ in range(times):
        random.shuffle(files)
        for dag_id, version in parse(files, root).items():
            versions.setdefault(dag_id, set()).add(version)
    seconds = (time.process_time() - began) / times
    bare_dags(1)
    return {
        "versions": {dag_id: sorted(found) for dag_id, found in sorted(versions.items())},
        "seconds": seconds,
        "bare": bare_dags(len(versions)),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
