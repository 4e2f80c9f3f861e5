"""Starts Airflow's components: imports Airflow once, forks, migrates the database meanwhile.

    python -m sync_hostaway.local.launcher HOME

Four processes that each import Airflow keep two cores busy for seconds. Here they are forks of one process that did
it, and most of what they do before they need the database is done while PostgreSQL starts and is migrated:

    import Airflow ─┬─ fork API server: builds its application ──────────────► wait ─► serve
                    ├─ fork: wait for PostgreSQL, migrate, open the gate
                    └─ import dbt, Cosmos ─ fork scheduler, Dag processor, triggerer ─► wait ─► run

Standard input gives two orders, a line each: `migrate` (or `current`, if the schema is known to be up to date) once
PostgreSQL is ready, and `go` when everything else that the components need is there. The gate is a pipe: one byte for
each component; when it closes before that, they leave without having started anything. The launcher ends with exit
code 0 when the gate is open.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from sync_hostaway.local.component import API_SERVER, COMPONENTS, DBT, ENGINE, Component, preload, run
from sync_hostaway.local.home import Home, open_log, write_json
from sync_hostaway.local.processes import write_record

POOL = "hostaway_dbt"
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
        """Block until it opens; False when whoever could open it is gone."""
        os.close(self._write)
        return os.read(self._read, 1) != b""

    def leave(self) -> None:
        """Leave it to others to open it."""
        os.close(self._write)

    def open(self) -> None:
        """Let everybody through."""
        os.write(self._write, b"x" * len(COMPONENTS))


def fork(home: Home, name: str, body: Callable[[], None]) -> int:
    """Run something in a child with a session and a log file of its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        log = open_log(home.log(name))
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        body()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # noqa: BLE001 - the child must never return into the launcher's code
        traceback.print_exc()
    finally:
        _leave(code)
    return 0


def _leave(code: int) -> None:
    """End the process as the interpreter would: handlers run (Airflow closes its sessions), streams are flushed."""
    import atexit

    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _component(home: Home, component: Component, gate: Gate) -> int:
    def body() -> None:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        preload(component.preload)
        if gate.wait():
            run(component)

    pid = fork(home, component.name, body)
    write_record(home, component.name, pid)
    return pid


def _migrate(home: Home, *, needed: bool) -> None:
    """Bring Airflow's schema up to date, and make the pool that lets one dbt run at a time write."""
    from airflow import __version__
    from airflow.models.pool import Pool
    from airflow.utils import db
    from airflow.utils.session import create_session
    from sqlalchemy import text

    if needed:
        db.upgradedb()
    with create_session() as session:
        Pool.create_or_update_pool(POOL, 1, "One dbt run at a time writes", include_deferred=False, session=session)
        revision = session.scalar(text("select version_num from alembic_version"))
    write_json(home.airflow / SCHEMA_RECORD, {"airflow": __version__, "revision": revision})


def main(home: Home) -> int:
    """See the module."""
    gate = Gate()
    preload(_COMMON)
    _component(home, API_SERVER, gate)

    def migrate() -> None:
        order = sys.stdin.readline()
        if order:
            _migrate(home, needed=order == MIGRATE)
            order = sys.stdin.readline()
        if order != GO:
            sys.exit("Told to leave.")
        gate.open()

    migrator = fork(home, "migrate", migrate)
    preload((*_RUNNERS, *ENGINE, *DBT))
    for component in COMPONENTS:
        if component is not API_SERVER:
            _component(home, component, gate)
    gate.leave()
    _, status = os.waitpid(migrator, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    # Told to stop while importing: leave at once, the children notice the closed gate.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(main(Home.at(Path(sys.argv[1]))))
