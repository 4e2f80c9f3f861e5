"""The main job through a real Airflow: what `make demo` does, against a server the test can change."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_process import AirflowControl
from sync_hostaway.core.db import connect
from sync_hostaway.core.home import Home
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.settings import Settings
from sync_hostaway.extract.context import Window
from sync_hostaway.local import processes
from sync_hostaway.local.platform import Platform
from sync_hostaway.local.ports import choose
from sync_hostaway.local.simulator_process import SimulatedApi
from sync_hostaway.simulator import RunningSimulator, SimulatorConfig, Sizes, running
from waiting import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).with_name("sync-hostaway")
ACCOUNTS = {701: "secret-701", 702: "secret-702"}
SAME_NAME = ("listings", "reservations", "conversations", "messages", "reviews", "tasks", "users", "coupons")
CORE = (*SAME_NAME, "listing_photos", "guests", "calendar_days")


class Demo:
    """A home, the home directory of its user, and a server that speaks Hostaway's API."""

    def __init__(self, home: Path, user_home: Path, simulator: RunningSimulator) -> None:
        self.home = home
        self.user_home = user_home
        self.simulator = simulator
        self.port = choose(Home.at(home), "airflow")
        self.platform = Platform(home, ROOT, self.port)
        self.result: subprocess.CompletedProcess[str] | None = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "HOME": str(self.user_home),
            "SYNC_HOSTAWAY_HOME": str(self.home),
            "AIRFLOW_PORT": str(self.port),
            "HOSTAWAY_API_URL": self.simulator.url,
            "HOSTAWAY_ACCOUNTS": ",".join(f"{account}:{secret}" for account, secret in ACCOUNTS.items()),
        }
        for name in ("WAREHOUSE_URL", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
            environment.pop(name, None)
        return subprocess.run(
            [str(COMMAND), *arguments], env=environment, capture_output=True, text=True, timeout=400, check=False
        )

    def rows(self, query: str) -> list[dict[str, Any]]:
        with connect(self.platform.warehouse_dsn()) as connection:
            return connection.execute(query).fetchall()

    def core_counts(self, account: int) -> dict[str, int]:
        return {
            table: self.rows(
                f"select count(*) as n from hostaway.{table} where account_id = {account} and not is_deleted"
            )[0]["n"]
            for table in CORE
        }

    def updates(self) -> dict[str, int]:
        """Rows ever updated per core table."""
        self.rows("select pg_stat_clear_snapshot()")
        found = self.rows("select relname, n_tup_upd from pg_stat_user_tables where schemaname = 'hostaway'")
        return {row["relname"]: row["n_tup_upd"] for row in found}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    sizes = Sizes(listings=5, reservations=120, conversations=100, messages_per_conversation=3)
    home, user_home = tmp_path_factory.mktemp("demo"), tmp_path_factory.mktemp("user")
    with running(SimulatorConfig(accounts=ACCOUNTS, sizes=sizes)) as simulator:
        made = Demo(home, user_home, simulator)
        try:
            made.result = made.run("demo", "--keep")
            yield made
        finally:
            made.platform.stop()


@pytest.fixture
def api(demo: Demo) -> Iterator[AirflowControl]:
    with AirflowControl.of(demo.platform) as client:
        yield client


def last_heartbeat(api: AirflowControl) -> datetime:
    """The scheduler's."""
    return datetime.fromisoformat(api.health()["scheduler"]["latest_scheduler_heartbeat"])


def parsed(demo: Demo, folder: Path) -> set[str]:
    """Ids of the Dags that a parse of the Dag files finds now, in the environment of the Dag processor."""
    processor = processes.running(demo.platform.home, "dag-processor")
    environment = processor.environ() if processor else demo.platform.env()
    command = [sys.executable, str(ROOT / "tests" / "dags" / "parse.py"), str(ROOT / "dags"), str(folder / "dags.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "dags.json").read_text(encoding="utf-8"))
    assert found["errors"] == {}
    return set(found["dags"])


def truth(demo: Demo, account: int) -> dict[str, int]:
    window = Window.around(datetime.now(UTC).date(), Settings())
    counts = demo.simulator.control.truth(
        account, start=window.start.isoformat(), end=window.end.isoformat(), ids=False
    )["counts"]
    return {
        **{table: counts[table] for table in SAME_NAME},
        "listing_photos": counts["photos"],
        "calendar_days": counts["calendarDays"],
    }


def test_the_demo_shows_that_every_row_arrived(demo: Demo) -> None:
    result = demo.result
    assert result
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Every row arrived" in result.stdout
    assert "hostaway_sync__701" in result.stdout


@pytest.mark.parametrize("account", list(ACCOUNTS))
def test_the_core_tables_hold_what_the_source_holds(demo: Demo, account: int) -> None:
    counts = demo.core_counts(account)
    assert 0 < counts.pop("guests") <= counts["reservations"]
    assert counts == truth(demo, account)


def test_the_warehouse_url_is_printed_for_psql(demo: Demo) -> None:
    printed = demo.run("local", "url").stdout.strip()
    assert re.fullmatch(r"postgresql://\S+@127\.0\.0\.1:\d+/warehouse", printed)
    with connect(printed) as connection:
        assert connection.execute("select 1 as one").fetchone() == {"one": 1}


def test_the_runs_can_be_looked_at_in_airflow(demo: Demo, api: AirflowControl) -> None:
    for account in ACCOUNTS:
        # The account's minute of the day may be now.
        (run,) = (run for run in api.dag_runs(f"hostaway_sync__{account}") if run.run_id.startswith("demo__"))
        assert run.state == "success"
        tasks = {task.task_id: task.state for task in api.task_instances(run.dag_id, run.run_id)}
        assert tasks["extract_messages"] == "success"
        assert len(tasks) == len(Resource) + 1
    assert all(run.state == "success" for run in api.dag_runs("hostaway_transform"))


def test_no_secret_is_in_any_log(demo: Demo) -> None:
    logs = [file for file in demo.home.rglob("*.log") if file.is_file()]
    assert len(logs) > 10
    for file in logs:
        text = file.read_text(encoding="utf-8", errors="replace")
        for secret in (*ACCOUNTS.values(), demo.platform.warehouse_dsn().split(":")[2].split("@")[0]):
            assert secret not in text, file


def test_a_second_run_rewrites_no_row_and_tells_what_hostaway_refuses(demo: Demo) -> None:
    before = demo.updates()
    demo.simulator.control.fault("forbid", match={"resource": "coupons", "account": 702}, times=0)
    result = demo.run("demo", "--keep")
    demo.simulator.control.clear_faults()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Hostaway refuses 702 coupons. Every other row arrived." in " ".join(result.stdout.split())
    assert demo.updates() == before
    for account in ACCOUNTS:
        assert demo.core_counts(account) | {"guests": 0} == truth(demo, account) | {"guests": 0}
    [logged] = demo.rows(
        "select status, error from hostaway.sync_logs where account_id = 702 and resource = 'coupons' "
        "order by sync_run_id desc limit 1"
    )
    assert logged["status"] == "refused"
    assert logged["error"].startswith("Hostaway refuses coupons (HTTP 403")
    [listed] = [it for it in json.loads(demo.run("accounts", "list", "--json").stdout) if it["account_id"] == 702]
    assert logged["error"] in listed["problems"]


def test_a_run_that_failed_in_the_middle_can_be_cleared_and_ends_right(demo: Demo, api: AirflowControl) -> None:
    control = demo.simulator.control
    changed = control.truth(701)["ids"]["reservations"][0]
    control.patch("reservations", changed, {"status": "cancelled"}, account_id=701)
    control.fault("fail_200", match={"resource": "reservations", "account": 701}, times=0)
    run = api.trigger_dag_run("hostaway_sync__701", {"mode": "full"})

    def state(task_id: str) -> str | None:
        tasks = {task.task_id: task.state for task in api.task_instances(run.dag_id, run.run_id)}
        return tasks.get(task_id)

    eventually(lambda: state("extract_reservations") == "up_for_retry")
    log = api.task_log(run.dag_id, run.run_id, "extract_reservations")
    assert "status fail with HTTP 200" in log
    assert "account 701" in log
    control.clear_faults()
    api.clear_task_instances(run.dag_id, run.run_id, ["extract_reservations"])
    assert api.wait_for_run(run.dag_id, run.run_id, timeout=120).state == "success"

    def cancelled() -> bool:
        query = f"select status from hostaway.reservations where account_id = 701 and reservation_id = {changed}"
        return demo.rows(query) == [{"status": "cancelled"}]

    eventually(cancelled)


def test_a_run_whose_extraction_failed_has_failed(demo: Demo, api: AirflowControl) -> None:
    control = demo.simulator.control
    control.set_secret(702, "another key")
    # The token of before would still be good for two years.
    control.fault("expire_token", match={"account": 702}, times=0)
    run = api.trigger_dag_run("hostaway_sync__702", {"mode": "full", "resources": ["listings"]})
    assert api.wait_for_run(run.dag_id, run.run_id, timeout=120).state == "failed"
    tasks = {task.task_id: task for task in api.task_instances(run.dag_id, run.run_id)}
    assert tasks["extract_listings"].state == "failed"
    # Trying again cannot help, and would only look like an attack.
    assert tasks["extract_listings"].try_number == 1
    # What the others landed is transformed all the same.
    assert tasks["request_transform"].state in ("success", "skipped")
    assert demo.rows("select state from ops.accounts where account_id = 702") == [{"state": "credentials_rejected"}]

    control.clear_faults()
    control.set_secret(702, ACCOUNTS[702])
    rotated = demo.run("accounts", "rotate", "702", "--secret", ACCOUNTS[702])
    assert rotated.returncode == 0, rotated.stderr
    run = api.trigger_dag_run("hostaway_sync__702", {"mode": "full", "resources": ["listings"]})
    assert api.wait_for_run(run.dag_id, run.run_id, timeout=120).state == "success"


def test_an_outage_of_postgresql_costs_no_dag_and_the_next_run_works(
    demo: Demo, api: AirflowControl, tmp_path: Path
) -> None:
    before = {dag["dag_id"] for dag in api.dags()}
    demo.platform.postgres.stop()
    try:
        eventually(lambda: not demo.platform.status().healthy, every=0.2)
        assert parsed(demo, tmp_path) == before
        # Long enough for every component to notice.
        time.sleep(10)
    finally:
        demo.platform.postgres.start()
    # A heartbeat from before would count as healthy for half a minute.
    back = datetime.now(UTC)
    eventually(lambda: demo.platform.status().healthy and last_heartbeat(api) > back, 150, every=0.2)
    assert {dag["dag_id"] for dag in api.dags() if not dag["is_stale"]} == before
    run = api.trigger_dag_run("hostaway_sync__702", {"resources": ["listings"]})
    assert api.wait_for_run(run.dag_id, run.run_id, timeout=120).state == "success"
    skipped = {task.task_id for task in api.task_instances(run.dag_id, run.run_id) if task.state == "skipped"}
    assert "extract_messages" in skipped


def test_the_nightly_build_passes_with_every_test_a_task(demo: Demo, api: AirflowControl) -> None:
    run = api.trigger_dag_run("hostaway_nightly")
    assert api.wait_for_run(run.dag_id, run.run_id, timeout=600).state == "success"
    tasks = api.task_instances(run.dag_id, run.run_id)
    assert sum("test" in task.task_id for task in tasks) >= 8


def test_maintenance_runs_clean(demo: Demo, api: AirflowControl) -> None:
    run = api.trigger_dag_run("hostaway_maintenance")
    assert api.wait_for_run(run.dag_id, run.run_id, timeout=120).state == "success"


def test_stopping_leaves_no_process(demo: Demo) -> None:
    assert "Nothing is running" in demo.run("local", "stop").stdout
    assert demo.platform.status().stopped
    assert processes.belonging(demo.platform.home) == []


def test_nothing_is_written_to_the_home_directory_of_the_user(demo: Demo) -> None:
    assert list(demo.user_home.rglob("*")) == []


def test_a_home_of_a_simulated_demo_stays_simulated(tmp_path: Path) -> None:
    """The demo recommends `make start`: its accounts must not meet the real Hostaway then."""
    home = Home.at(tmp_path / "home")
    home.make()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "HOSTAWAY"))},
        "SYNC_HOSTAWAY_HOME": str(home.root),
        "AIRFLOW_PORT": str(choose(home, "airflow")),
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMMAND), *arguments],
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    try:
        shown = run("demo", "--listings", "2", "--reservations", "20", "--conversations", "10")
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert processes.belonging(home) == []
        simulated = SimulatedApi.remembered(home)
        assert simulated is not None

        started = run("local", "start")
        assert started.returncode == 0, started.stdout + started.stderr
        assert f"simulator at {simulated.url}" in started.stdout
        assert SimulatedApi.remembered(home) == simulated
        scheduler = processes.running(home, "scheduler")
        assert scheduler is not None
        assert scheduler.environ()["HOSTAWAY_API_URL"] == simulated.url

        synced = run("sync", "--account", "701", "--mode", "full", "--resource", "listings")
        assert synced.returncode == 0, synced.stdout + synced.stderr
        assert simulated.url in synced.stderr

        # Running tasks keep the code they were started with, and the output does not claim otherwise.
        other = run("local", "start", HOSTAWAY_API_URL="https://api.hostaway.com")
        assert other.returncode == 1
        assert "runs with another HOSTAWAY_API_URL" in other.stderr
        assert processes.belonging(home) != []
    finally:
        run("local", "stop")
    assert processes.belonging(home) == []
    assert not simulated.process_runs


def test_a_demo_that_cannot_start_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "HOSTAWAY"))},
            "SYNC_HOSTAWAY_HOME": str(tmp_path / "home"),
            "AIRFLOW_PORT": str(taken.getsockname()[1]),
        }
        done = subprocess.run(
            [str(COMMAND), "demo", "--keep"], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 1
    assert re.search(r"Error: Port \d+ is taken", done.stderr)
    assert "Left running" not in done.stdout
    assert "NotStarted" not in done.stderr
