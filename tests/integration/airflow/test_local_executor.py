"""The executor of the embedded platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sync_hostaway.local.airflow import EXECUTOR

pytestmark = pytest.mark.integration


def test_tasks_run_again_after_all_idle_workers_were_killed(tmp_path: Path) -> None:
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__EXECUTOR": EXECUTOR,
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "PYTHONWARNINGS": "ignore",
    }
    process = Path(__file__).with_name("local_executor_process.py")
    done = subprocess.run(
        [sys.executable, str(process)], env=env, capture_output=True, text=True, check=False, timeout=150
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert None not in seen.values(), (seen, done.stderr[-3000:])
