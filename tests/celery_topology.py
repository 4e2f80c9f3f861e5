"""The services of docker-compose.yaml without Docker: their settings, commands and init script as plain processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from compose_file import PROJECT, environment, interpolate, load
from free_port import free_port
from sync_hostaway.local.postgres import EmbeddedPostgres

SERVICES: dict[str, dict[str, Any]] = load()["services"]
BIN = Path(sys.executable).parent


def new_database(postgres: EmbeddedPostgres) -> str:
    name = f"celery_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return postgres.dsn(name)


@dataclass
class Topology:
    """The services of docker-compose.yaml as processes, in a folder of their own.

    :param values: of the variables in docker-compose.yaml.
    :param port: of the API server that the services use; `second_port`: of another one.
    """

    root: Path
    values: dict[str, str]
    port: int = field(default_factory=free_port)
    second_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def second_url(self) -> str:
        return f"http://127.0.0.1:{self.second_port}"

    @property
    def airflow_dsn(self) -> str:
        return self.values["AIRFLOW_DATABASE_URL"].replace("+psycopg2", "")

    def native(self, text: str) -> str:
        """A container's path or host, here."""
        places = {
            "/opt/sync-hostaway": str(PROJECT),
            "/opt/airflow": str(self.root / "airflow"),
            "/var/lib/sync-hostaway": str(self.root / "home"),
            "http://airflow-apiserver:8080": self.url,
            "http://127.0.0.1:8080": self.url,
            "http://127.0.0.1:8974": f"http://127.0.0.1:{self.values['health port']}",
        }
        for place, here in places.items():
            text = text.replace(place, here)
        return text

    def environment(self, service: str) -> dict[str, str]:
        found = {name: self.native(value) for name, value in environment(SERVICES[service], self.values).items()}
        if "broker" not in SERVICES[service].get("networks", []):
            # Out of its reach in the deployment too.
            found["AIRFLOW__CELERY__BROKER_URL"] = "redis://127.0.0.1:1/0"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PG", "DBT_"))}
        return {
            **kept,
            **found,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "AIRFLOW_HOME": str(self.root / "airflow"),
            # The image has an empty one.
            "AIRFLOW_CONFIG": str(self.root / "airflow" / "airflow.cfg"),
            "NO_PROXY": "127.0.0.1,localhost",
            "PYTHONWARNINGS": "ignore",
            # All of them are on one machine here.
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": self.values["health port"],
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        }

    def log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def start(self, service: str, name: str | None = None, *more: str, **environment: str) -> None:
        words = [*SERVICES[service]["command"], *more]
        with self.log(name or service).open("wb") as log:
            self.processes[name or service] = subprocess.Popen(
                words,
                executable=BIN / words[0],
                cwd=PROJECT,
                env={**self.environment(service), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, service: str, *words: str) -> str:
        done = subprocess.run(
            [self.native(word) for word in words],
            cwd=PROJECT,
            env=self.environment(service),
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done.stdout

    def check_health(self, service: str, **names: str) -> str:
        kind, *words = SERVICES[service]["healthcheck"]["test"]
        words = [interpolate(word, {}) for word in words]
        if kind == "CMD-SHELL":
            words = ["env", *(f"{name}={value}" for name, value in names.items()), "sh", "-c", *words]
        return self.run(service, *words)

    def wait_until(self, what: str, answers: Any, max_seconds: float = 120.0, every: float = 0.5) -> None:
        deadline = time.monotonic() + max_seconds
        while not answers():
            for name, process in self.processes.items():
                end = self.log(name).read_text(errors="replace")[-3000:] if process.poll() is not None else ""
                assert process.poll() is None, f"{name} has ended: {end}"
            assert time.monotonic() < deadline, f"not in time: {what}"
            time.sleep(every)

    def start_worker(self, name: str, api_server: str) -> None:
        """Start a worker whose tasks use one of the two API servers."""
        url = {"AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{api_server}/execution/"}
        self.start("airflow-worker", name, "--celery-hostname", name, **url)

    def wait_for_workers(self, *names: str) -> None:
        for name in names:
            self.wait_until(f"worker {name}", lambda name=name: "ready." in self.log(name).read_text())

    def kill(self, *names: str) -> None:
        """Kill processes with all that they have started, as a machine that loses its power."""
        started = [self.processes.pop(name) for name in names]
        found = [psutil.Process(process.pid) for process in started]
        for process in [each for one in found for each in (*one.children(recursive=True), one)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for ended in started:
            ended.wait(10)

    def suspend(self, worker: str) -> None:
        """Stop a worker as it waits for tasks: it takes one more from the broker, and does not begin it."""
        psutil.Process(self.processes[worker].pid).suspend()

    def has_a_task_that_was_not_begun(self, run_id: str, *, idle_worker: str) -> bool:
        """Whether a task of a Dag run has been queued for some seconds while a worker has nothing to do."""
        with psycopg.connect(self.airflow_dsn) as connection:
            query = """
                select from task_instance
                where run_id = %s and state = 'queued' and queued_dttm < now() - interval '3 seconds'
            """
            is_queued = connection.execute(query, [run_id]).fetchone() is not None
        return is_queued and _tasks_begun(self.log(idle_worker).read_text()) == 0

    @contextmanager
    def in_the_middle_of(self, run_id: str, worker: str) -> Iterator[None]:
        """A block in which a worker stands still while it runs a task of a Dag run.

        Not between taking a task and beginning it: such a task would have one try only.
        """
        worker_process = psutil.Process(self.processes[worker].pid)

        def is_in_the_middle() -> bool:
            stopped = [worker_process]
            worker_process.suspend()
            # The task, too: it must not end before the block does.
            for process in worker_process.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
                    stopped.append(process)
            running = self._running_tasks(worker_process)
            if run_id in running and len(running) == _tasks_begun(self.log(worker).read_text()):
                return True
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()
            return False

        self.wait_until(f"a task of {run_id} on worker {worker}", is_in_the_middle, every=0.2)
        yield

    def _running_tasks(self, worker: psutil.Process) -> list[str]:
        """The Dag run of each task that runs on a worker."""
        pids = [process.pid for process in worker.children(recursive=True)]
        with psycopg.connect(self.airflow_dsn) as connection:
            query = "select run_id from task_instance where state = 'running' and pid = any(%s)"
            return [run_id for (run_id,) in connection.execute(query, [pids])]

    def stop(self) -> None:
        for number, max_seconds in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
            for process in self.processes.values():
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            for process in self.processes.values():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max_seconds)


def _tasks_begun(log: str) -> int:
    """The tasks that a worker has taken and not ended, by its log."""
    return len(re.findall(r"Task execute_workload\[[^]]+\] received", log)) - len(
        re.findall(r"Task execute_workload\[[^]]+\] (?:succeeded|raised)", log)
    )
