"""Runs the executor of the embedded platform and kills its idle workers (see test_local_executor.py).

Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import uuid
from typing import Any

from airflow.executors.executor_loader import ExecutorLoader
from airflow.executors.workloads.base import BundleInfo
from airflow.executors.workloads.callback import CallbackDTO, CallbackFetchMethod, ExecuteCallback


def work() -> ExecuteCallback:
    """Something to run. It fails, because its function does not exist."""
    callback = CallbackDTO(
        id=str(uuid.uuid4()), fetch_method=CallbackFetchMethod.IMPORT_PATH, data={"path": "nowhere.nothing"}
    )
    return ExecuteCallback(
        callback=callback, token="none", dag_rel_path="", log_path="log", bundle_info=BundleInfo(name="none")
    )


def seconds_until_read(executor: Any, timeout: float = 40.0) -> float | None:
    """Seconds until a worker reads a new workload; None: none did in time."""
    workload = work()
    executor.queue_workload(workload, session=None)
    began = time.monotonic()
    while time.monotonic() < began + timeout:
        executor.heartbeat()
        if workload.key in executor.event_buffer:
            return time.monotonic() - began
        time.sleep(0.1)
    return None


def main() -> None:
    """Kill all idle workers, twice."""
    executor: Any = ExecutorLoader.get_default_executor()
    executor.start()
    seen: dict[str, Any] = {"before": seconds_until_read(executor)}
    for again in ("first", "second"):
        for worker in executor.workers.values():
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
        seen[again] = seconds_until_read(executor)
    for worker in executor.workers.values():
        worker.kill()
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main()
