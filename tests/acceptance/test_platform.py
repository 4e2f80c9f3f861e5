"""The embedded platform with a real Airflow: it starts, runs a Dag, survives, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import psutil
import psycopg
import pytest

from airflow_process import AirflowControl
from sync_hostaway.core.exceptions import AirflowApiError, LocalPlatformError
from sync_hostaway.core.home import Home
from sync_hostaway.local import processes
from sync_hostaway.local.component import COMPONENTS, SUPERVISOR
from sync_hostaway.local.errors import PortTaken
from sync_hostaway.local.platform import Platform
from sync_hostaway.local.ports import choose
from waiting import eventually

pytestmark = pytest.mark.acceptance

DAG = """
    from __future__ import annotations

    from airflow.sdk import dag, task


    @dag(schedule=None, is_paused_upon_creation=True, params={"word": "none"})
    def speak():
        @task(pool="hostaway_dbt")
        def say(params=None):
            import os
            import sys

            print("the word is", params["word"])
            print("dbt was", "imported" if "dbt.cli.main" in sys.modules else "missing")
            print("warehouse", os.environ["WAREHOUSE_URL"].rpartition("/")[2])

        say()


    speak()
"""

START = """
    import signal
    import sys
    from pathlib import Path

    # A test run in the background inherits that its children ignore Ctrl-C; these must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    from sync_hostaway.local.platform import Platform

    Platform(Path(sys.argv[1]), Path(sys.argv[2])).start(lambda text: print(text, flush=True))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "dags").mkdir()
    (root / "dags" / "speak.py").write_text(dedent(DAG))
    return root


@pytest.fixture(scope="module")
def user_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("user")


@pytest.fixture(scope="module")
def platform(project: Path, user_home: Path) -> Iterator[Platform]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(user_home))
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR", "WAREHOUSE_URL"):
            patch.delenv(name, raising=False)
        # Inside the folder in which Airflow looks for Dags.
        running = Platform(project / "state", project)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    nothing_runs(running.home)


@pytest.fixture
def api(platform: Platform) -> Iterator[AirflowControl]:
    with AirflowControl.of(platform) as api:
        yield api


def nothing_runs(home: Home) -> None:
    assert processes.belonging(home) == []
    named = [p for p in psutil.process_iter(["cmdline"]) if str(home.root) in " ".join(p.info["cmdline"] or [])]
    assert [p for p in named if processes.is_alive(p) and p.pid != os.getpid()] == []


def run(api: AirflowControl, word: str) -> str:
    api.unpause("speak")
    asked = api.trigger_dag_run("speak", {"word": word}, run_id=f"test-{word}")
    assert api.wait_for_run("speak", asked.run_id, timeout=60).state == "success"
    return asked.run_id


def test_everything_is_healthy(platform: Platform, api: AirflowControl) -> None:
    status = platform.status()
    assert status.running
    assert status.healthy
    assert [part.name for part in status.components] == [
        "postgres",
        *(component.name for component in COMPONENTS),
        SUPERVISOR,
    ]
    assert status.is_supervised
    assert api.version().startswith("3.")
    assert status.airflow_url == platform.airflow_url
    with psycopg.connect(platform.warehouse_dsn()) as connection:
        assert connection.execute("select current_database()").fetchone() == ("warehouse",)


def test_a_run_through_the_api(platform: Platform, api: AirflowControl) -> None:
    run_id = run(api, "hello")
    (task,) = api.task_instances("speak", run_id)
    assert task.state == "success"
    log = api.task_log("speak", run_id, "say")
    assert "the word is hello" in log
    # The scheduler imported it before its workers were forked.
    assert "dbt was imported" in log
    assert "warehouse warehouse" in log
    assert run_id in {found.run_id for found in api.dag_runs("speak")}


def test_a_task_done_again(api: AirflowControl) -> None:
    run_id = run(api, "again")
    assert api.clear_task_instances("speak", run_id) == 1
    assert api.wait_for_run("speak", run_id, timeout=60).state == "success"
    (task,) = api.task_instances("speak", run_id)
    assert task.try_number == 2
    assert "the word is again" in api.task_log("speak", run_id, "say", try_number=2)


def test_the_api_says_what_it_refused(api: AirflowControl) -> None:
    with pytest.raises(AirflowApiError, match="/dags/unknown") as caught:
        api.trigger_dag_run("unknown")
    assert caught.value.status == 404
    assert api.import_errors() == []


def test_starting_what_runs_changes_nothing(platform: Platform, project: Path) -> None:
    before = platform.status().components
    said: list[str] = []
    Platform(platform.home.root, project).start(said.append)
    assert said == [f"Already running at {platform.airflow_url}."]
    assert [part.pid for part in platform.status().components] == [part.pid for part in before]


def test_what_runs_is_not_prepared_for_something_else(platform: Platform, project: Path) -> None:
    prepared: list[str] = []
    other = Platform(
        platform.home.root,
        project,
        warehouse_url="postgresql://me:hush@127.0.0.1:1/elsewhere",
        secret_keys="key",
        api_url="http://127.0.0.1:9",
    )
    with pytest.raises(LocalPlatformError, match=r"WAREHOUSE_URL and .*SECRET_KEYS and HOSTAWAY_API_URL") as refused:
        other.start(prepare=prepared.append)
    assert "hush" not in str(refused.value)
    assert prepared == []
    assert platform.status().running


def test_a_taken_port_is_refused_with_its_holder(platform: Platform, project: Path, tmp_path: Path) -> None:
    port = int(platform.airflow_url.rpartition(":")[2])
    other = Platform(tmp_path / "other", project, airflow_port=port)
    with pytest.raises(PortTaken, match=rf"Port {port} is taken by .*AIRFLOW_PORT="):
        other.start()
    assert other.status().stopped


def test_nothing_is_written_elsewhere(platform: Platform, api: AirflowControl, project: Path, user_home: Path) -> None:
    run(api, "elsewhere")
    assert list(user_home.rglob("*")) == []
    found = {path.name for path in project.rglob("*") if platform.home.root not in (path, *path.parents)}
    assert {name for name in found if not name.endswith(".pyc")} == {"dags", "speak.py", "__pycache__"}
    # The state beside the Dags has not ended the Dag processor.
    assert platform.home.log(SUPERVISOR).read_text() == ""


def test_everything_listens_on_loopback(platform: Platform) -> None:
    ours = {process.pid for process in processes.belonging(platform.home)}
    listening = [c for c in psutil.net_connections("inet") if c.pid in ours and c.status == psutil.CONN_LISTEN]
    assert {connection.laddr[0] for connection in listening if connection.laddr} == {"127.0.0.1"}


def test_the_supervisor_starts_ended_components_again(platform: Platform, api: AirflowControl) -> None:
    killed = processes.running(platform.home, "triggerer")
    assert killed is not None
    killed.kill()
    eventually(lambda: platform.status().healthy and processes.running(platform.home, "triggerer"), every=0.2)
    run(api, "kept-going")


def test_the_supervisor_starts_a_killed_server_again(platform: Platform, api: AirflowControl) -> None:
    before = platform.postgres.status()
    assert before.pid is not None
    psutil.Process(before.pid).kill()

    def is_back() -> bool:
        now = platform.postgres.status()
        return now.running and now.pid != before.pid and platform.status().healthy

    eventually(is_back, every=0.2)
    assert platform.postgres.status().port == before.port
    run(api, "after-recovery")


def test_a_killed_scheduler_leaves_no_workers_behind(platform: Platform, api: AirflowControl) -> None:
    """Without this, a worker of LocalExecutor never ends, and its task runs beside its second try."""
    run(api, "has-workers")
    killed = processes.running(platform.home, "scheduler")
    assert killed is not None
    session = processes.session(platform.home, "scheduler")
    assert len(session) > 1
    killed.kill()
    assert processes.wait_ended(session, 30) == []
    eventually(lambda: platform.status().healthy, every=0.2)
    run(api, "has-new-workers")


def test_the_supervisor_replaces_components_without_a_heartbeat(platform: Platform, api: AirflowControl) -> None:
    """As a scheduler that hangs in its shutdown, which an outage of PostgreSQL can do to it."""
    stuck = processes.running(platform.home, "scheduler")
    assert stuck is not None
    stuck.suspend()
    # A component gets a minute to start, and half a minute until Airflow itself calls it unhealthy.
    assert processes.wait_ended([stuck], 150) == []
    run(api, "alive")


def test_a_killed_supervisor_comes_back_with_the_next_start(platform: Platform, api: AirflowControl) -> None:
    killed = processes.running(platform.home, SUPERVISOR)
    assert killed is not None
    killed.kill()
    assert not processes.wait_ended([killed], 20)
    platform.start()
    assert processes.running(platform.home, SUPERVISOR)
    triggerer = processes.running(platform.home, "triggerer")
    assert triggerer is not None
    triggerer.kill()
    eventually(lambda: platform.status().healthy and processes.running(platform.home, "triggerer"), every=0.2)
    run(api, "supervised-again")


def test_killed_components_come_back(platform: Platform, api: AirflowControl) -> None:
    # The supervisor first: it would restart the others.
    victims = []
    for name in (SUPERVISOR, *(component.name for component in COMPONENTS)):
        killed = processes.running(platform.home, name)
        assert killed is not None
        killed.kill()
        victims.append(killed)
    assert not processes.wait_ended(victims, 20)
    assert not platform.status().running
    # Their children are still there, and must not be when the next ones start.
    orphans = processes.belonging(platform.home)
    url = platform.airflow_url
    platform.start()
    assert platform.airflow_url == url
    assert not any(processes.is_alive(orphan) for orphan in orphans)
    assert platform.status().healthy
    run(api, "back")


def test_stop_leaves_nothing_and_start_keeps_everything(platform: Platform, api: AirflowControl) -> None:
    run_id = run(api, "kept")
    url = platform.airflow_url
    platform.stop()
    nothing_runs(platform.home)
    assert platform.status().stopped
    platform.start()
    assert platform.airflow_url == url
    assert api.dag_run("speak", run_id).state == "success"


def test_a_failed_preparation_stops_everything(tmp_path: Path, project: Path) -> None:
    def fail(dsn: str) -> None:
        raise RuntimeError(dsn.rpartition("/")[2])

    platform = Platform(tmp_path / "home", project)
    with pytest.raises(RuntimeError, match="warehouse"):
        platform.start(prepare=fail)
    nothing_runs(platform.home)


def test_a_warehouse_elsewhere_is_the_one_prepared(tmp_path: Path, project: Path) -> None:
    def fail(dsn: str) -> None:
        raise RuntimeError(dsn)

    elsewhere = "postgresql://me@db.example/warehouse"
    platform = Platform(tmp_path / "home", project, warehouse_url=elsewhere, secret_keys="key")
    with pytest.raises(RuntimeError, match=elsewhere):
        platform.start(prepare=fail)
    nothing_runs(platform.home)


@pytest.mark.parametrize("moment", ["Starting", "PostgreSQL listens", "database is ready"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_start_leaves_nothing(
    tmp_path: Path, project: Path, moment: str, number: signal.Signals
) -> None:
    home = Home.at(tmp_path / "home")
    home.make()
    choose(home, "airflow")
    command = [sys.executable, "-c", dedent(START), str(home.root), str(project)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as starter:
        assert starter.stdout is not None
        for line in starter.stdout:
            if moment in line:
                starter.send_signal(number)
    assert starter.returncode != 0
    if number == signal.SIGKILL:
        # The killed process could not clean up; the next command can.
        Platform(home.root, project).stop()
    nothing_runs(home)
