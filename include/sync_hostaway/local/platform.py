"""The embedded platform: PostgreSQL and Airflow for one state directory, started, watched and stopped as one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import psycopg

from sync_hostaway.local import keeper, ports, processes
from sync_hostaway.local.airflow import ADMIN, AirflowSetup
from sync_hostaway.local.airflow_api import AirflowApi
from sync_hostaway.local.component import API_SERVER, COMPONENTS, SCHEDULER
from sync_hostaway.local.errors import ComponentDied, NotStarted, StartTimedOut
from sync_hostaway.local.health import PlatformStatus, component_states, raise_if_one_died, unhealthy
from sync_hostaway.local.home import Home, open_log, read_json, tail
from sync_hostaway.local.launcher import CURRENT, GO, MIGRATE, SCHEMA_RECORD
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.local.secrets import Secrets

_LAUNCHER = "launcher"
# Tasks in progress may finish; what takes longer is retried at the next start.
_TASK_PATIENCE = 15.0
_LAST_WORDS = 1.5

Say = Callable[[str], None]


def _silent(_: str) -> None:
    """Progress that nobody wants to hear of."""


def _nothing(_: str) -> None:
    """Nothing to do once the warehouse is there."""


class Platform:
    """The platform of one state directory. As a context manager it is started, and stopped at the end.

    :param airflow_port: Port of Airflow's UI and API; None: a free one, chosen once and remembered.
    """

    def __init__(self, home: Path, project_root: Path, airflow_port: int | None = None) -> None:
        self.home = Home.at(home)
        self.project_root = project_root.expanduser().resolve()
        self.postgres = EmbeddedPostgres(home)
        self._asked_port = airflow_port

    @property
    def airflow_url(self) -> str:
        """Where Airflow's UI and API are.

        :raises NotStarted: when there has never been one.
        """
        port = ports.remembered_port(self.home, "airflow")
        if port is None:
            raise NotStarted(f"There is no embedded Airflow in {self.home.root} yet; `make start` starts it.")
        return f"http://{ports.HOST}:{port}"

    @property
    def admin_password(self) -> str:
        """Password of the user `admin`."""
        return Secrets.ensure(self.home).admin_password

    def warehouse_dsn(self) -> str:
        """URL of the embedded warehouse."""
        return self.postgres.dsn("warehouse")

    def api(self) -> AirflowApi:
        """A client of Airflow's REST API, logged in as `admin`."""
        return AirflowApi(self.airflow_url, ADMIN, self.admin_password)

    def env(self) -> dict[str, str]:
        """The environment of Airflow's processes, for running Airflow's own commands beside them."""
        return self._setup().environment()

    def start(
        self,
        progress: Callable[[str], None] | None = None,
        *,
        prepare: Callable[[str], None] = _nothing,
        timeout: float = 120.0,
    ) -> None:
        """Start what does not run, and wait until all of it is healthy. What a failed start began is stopped.

        :param progress: Hears what happens, in short sentences.
        :param prepare: Called with the warehouse's URL once PostgreSQL is there, while Airflow is loaded and its
            database migrated. No Dag is read and no task runs before it has returned.
        :raises LocalPlatformError: naming what is wrong and the end of the log that tells.
        """
        say = progress or _silent
        with self.home.locked("platform"):
            if self._is_up():
                say(f"Already running at {self.airflow_url}.")
                prepare(self.warehouse_dsn())
                return
            with self._stopped_when_interrupted(say):
                self._clear_the_past(say)
                self._start(say, prepare)
                self.wait_healthy(timeout)

    def wait_healthy(self, timeout: float = 120.0) -> None:
        """Wait until Airflow says that all its parts are healthy.

        :raises ComponentDied: as soon as one has ended.
        :raises StartTimedOut: with the parts that are not healthy.
        """
        deadline = time.monotonic() + timeout
        missing = ["api-server"]
        with self.api() as api:
            while time.monotonic() < deadline:
                raise_if_one_died(self.home)
                missing = unhealthy(self.home, api)
                if not missing:
                    api.warm_up()
                    return
                time.sleep(0.1)
        raise StartTimedOut(
            f"Not healthy after {timeout:.0f} s: {', '.join(missing)}. Their logs are in {self.home.logs}."
        )

    def stop(self, progress: Callable[[str], None] | None = None) -> None:
        """Stop everything that belongs to this home, whoever started it; PostgreSQL last."""
        if not self.home.root.exists():
            return
        with self.home.locked("platform"):
            self._stop(progress or _silent)

    def status(self) -> PlatformStatus:
        """What runs, since when, and where."""
        url = self.airflow_url if ports.remembered_port(self.home, "airflow") else None
        parts = component_states(self.home, self.postgres.status())
        healthy = False
        if url and all(part.running for part in parts):
            with self.api() as api:
                healthy = not unhealthy(self.home, api)
        return PlatformStatus(parts, healthy, url, self.postgres.status().port, self.home.root)

    def __enter__(self) -> Platform:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _setup(self) -> AirflowSetup:
        port = ports.remembered_port(self.home, "airflow")
        if port is None:
            raise NotStarted(f"There is no embedded Airflow in {self.home.root} yet; `make start` starts it.")
        return AirflowSetup(
            home=self.home,
            project_root=self.project_root,
            port=port,
            airflow_dsn=self.postgres.dsn("airflow"),
            warehouse_dsn=self.warehouse_dsn(),
            secrets=Secrets.ensure(self.home),
        )

    def _is_up(self) -> bool:
        return self.postgres.is_running() and all(processes.running(self.home, c.name) for c in COMPONENTS)

    def _clear_the_past(self, say: Say) -> None:
        left = processes.marked(self.home)
        if left:
            say(f"Ending {len(left)} processes left over from the last time.")
            self._stop_airflow()
        elif any(processes.read_record(self.home, component.name) for component in COMPONENTS):
            say("The last time ended without a stop; nothing of it is left running.")
        for component in COMPONENTS:
            processes.forget(self.home, component.name)
        shutil.rmtree(self.home.tmp, ignore_errors=True)
        self.home.prepare()

    def _start(self, say: Say, prepare: Say) -> None:
        self.postgres = EmbeddedPostgres(self.home.root, say)
        if self._asked_port is None:
            ports.choose(self.home, "airflow", say)
        else:
            ports.require(self.home, "airflow", self._asked_port, "AIRFLOW_PORT")
        say("Starting PostgreSQL and Airflow.")
        began = time.time()
        expected_port = self.postgres.choose_port()
        with self._launched() as launcher:
            self.postgres.start()
            if self.postgres.status().port == expected_port:
                self._let_go(launcher, began, say, prepare)
                return
        # Somebody took the port in between, and the launcher had the old one in its environment.
        self._stop_airflow()
        with self._launched() as launcher:
            self._let_go(launcher, began, say, prepare)

    def _let_go(
        self,
        launcher: subprocess.Popen[bytes],
        began: float,
        say: Say,
        prepare: Callable[[str], None],
    ) -> None:
        say(f"PostgreSQL listens on {ports.HOST}:{self.postgres.status().port}.")
        if launcher.stdin:
            # A launcher that died is noticed below, by its exit code.
            with suppress(BrokenPipeError), launcher.stdin as orders:
                orders.write((CURRENT if self._schema_is_current() else MIGRATE).encode())
                orders.flush()
                prepare(self.warehouse_dsn())
                orders.write(GO.encode())
        if launcher.wait() != 0:
            # It forks the migration last but one: when that has a log of now, everything before it went well.
            migrated = self.home.log("migrate")
            log = "migrate" if migrated.exists() and migrated.stat().st_mtime > began else _LAUNCHER
            end = tail(self.home.log(log))
            raise ComponentDied(f"Airflow could not be started. The end of {self.home.log(log)}:\n{end}")
        say("Airflow's database is ready; its components start.")

    @contextmanager
    def _launched(self) -> Iterator[subprocess.Popen[bytes]]:
        """The launcher; when left early, it is ended."""
        setup = self._setup()
        setup.write_files()
        log = open_log(self.home.log(_LAUNCHER))
        with subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "sync_hostaway.local.launcher", str(self.home.root)],
            cwd=self.home.airflow,
            env=setup.environment(),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as launcher:
            os.close(log)
            try:
                yield launcher
            finally:
                launcher.kill()

    def _schema_is_current(self) -> bool:
        """Whether Airflow's tables are those of the installed version; answered without importing Airflow."""
        record = read_json(self.home.airflow / SCHEMA_RECORD)
        if record.get("airflow") != version("apache-airflow-core"):
            return False
        with psycopg.connect(self.postgres.dsn("airflow")) as connection, suppress(psycopg.errors.UndefinedTable):
            found = connection.execute("select version_num from alembic_version").fetchall()
            return [row[0] for row in found] == [record.get("revision")]
        return False

    @contextmanager
    def _stopped_when_interrupted(self, say: Say) -> Iterator[None]:
        try:
            yield
        except BaseException:
            # Also on Ctrl-C: nothing that a failed start began may go on. A second Ctrl-C must not cut this short.
            previous = signal.getsignal(signal.SIGINT)
            with suppress(ValueError):  # signals belong to the main thread
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                self._stop(say, patience=2.0)
            finally:
                with suppress(ValueError):
                    signal.signal(signal.SIGINT, previous)
            raise

    def _stop(self, say: Say, patience: float = _TASK_PATIENCE) -> None:
        if processes.marked(self.home):
            say("Stopping Airflow.")
            self._stop_airflow(patience)
        for component in COMPONENTS:
            processes.forget(self.home, component.name)
        if self.postgres.status().running:
            say("Stopping PostgreSQL.")
            self.postgres.stop()

    def _stop_airflow(self, patience: float = 0.0) -> None:
        # The keeper first: it would start again what ends.
        processes.end([process for process in [processes.running(self.home, keeper.NAME)] if process], _LAST_WORDS)
        processes.forget(self.home, keeper.NAME)
        main = {component.name: processes.running(self.home, component.name) for component in COMPONENTS}
        # Tasks in progress report to the API server: it stays until the scheduler has waited for them.
        first = [process for name, process in main.items() if process and name != API_SERVER.name]
        processes.send(first, signal.SIGTERM)
        processes.wait_gone([process for process in first if process is main[SCHEDULER.name]], patience)
        # The API server, tasks that take too long, and what a killed parent left. The triggerer may take ten seconds;
        # it need not be waited for: its triggers are in the database.
        processes.end(processes.marked(self.home), _LAST_WORDS)
        # Started by something that was still ending.
        processes.end(processes.marked(self.home), 0.2)
