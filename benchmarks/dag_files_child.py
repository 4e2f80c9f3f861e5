"""Parses Dag files as Airflow's Dag processor does, in a process of its own, and prints the costs as JSON.

`python -m benchmarks.dag_files_child FOLDER PATTERN`
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any


def main(folder: Path, pattern: str) -> dict[str, Any]:
    """CPU seconds to import the files and to serialise their Dags, number of Dags, and bytes of the serialised Dags."""
    logging.disable(logging.CRITICAL)
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.sdk import DAG, BaseOperator
    from airflow.serialization.serialized_objects import DagSerialization

    # What every process has loaded before it parses a file.
    with DAG("warm_up", schedule=None):
        BaseOperator(task_id="warm_up")
    files = sorted(folder.glob(pattern))
    found: dict[str, Any] = {"files": len(files), "dags": 0, "parse": 0.0, "serialize": 0.0, "bytes": 0, "slowest": 0.0}
    for file in files:
        began = time.process_time()
        bag = BundleDagBag(dag_folder=str(file), bundle_path=folder, bundle_name="bench")
        parsed = time.process_time()
        if bag.import_errors:
            raise RuntimeError(str(bag.import_errors))
        dags = [DagSerialization.to_dict(dag) for dag in bag.dags.values()]
        ended = time.process_time()
        found["dags"] += len(dags)
        found["parse"] += parsed - began
        found["serialize"] += ended - parsed
        found["bytes"] += sum(len(json.dumps(dag)) for dag in dags)
        found["slowest"] = max(found["slowest"], ended - began)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), sys.argv[2])) + "\n")
