"""Starts Airflow's components: imports Airflow once, forks, and migrates the database at the same time.

    python -m sync_hostaway.local.launcher HOME

Four processes that each import Airflow keep two cores busy for seconds. Here they are forks of one process with these
imports, and they prepare while PostgreSQL starts and is migrated:

    import Airflow ─┬─ fork API server: builds its application ──────────────► wait ─► serve
                    ├─ fork: wait for PostgreSQL, migrate, open the gate
                    └─ import dbt, Cosmos ─ fork scheduler, Dag processor, triggerer ─► wait ─► run
                                          └ fork supervisor ──────────────────────────► restarts components

Standard input has two commands, one per line: `migrate` (or `current`, if the schema is known to be up to date) when
PostgreSQL is ready, and `go` when everything else that the components need exists. The gate is a pipe with one byte for
each component. If it closes earlier, the components end without a start. The launcher ends with exit code 0 when the
gate is open and the supervisor runs.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from sync_hostaway.airflow import processes as airflow_processes
from sync_hostaway.airflow.client import AirflowApi
from sync_hostaway.airflow.pools import DBT_POOL, SYNC_POOL
from sync_hostaway.core.files import forbid_others_to_write
from sync_hostaway.core.home import Home, write_json
from sync_hostaway.local import supervisor
from sync_hostaway.local.airflow import SYNC_SLOTS
from sync_hostaway.local.component import API_SERVER, COMPONENTS, DBT, ENGINE, SUPERVISOR, preload
from sync_hostaway.local.forks import fork, start
from sync_hostaway.local.processes import write_record

MIGRATE, CURRENT, GO = "migrate\n", "current\n", "go\n"
SCHEMA_RECORD = "schema.json"
_COMMON = ("airflow", "airflow.utils.db", "airflow.models", "airflow.__main__")
_RUNNERS = (
    "airflow.jobs.scheduler_job_runner",
    "airflow.dag_processing.manager",
    "airflow.jobs.triggerer_job_runner",
    "airflow.executors.local_executor",
    "airflow.api_fastapi.execution_api.app",
)


class Gate:
    """Holds the components back until the database is ready."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def wait(self) -> bool:
        """Block until the gate opens. Returns False if the process that could open it has ended."""
        os.close(self._write)
        return os.read(self._read, 1) != b""

    def leave(self) -> None:
        """Close this process's end of the gate, so that only others can open it."""
        os.close(self._write)

    def open(self) -> None:
        """Open the gate for all components."""
        os.write(self._write, b"x" * len(COMPONENTS))


def _migrate(home: Home, *, needed: bool) -> None:
    """Migrate Airflow's schema, and create the pools that the Dags use."""
    pools = {
        DBT_POOL: (1, "One dbt run at a time writes"),
        SYNC_POOL: (SYNC_SLOTS, "Leaves slots for webhook events"),
    }
    write_json(home.airflow / SCHEMA_RECORD, airflow_processes.prepare_database(pools, migrate=needed))


def _keep(home: Home) -> None:
    # Its health needs no login.
    with AirflowApi(airflow_processes.base_url(), "", "") as api:
        supervisor.supervise(home, api)


def main(home: Home) -> int:
    """See the module."""
    forbid_others_to_write()
    gate = Gate()
    preload(_COMMON)
    start(home, API_SERVER, gate.wait)

    def migrate() -> None:
        order = sys.stdin.readline()
        if order:
            _migrate(home, needed=order == MIGRATE)
            order = sys.stdin.readline()
        if order != GO:
            sys.exit("Stopped before the components started.")
        gate.open()

    migrator = fork(home, "migrate", migrate)
    preload((*_RUNNERS, *ENGINE, *DBT))
    for component in COMPONENTS:
        if component is not API_SERVER:
            start(home, component, gate.wait)
    gate.leave()
    _, status = os.waitpid(migrator, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        write_record(home, SUPERVISOR, fork(home, SUPERVISOR, lambda: _keep(home)))
    return code


if __name__ == "__main__":
    # A stop during the imports: end at once. The children notice the closed gate.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(main(Home.at(Path(sys.argv[1]))))
