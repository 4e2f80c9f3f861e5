"""Seconds until the Dags of registered accounts are in Airflow: of 1,000 at once, and of one beside them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks import machine
from benchmarks.environment import Environment
from benchmarks.options import Options
from benchmarks.process import environment
from benchmarks.report import Result, Target
from sync_hostaway.core.dag_ids import SYNC_FILES

ROOT = Path(__file__).resolve().parents[1]
_BIN = Path(sys.executable).parent
_ACCOUNTS = 1_000
_SECONDS = 30.0
_TIMEOUT = 600.0
# It is there when the Dag processor has ended its first parses.
_OTHER_DAG = "select count(*) from dag where dag_id = 'hostaway_maintenance'"
_STORED = "select count(*) from serialized_dag where dag_id like 'hostaway\\_sync\\_\\_%'"
# As `accounts add` and the HTTP API do after each registration.
_REQUEST_PARSES = """
import sys
from sync_hostaway.airflow.parse_request import request_parse
for account_id in sys.argv[1:]:
    request_parse(int(account_id))
"""


def run(options: Options) -> list[Result]:
    """Run a Dag processor, register accounts in its database, and request the parse of their files."""
    columns = ("registered", "seconds until the first", "half of them", "all", "CPU of the Dag processor, s")
    result = Result("new_dags: from the registration of accounts to their Dags in Airflow", columns)
    with Environment() as bed:
        options.say("new_dags: preparing Airflow's database")
        airflow, warehouse = bed.database(migrated=False), bed.database()
        env = _environment(bed.scratch, airflow, warehouse)
        _run(env, _BIN / "airflow", "db", "migrate")
        with _dag_processor(env, bed.scratch / "dag-processor.log") as process, psycopg.connect(airflow) as stored:
            stored.autocommit = True
            _wait(stored, _OTHER_DAG, [1])
            for number, ids in ((_ACCOUNTS, range(1, _ACCOUNTS + 1)), (1, range(_ACCOUNTS + 1, _ACCOUNTS + 2))):
                options.say(f"new_dags: {number:,} accounts")
                before, cpu = _count(stored, _STORED), _cpu(process)
                began = time.monotonic()
                with psycopg.connect(warehouse) as registry:
                    registry.cursor().executemany(
                        "insert into ops.accounts (account_id) values (%s)", [(account_id,) for account_id in ids]
                    )
                # The accounts of a file follow each other by remainder.
                _run(env, sys.executable, "-c", _REQUEST_PARSES, *map(str, ids[: len(SYNC_FILES)]))
                requested = time.monotonic() - began
                marks = [before + 1, before + (number + 1) // 2, before + number]
                seconds = [requested + waited for waited in _wait(stored, _STORED, marks)]
                cpu = _cpu(process) - cpu
                result.rows.append([f"{number:,}", *(f"{value:.1f}" for value in seconds), f"{cpu:.1f}"])
                result.raw.append({"accounts": number, "seconds": seconds, "cpu": cpu})
                result.targets.append(Target(f"all of {number:,}", _SECONDS, seconds[-1], unit=" s"))
    result.notes.append("The seconds include the start of the process that requests the parses.")
    return [result]


def _environment(scratch: Path, airflow: str, warehouse: str) -> dict[str, str]:
    bundle = {
        "name": "hostaway",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(ROOT)},
    }
    settings = {
        "AIRFLOW_HOME": str(scratch / "airflow"),
        "SYNC_HOSTAWAY_HOME": str(scratch / "sync-hostaway"),
        "WAREHOUSE_URL": warehouse,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow.replace("postgresql://", "postgresql+psycopg2://", 1),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "PYTHONWARNINGS": "ignore",
    }
    return {**environment(os.environ), **settings}


def _run(env: dict[str, str], *command: str | Path) -> None:
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise RuntimeError(done.stderr[-400:])


@contextmanager
def _dag_processor(env: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [_BIN / "airflow", "dag-processor"],
            cwd=ROOT,
            env=env,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        # A clean end takes more than a minute on a busy machine, and its database is removed anyway.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


def _cpu(process: psutil.Process) -> float:
    """CPU seconds of a process and of its children that have ended: they parse files."""
    times: Any = process.cpu_times()
    return machine.cpu(process) + float(times.children_user + times.children_system)


def _count(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _wait(connection: psycopg.Connection[Any], query: str, counts: list[int]) -> list[float]:
    """Seconds from now until the query counts as many; for each of these numbers."""
    began, seconds = time.monotonic(), []
    for count in counts:
        while _count(connection, query) < count:
            if time.monotonic() - began > _TIMEOUT:
                raise RuntimeError(f"{count} Dags were not there after {_TIMEOUT:.0f} s")
            time.sleep(0.1)
        seconds.append(time.monotonic() - began)
    return seconds
