"""Scripts that do something in a real Airflow, in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def results_of(script: Path, environment: dict[str, str], *arguments: str) -> list[Any]:
    """Run a script; the JSON in the lines that it prints after `RESULT`.

    :raises AssertionError: when the script fails; has the end of what it printed.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN")}
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        env={**ours, **environment, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return [json.loads(line.removeprefix("RESULT ")) for line in lines]
