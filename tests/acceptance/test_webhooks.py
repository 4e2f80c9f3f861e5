"""A change at Hostaway, delivered to a real Airflow, is in the core tables within seconds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_process import AirflowControl
from sync_hostaway.accounts.registry import client_for
from sync_hostaway.core.dag_ids import DELTA_DAG_ID, POLL_DAG_ID
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.home import Home
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events.lease import has_active_worker
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.local import processes
from sync_hostaway.local.platform import Platform
from sync_hostaway.local.simulator_process import SimulatedApi
from sync_hostaway.simulator.control.client import SimulatorControl
from sync_hostaway.webhook_admin.registration import remove_webhook
from waiting import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
TASK = re.compile(r"airflow worker -- [0-9a-f]{8}-")
COMMAND = Path(sys.executable).with_name("sync-hostaway")


class Demo:
    """`KEEP=1 make demo`, left running."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.platform = Platform(home, ROOT)

    def run(self, *arguments: str) -> str:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "SYNC_HOSTAWAY_HOME": str(self.home),
            "AIRFLOW_PORT": self.platform.airflow_url.rpartition(":")[2],
        }
        for name in ("WAREHOUSE_URL", "HOSTAWAY_API_URL", "HOSTAWAY_ACCOUNTS", "PUBLIC_BASE_URL"):
            environment.pop(name, None)
        done = subprocess.run(
            [str(COMMAND), *arguments], env=environment, capture_output=True, text=True, timeout=400, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    from sync_hostaway.local import ports

    running = Demo(tmp_path_factory.mktemp("demo"))
    ports.choose(Home.at(running.home), "airflow")
    try:
        running.run("demo", "--keep", "--listings", "4", "--reservations", "40", "--conversations", "20")
        yield running
    finally:
        running.platform.stop()


@pytest.fixture
def hostaway(demo: Demo) -> Iterator[SimulatorControl]:
    simulated = SimulatedApi.remembered(Home.at(demo.home))
    assert simulated is not None
    with SimulatorControl(simulated.url) as control:
        yield control


@pytest.fixture
def core(demo: Demo) -> Iterator[Connection]:
    with connect(demo.platform.warehouse_dsn()) as connection:
        yield connection


def wait_for(
    connection: Connection,
    query: str,
    *params: Any,
    happened: Callable[[Any], bool] = bool,
    seconds: float = 90,
) -> None:
    eventually(lambda: happened(connection.execute(query, params).fetchone()), seconds)


def no_worker_runs(core: Connection) -> None:
    wait_for(
        core,
        "select exists (select from pg_stat_activity where application_name = 'sync-hostaway delta') as some",
        happened=lambda row: not row["some"],
    )


def test_a_cancellation_and_a_guests_message_arrive(demo: Demo, hostaway: SimulatorControl, core: Connection) -> None:
    reservation_id = hostaway.truth(701)["ids"]["reservations"][5]
    conversation_id = hostaway.truth(702)["ids"]["conversations"][2]
    hostaway.patch("reservations", reservation_id, {"status": "cancelled"}, account_id=701)
    message = hostaway.create("messages", {"conversationId": conversation_id, "body": "Is it warm?"}, account_id=702)
    wait_for(
        core,
        "select from hostaway.reservations where account_id = 701 and reservation_id = %s and status = 'cancelled'",
        reservation_id,
        happened=lambda row: row is not None,
    )
    wait_for(
        core,
        "select from hostaway.messages where account_id = 702 and message_id = %s and body = 'Is it warm?'",
        message["id"],
        happened=lambda row: row is not None,
    )
    events = core.execute("select * from ops.webhook_events order by event_id").fetchall()
    assert [event["state"] for event in events] == ["done", "done"]
    # Each event leads to its run, and the run to the accounts it served.
    with demo.platform.api() as api:
        for event in events:
            assert api.dag_run(DELTA_DAG_ID, event["run_key"]).state in ("running", "success")


def test_the_command_shows_how_long_an_event_takes(demo: Demo) -> None:
    said = demo.run("demo-event")
    assert "hostaway.reservations shows it after" in said


def test_events_of_a_paused_dag_wait_and_one_run_serves_them(
    demo: Demo, hostaway: SimulatorControl, core: Connection
) -> None:
    with AirflowControl.of(demo.platform) as api:
        # One that lingers from before would see them.
        no_worker_runs(core)
        api.pause(DELTA_DAG_ID)
        ids = hostaway.truth(701)["ids"]["reservations"][10:20]
        for reservation_id in ids:
            hostaway.patch("reservations", reservation_id, {"hostNote": "paused"}, account_id=701)
        wait_for(
            core,
            "select count(*) as n from ops.webhook_events where state = 'pending'",
            happened=lambda row: row["n"] == len(ids),
        )
        api.unpause(DELTA_DAG_ID)
        wait_for(
            core,
            "select count(*) as n from hostaway.reservations where host_note = 'paused'",
            happened=lambda row: row["n"] == len(ids),
        )
        served = core.execute("select distinct run_key from ops.webhook_events where object_id = any(%s)", [ids])
        assert len(served.fetchall()) == 1


def workers_of(demo: Demo, core: Connection) -> list[psutil.Process]:
    """The process of the task that attends to the inbox. Airflow hides all of a task's process but its title."""

    def found() -> list[psutil.Process]:
        some = processes.session(demo.platform.home, "scheduler") if has_active_worker(core) else []
        return [process for process in some if TASK.match(" ".join(process.cmdline()))]

    return eventually(found)


@pytest.mark.parametrize("victim", ["scheduler", "scheduler and worker", "worker", "postgres", "api-server"])
def test_no_event_is_lost_when_a_process_is_killed(
    demo: Demo, hostaway: SimulatorControl, core: Connection, victim: str
) -> None:
    ids = hostaway.truth(702)["ids"]["reservations"][:6]

    def change(some: list[int]) -> None:
        for reservation_id in some:
            hostaway.patch("reservations", reservation_id, {"hostNote": f"killed {victim}"}, account_id=702)

    # One that lingers from before may be the child of a scheduler that was killed.
    no_worker_runs(core)
    change(ids[:3])
    if victim == "worker":
        killed = workers_of(demo, core)
    elif victim == "scheduler and worker":
        assert workers_of(demo, core)
        killed = processes.session(demo.platform.home, "scheduler")
    elif victim == "postgres":
        killed = [psutil.Process(demo.platform.postgres.status().pid)]
    else:
        killed = [process] if (process := processes.running(demo.platform.home, victim)) else []
    assert killed
    processes.send(killed, signal.SIGKILL)
    change(ids[3:])
    assert processes.wait_ended(killed, 10) == []
    if victim == "postgres":
        demo.platform.postgres.start()
    with connect(demo.platform.warehouse_dsn()) as after:
        wait_for(
            after,
            "select count(*) as n from hostaway.reservations where account_id = 702 and host_note = %s",
            f"killed {victim}",
            happened=lambda row: row["n"] == len(ids),
            # Hostaway delivers again after a minute what it could not deliver.
            seconds=240,
        )


def test_a_change_without_a_webhook_arrives_by_polling(
    demo: Demo, hostaway: SimulatorControl, core: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test of this module: the webhook of 702 stays removed."""
    monkeypatch.setenv("SYNC_HOSTAWAY_HOME", str(demo.home))
    get_settings.cache_clear()
    with client_for(core, 702, Priority.INCREMENTAL) as client:
        assert remove_webhook(core, client)
    reservation_id = hostaway.truth(702)["ids"]["reservations"][25]
    hostaway.patch("reservations", reservation_id, {"hostNote": "polled"}, account_id=702)
    with AirflowControl.of(demo.platform) as api:
        run = api.trigger_dag_run(POLL_DAG_ID)
        assert api.wait_for_run(POLL_DAG_ID, run.run_id, timeout=120).state == "success"
    # The run transforms what it landed before it ends.
    found = core.execute(
        "select host_note from hostaway.reservations where account_id = 702 and reservation_id = %s", [reservation_id]
    )
    assert found.fetchall() == [{"host_note": "polled"}]
    sources = core.execute("select source, state from ops.webhook_events where object_id = %s", [reservation_id])
    assert {"source": "poll", "state": "done"} in sources.fetchall()
