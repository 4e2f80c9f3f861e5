"""CPU to parse and serialise the Dags of many accounts, beside as many Dags of one task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.options import Options
from benchmarks.process import environment
from benchmarks.report import Result, Target
from sync_hostaway.accounts.snapshot import SnapshotAccount, write_snapshot

ROOT = Path(__file__).resolve().parents[1]
_COUNTS = (10, 1_000, 5_000)
_BARE = """
from datetime import UTC, datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

for number in range({count}):
    with DAG(f"bare_{{number}}", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False) as dag:
        EmptyOperator(task_id="only")
    globals()[dag.dag_id] = dag
"""


def run(options: Options) -> list[Result]:
    """Parse the files as Airflow's Dag processor does. The registry cannot be reached, so nothing waits for it."""
    columns = ("Dags", "parse, CPU s", "serialize, CPU s", "sum", "slowest file", "ms a Dag", "KB a Dag")
    result = Result("dags: Dags of accounts, beside Dags of one task", columns)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for count in _COUNTS:
            options.say(f"dags: {count} accounts")
            ours = _ours(folder, count)
            bare = _bare(folder, count)
            for kind, found in ((f"{count:,} accounts", ours), (f"{count:,} bare", bare)):
                result.rows.append([kind, *_cells(found)])
                result.raw.append({"kind": kind, **found})
            if count == 1_000:
                result.targets.append(Target("parse and serialize at 1,000", 5.0, _sum(ours), unit=" s"))
            if count == 5_000:
                each = _sum(ours) / count
                at_1000 = next(raw for raw in result.raw if raw["kind"] == "1,000 accounts")
                result.targets.append(
                    Target("a Dag at 5,000 / at 1,000", 1.3, each / (_sum(at_1000) / 1_000), unit="x")
                )
                result.targets.append(Target("slowest file at 5,000", 50 / 3, ours["slowest"], unit=" s"))
    result.notes.append("Slowest file: import and serialization; Airflow's limit is 50 s, and 30 s for the import.")
    return [result]


def _ours(folder: Path, count: int) -> dict[str, Any]:
    accounts = [SnapshotAccount(10_000 + 7 * n, "2026-11-01T10:00:00+00:00", f"Account {n}") for n in range(count)]
    write_snapshot(folder / "home" / "accounts.json", accounts, "2026-10-01T00:00:00+00:00")
    return _measure(folder, ROOT / "dags", "hostaway_sync*.py")


def _bare(folder: Path, count: int) -> dict[str, Any]:
    (folder / "bare.py").write_text(_BARE.format(count=count), encoding="utf-8")
    return _measure(folder, folder, "bare.py")


def _measure(folder: Path, dags: Path, pattern: str) -> dict[str, Any]:
    settings = {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "SYNC_HOSTAWAY_HOME": str(folder / "home"),
        "WAREHOUSE_URL": "postgresql://nouser@127.0.0.1:9/nowhere",
        # A slow machine is measured, too.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "0",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.dag_files_child", str(dags), pattern],
        cwd=ROOT,
        env={**environment(os.environ), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-400:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _sum(found: dict[str, Any]) -> float:
    return float(found["parse"] + found["serialize"])


def _cells(found: dict[str, Any]) -> list[str]:
    total, dags = _sum(found), found["dags"]
    figures = (found["parse"], found["serialize"], total, found["slowest"])
    return [
        *(f"{figure:.2f}" for figure in figures),
        f"{1000 * total / dags:.1f}",
        f"{found['bytes'] / dags / 1000:.1f}",
    ]
