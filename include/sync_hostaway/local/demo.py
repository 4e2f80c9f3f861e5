"""`make demo`: the main job end to end, through Airflow, on a machine with nothing installed.

Starts the bundled simulator (unless HOSTAWAY_API_URL names another server), PostgreSQL and Airflow, registers the
accounts, triggers their Dags, watches, and ends with a table of what the source has and what arrived.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

from sync_hostaway.accounts.registry import add_account
from sync_hostaway.exceptions import ConfigurationError, LocalPlatformError, TransformFailed
from sync_hostaway.local import ports, processes
from sync_hostaway.local.airflow_api import AirflowApi
from sync_hostaway.local.command import platform, prepare_warehouse, show_access
from sync_hostaway.local.demo_report import DemoReport, ProgressLines
from sync_hostaway.local.home import Home, open_log, read_json, tail, write_json
from sync_hostaway.settings import SHORT_NAMES, get_settings
from sync_hostaway.warehouse import Connection, connect, load_queries

QUERIES = load_queries(Path(__file__).with_name("demo.sql"))
DEMO_ACCOUNTS = {701: "secret-701", 702: "secret-702"}
_DAGS_APPEAR = 60.0
_SYNC_PATIENCE = 3600.0
_SIMULATOR = "simulator"

# A log file has no width of its own; the result table needs about 120 columns.
out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


@dataclass(frozen=True)
class DemoSize:
    """Rows per account that the simulator makes."""

    listings: int = 50
    reservations: int = 1_000
    threads: int = 1_000


def run_demo(size: DemoSize, *, keep: bool) -> bool:
    """Run the demo; True when every row of the source arrived.

    :param keep: leave the platform and the simulator running.
    """
    began = time.monotonic()

    def say(text: str) -> None:
        out.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {text}", soft_wrap=True)

    settings = get_settings()
    home = Home.at(settings.home)
    home.make()
    running = platform()
    if not running.status().stopped:
        say("The platform is running; it is started again for the demo.")
        running.stop()
    complete = False
    try:
        accounts = _accounts()
        simulated = settings.api_url is None
        if simulated:
            # Airflow's processes inherit the URL; the simulator itself starts beside them.
            os.environ[SHORT_NAMES["api_url"]] = f"http://{ports.HOST}:{ports.choose(home, _SIMULATOR, say)}"
            get_settings.cache_clear()

        def prepare(dsn: str) -> None:
            if simulated:
                _start_simulator(home, size)
            say(f"Hostaway API: {get_settings().hostaway_url}{' (simulated)' if simulated else ''}")
            prepare_warehouse(dsn)
            _register(dsn, accounts)
            say(f"Accounts {', '.join(map(str, accounts))} are registered.")

        running.start(say, prepare=prepare)
        say(f"Airflow is healthy: {running.airflow_url}")
        with (
            running.api() as api,
            connect(running.env()["WAREHOUSE_URL"], application="sync-hostaway demo") as warehouse,
        ):
            since = datetime.now(UTC)
            run_ids = _trigger(api, accounts, say)
            succeeded = _watch_syncs(api, warehouse, run_ids, say)
            _watch_transforms(api, warehouse, since, say)
            report = DemoReport.read(warehouse, QUERIES, run_ids, since)
        complete = succeeded and report.complete
        out.print(report.table())
        out.print(report.summary(time.monotonic() - began))
    finally:
        if keep:
            show_access(running)
            out.print("Left running; `make stop` ends it.")
        else:
            running.stop()
            say("Everything is stopped. KEEP=1 make demo leaves it running, make start starts it again.")
    return complete


def _accounts() -> dict[int, str]:
    settings = get_settings()
    accounts = settings.account_secrets()
    if accounts:
        return accounts
    if settings.api_url:
        raise ConfigurationError(
            "HOSTAWAY_API_URL names a server, but HOSTAWAY_ACCOUNTS no accounts; it looks like 701:secret,702:secret"
        )
    return DEMO_ACCOUNTS


def _start_simulator(home: Home, size: DemoSize) -> None:
    """Start the bundled simulator as a process of the platform, so that stopping the platform stops it."""
    # The same data every time: what did not change at the source must not be written again.
    anchor = read_json(home.root / "simulator.json").get("anchor") or datetime.now(UTC).date().isoformat()
    write_json(home.root / "simulator.json", {"anchor": date.fromisoformat(str(anchor)).isoformat()})
    url = get_settings().hostaway_url
    arguments = {
        "port": url.rpartition(":")[2],
        "accounts": ",".join(f"{account}:{secret}" for account, secret in DEMO_ACCOUNTS.items()),
        "anchor": anchor,
        "listings": size.listings,
        "reservations": size.reservations,
        "threads": size.threads,
    }
    log = open_log(home.log(_SIMULATOR))
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [
                sys.executable,
                "-m",
                "sync_hostaway.simulator",
                *(text for name, value in arguments.items() for text in (f"--{name}", str(value))),
            ],
            env={**os.environ, processes.MARKER: str(home.root)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)
    _wait_for_simulator(process, url, home)


def _wait_for_simulator(process: subprocess.Popen[bytes], url: str, home: Home) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LocalPlatformError(f"The simulator ended by itself:\n{tail(home.log(_SIMULATOR))}")
        try:
            if requests.get(f"{url}/_control/health", timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise LocalPlatformError(f"The simulator does not answer at {url}:\n{tail(home.log(_SIMULATOR))}")


def _register(dsn: str, accounts: dict[int, str]) -> None:
    def register(item: tuple[int, str]) -> None:
        with connect(dsn) as connection:
            add_account(connection, *item)

    # Side by side: each waits a second until Hostaway accepts its new token.
    with ThreadPoolExecutor(len(accounts)) as pool:
        list(pool.map(register, accounts.items()))


def _trigger(api: AirflowApi, accounts: dict[int, str], say: Callable[[str], None]) -> dict[int, str]:
    from sync_hostaway.orchestration import TRANSFORM_DAG_ID, sync_dag_id

    wanted = {sync_dag_id(account_id) for account_id in accounts} | {TRANSFORM_DAG_ID}
    deadline = time.monotonic() + _DAGS_APPEAR
    while wanted - {dag["dag_id"] for dag in api.dags()}:
        errors = api.import_errors()
        if errors or time.monotonic() > deadline:
            raise LocalPlatformError(
                f"Airflow does not show the Dags {sorted(wanted)}: {errors or 'not parsed in time'}"
            )
        time.sleep(0.2)
    run_ids = {}
    stamp = f"demo__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    for account_id in accounts:
        run_ids[account_id] = api.trigger_dag_run(sync_dag_id(account_id), {"mode": "full"}, run_id=stamp).run_id
        say(f"Triggered {sync_dag_id(account_id)}.")
    return run_ids


def _watch_syncs(api: AirflowApi, warehouse: Connection, run_ids: dict[int, str], say: Callable[[str], None]) -> bool:
    from sync_hostaway.orchestration import sync_dag_id

    lines = ProgressLines(say)
    unfinished = dict(run_ids)
    succeeded = True
    deadline = time.monotonic() + _SYNC_PATIENCE
    while unfinished and time.monotonic() < deadline:
        lines.show(warehouse.execute(QUERIES["run_progress"], {"run_keys": list(run_ids.values())}).fetchall())
        for account_id, run_id in list(unfinished.items()):
            run = api.dag_run(sync_dag_id(account_id), run_id)
            if run.finished:
                del unfinished[account_id]
                succeeded = succeeded and run.state == "success"
                say(f"{run.dag_id}: {'[green]' if run.state == 'success' else '[red]'}{run.state}[/]")
        time.sleep(0.3)
    lines.show(warehouse.execute(QUERIES["run_progress"], {"run_keys": list(run_ids.values())}).fetchall())
    return succeeded and not unfinished


def _watch_transforms(api: AirflowApi, warehouse: Connection, since: datetime, say: Callable[[str], None]) -> None:
    from sync_hostaway.orchestration import TRANSFORM_DAG_ID

    said = False
    while True:
        state: dict[str, Any] = warehouse.execute(QUERIES["unfinished_transforms"]).fetchone() or {}
        runs = api.dag_runs(TRANSFORM_DAG_ID)
        if not state["pending_loads"] and all(run.finished for run in runs):
            break
        failed = warehouse.execute(QUERIES["failed_transforms"], {"since": since}).fetchall()
        if failed:
            # Airflow tries again by itself, later; what dbt says will be the same.
            raise TransformFailed(f"{failed[-1]['error']} (the log is in Airflow, under {TRANSFORM_DAG_ID})")
        if not said:
            say("dbt builds the core tables.")
            said = True
        time.sleep(0.3)
    say(f"Core tables are up to date ({len(runs)} transform runs).")
