"""The embedded platform: PostgreSQL and Airflow for one state directory, started, watched and stopped as one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from sync_hostaway.airflow.client import AirflowApi
from sync_hostaway.core.embedded import HOST, remembered_port
from sync_hostaway.core.exceptions import ConfigurationError, LocalPlatformError, NotStarted
from sync_hostaway.core.home import Home
from sync_hostaway.core.home_secrets import Secrets
from sync_hostaway.local import ports, processes
from sync_hostaway.local.airflow import ADMIN, AirflowSetup
from sync_hostaway.local.component import API_SERVER, COMPONENTS, SCHEDULER, SUPERVISOR
from sync_hostaway.local.echo import Echo, ignoring_broken_pipe, no_output
from sync_hostaway.local.errors import StartTimedOut
from sync_hostaway.local.health import PlatformStatus, component_states, raise_if_one_died, unhealthy
from sync_hostaway.local.launcher import CURRENT, GO, MIGRATE
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.local.signals import ignore_signals
from sync_hostaway.local.start_launcher import launched, raise_if_it_failed, schema_is_current
from sync_hostaway.migrations.api_login import api_dsn, ensure_api_login

# Seconds that running tasks get to finish; longer ones are retried at the next start.
_TASK_TIMEOUT = 15.0
# Seconds between SIGTERM and SIGKILL for all other processes.
_TERMINATE_TIMEOUT = 1.5
# Settings of the running components that a second start cannot change.
_ENVIRONMENT_OF_TASKS = ("WAREHOUSE_URL", "AIRFLOW__HOSTAWAY__SECRET_KEYS", "HOSTAWAY_API_URL")


class Platform:
    """The platform of one state directory. As a context manager, it starts and finally stops the platform.

    :param airflow_port: Port of Airflow's UI and API; None: a free one, chosen once and remembered.
    :param warehouse_url: Warehouse of the tasks; None: the embedded one.
    :param secret_keys: Keys of the stored secrets, for any warehouse but the embedded one; None: the home's own.
    :param api_url: Hostaway API of the tasks; None: that of their settings.
    """

    def __init__(
        self,
        home: Path,
        project_root: Path,
        airflow_port: int | None = None,
        *,
        warehouse_url: str | None = None,
        secret_keys: str | None = None,
        api_url: str | None = None,
    ) -> None:
        self.home = Home.at(home)
        self.project_root = project_root.expanduser().resolve()
        self.postgres = EmbeddedPostgres(home)
        self._asked_port = airflow_port
        self._warehouse_url = warehouse_url
        self._asked_keys = secret_keys
        self._api_url = api_url

    @property
    def airflow_url(self) -> str:
        """URL of Airflow's UI and API.

        :raises NotStarted: when Airflow was never started in this home.
        """
        return f"http://{HOST}:{self._port()}"

    @property
    def admin_password(self) -> str:
        """Password of the user `admin`."""
        return Secrets.ensure(self.home).admin_password

    def warehouse_dsn(self) -> str:
        """URL of the warehouse that tasks write to."""
        return self._warehouse_url or self.postgres.dsn("warehouse")

    def api(self) -> AirflowApi:
        """A client of Airflow's REST API, logged in as `admin`."""
        return AirflowApi(self.airflow_url, ADMIN, self.admin_password)

    def env(self) -> dict[str, str]:
        """Return the environment of Airflow's processes, for example to run Airflow's own commands."""
        return self._setup().environment()

    def start(
        self,
        progress: Echo = no_output,
        *,
        prepare: Callable[[str], None] = no_output,
        timeout: float = 120.0,
    ) -> None:
        """Start all processes that do not run, and wait until they are healthy. A failed start stops them again.

        :param progress: Called with short sentences about the progress.
        :param prepare: Called with the warehouse's URL when PostgreSQL runs, while Airflow is loaded and its database
            migrated. No Dag is parsed and no task runs before it returns.
        :raises ConfigurationError: when the warehouse is not the embedded one and there is no key for it.
        :raises LocalPlatformError: with the error and the end of the log.
        """
        self._secret_keys()
        with self.home.locked("platform"):
            if self._is_up():
                self._refuse_to_run_differently()
                progress(f"Already running at {self.airflow_url}.")
                prepare(self.warehouse_dsn())
                # The supervisor may have started some of it again just now.
                self.wait_healthy(timeout)
                return
            with self._stopped_when_interrupted(progress):
                self._end_earlier_processes(progress)
                self._start(progress, prepare)
                self.wait_healthy(timeout)

    def wait_healthy(self, timeout: float = 120.0) -> None:
        """Wait until Airflow reports that all its parts are healthy.

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
                    api.preload_project()
                    return
                time.sleep(0.1)
        raise StartTimedOut(
            f"Not healthy after {timeout:.0f} s: {', '.join(missing)}. Their logs are in {self.home.logs}."
        )

    def stop(self, progress: Echo = no_output) -> None:
        """Stop all processes of this home, also those that other commands started. PostgreSQL is stopped last."""
        if not self.home.root.exists():
            return
        with self.home.locked("platform"):
            self._stop(progress)

    def remove(self, progress: Echo = no_output) -> list[Path]:
        """Stop all processes, and remove everything that sync-hostaway created in this home, with the data.

        :return: entries that are left, because sync-hostaway did not create them.
        :raises LocalPlatformError: when a process still runs; then nothing is removed.
        """
        if not self.home.root.exists():
            return []
        with self.home.locked("platform"):
            self._stop(progress)
            if self.postgres.status().running or processes.belonging(self.home):
                raise LocalPlatformError(f"Some processes of {self.home.root} still run; nothing was removed.")
            try:
                return self.home.remove()
            except OSError as error:
                raise LocalPlatformError(f"{error.filename} cannot be removed: {error.strerror}") from error

    def status(self) -> PlatformStatus:
        """Return the state of all processes."""
        url = self.airflow_url if remembered_port(self.home, "airflow") else None
        parts = component_states(self.home, self.postgres.status())
        status = PlatformStatus(parts, healthy=False, airflow_url=url, home=self.home.root)
        if not url or not status.running:
            return status
        with self.api() as api:
            return replace(status, healthy=not unhealthy(self.home, api))

    def __enter__(self) -> Platform:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _port(self) -> int:
        port = remembered_port(self.home, "airflow")
        if port is None:
            raise NotStarted(f"There is no embedded Airflow in {self.home.root} yet; `make start` starts it.")
        return port

    def _setup(self) -> AirflowSetup:
        secrets = Secrets.ensure(self.home)
        return AirflowSetup(
            home=self.home,
            project_root=self.project_root,
            port=self._port(),
            airflow_dsn=self.postgres.dsn("airflow"),
            warehouse_dsn=self.warehouse_dsn(),
            secret_keys=self._secret_keys(),
            secrets=secrets,
            api_url=self._api_url,
            # A warehouse elsewhere has its own roles: docs/security.md describes how to create one.
            api_warehouse_dsn=None
            if self._warehouse_url
            else api_dsn(self.warehouse_dsn(), secrets.api_login_password),
        )

    def _secret_keys(self) -> str:
        """Keys of the SecretsStore for the warehouse in use."""
        if self._asked_keys:
            return self._asked_keys
        if self._warehouse_url:
            raise ConfigurationError(
                "WAREHOUSE_URL is set, but AIRFLOW__HOSTAWAY__SECRET_KEYS is not. Secrets in that warehouse need a key "
                "of their own, not the one of this home. Set the Fernet key that encrypts its secrets; for a "
                "new warehouse, `sync-hostaway secrets new-key` prints one."
            )
        return Secrets.ensure(self.home).hostaway_secret_keys

    def _refuse_to_run_differently(self) -> None:
        """Refuse other settings than those of the running components."""
        running = processes.running(self.home, SCHEDULER.name)
        with suppress(psutil.Error, OSError):
            theirs, ours = running.environ() if running else {}, self.env()
            differing = [name for name in _ENVIRONMENT_OF_TASKS if theirs.get(name) != ours.get(name)]
            if theirs and differing:
                raise LocalPlatformError(
                    f"The platform in {self.home.root} runs with another {' and '.join(differing)}. "
                    "Run `make stop`, then start it again."
                )

    def _is_up(self) -> bool:
        # Without its supervisor, a platform works until one of its components ends.
        names = (SUPERVISOR, *(component.name for component in COMPONENTS))
        return self.postgres.is_running() and all(processes.running(self.home, name) for name in names)

    def _end_earlier_processes(self, echo: Echo) -> None:
        left = processes.belonging(self.home)
        if left:
            echo(f"Ending {len(left)} processes that the last run left.")
            self._stop_airflow()
        elif any(processes.read_record(self.home, component.name) for component in COMPONENTS):
            echo("The last run ended without a stop; none of its processes is left.")
        for component in COMPONENTS:
            processes.forget(self.home, component.name)
        shutil.rmtree(self.home.tmp, ignore_errors=True)
        self.home.prepare()

    def _start(self, echo: Echo, prepare: Callable[[str], None]) -> None:
        self.postgres = EmbeddedPostgres(self.home.root, echo)
        if self._asked_port is None:
            ports.choose(self.home, "airflow", echo)
        else:
            ports.require(self.home, "airflow", self._asked_port, "AIRFLOW_PORT")
        echo("Starting PostgreSQL and Airflow.")
        began = time.time()
        expected_port = self.postgres.choose_port()
        with self._launch() as launcher:
            self.postgres.start()
            if self.postgres.status().port == expected_port:
                self._continue_launch(launcher, began, echo, prepare)
                return
        # Another process took the port in between, and the launcher has the old one in its environment.
        self._stop_airflow()
        with self._launch() as launcher:
            self._continue_launch(launcher, began, echo, prepare)

    def _continue_launch(
        self,
        launcher: subprocess.Popen[bytes],
        began: float,
        echo: Echo,
        prepare: Callable[[str], None],
    ) -> None:
        echo(f"PostgreSQL listens on {HOST}:{self.postgres.status().port}.")
        if launcher.stdin:
            # The exit code below shows whether the launcher failed.
            with suppress(BrokenPipeError), launcher.stdin as commands:
                is_current = schema_is_current(self.home, self.postgres.dsn("airflow"))
                commands.write((CURRENT if is_current else MIGRATE).encode())
                commands.flush()
                prepare(self.warehouse_dsn())
                if not self._warehouse_url:
                    ensure_api_login(self.warehouse_dsn(), Secrets.ensure(self.home).api_login_password)
                commands.write(GO.encode())
        raise_if_it_failed(self.home, launcher, began)
        echo("Airflow's database is ready; its components start.")

    def _launch(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        setup = self._setup()
        setup.write_files()
        return launched(self.home, setup.environment())

    @contextmanager
    def _stopped_when_interrupted(self, echo: Echo) -> Iterator[None]:
        try:
            yield
        except BaseException:
            # Also on Ctrl-C: a failed start must leave no process. A second Ctrl-C must not interrupt this.
            with ignore_signals():
                self._stop(ignoring_broken_pipe(echo), timeout=2.0)
            raise

    def _stop(self, echo: Echo, timeout: float = _TASK_TIMEOUT) -> None:
        if processes.belonging(self.home):
            echo("Stopping Airflow.")
            self._stop_airflow(timeout)
        for component in COMPONENTS:
            processes.forget(self.home, component.name)
        if self.postgres.status().running:
            echo("Stopping PostgreSQL.")
            self.postgres.stop()

    def _stop_airflow(self, timeout: float = 0.0) -> None:
        # The supervisor first, because it would restart the others.
        processes.end(
            [process for process in [processes.running(self.home, SUPERVISOR)] if process], _TERMINATE_TIMEOUT
        )
        processes.forget(self.home, SUPERVISOR)
        main = {component.name: processes.running(self.home, component.name) for component in COMPONENTS}
        # Running tasks report to the API server, so it stops after the scheduler, which waits for them.
        first = [process for name, process in main.items() if process and name != API_SERVER.name]
        processes.send(first, signal.SIGTERM)
        processes.wait_ended([process for process in first if process is main[SCHEDULER.name]], timeout)
        # The API server, tasks that take too long, and children of a killed parent. The triggerer may take ten seconds.
        # It can be killed, because its triggers are in the database.
        processes.end(processes.belonging(self.home), _TERMINATE_TIMEOUT)
        # Processes that were started during the stop.
        processes.end(processes.belonging(self.home), 0.2)
