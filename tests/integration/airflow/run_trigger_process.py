"""Runs inside a real Airflow (see test_airflow.py): its database, its API server with our plugin, its REST API.

Prints one JSON object. Its arguments: the endpoint's key and password.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import requests

DELTA = "hostaway_delta"


def runs() -> dict[str, str]:
    """State by run id."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.execute(select(DagRun.run_id, DagRun.state).where(DagRun.dag_id == DELTA))
        return {run_id: str(state) for run_id, state in found}


def begin_runs(state: str = "running") -> None:
    """Play the scheduler: what is queued begins."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.state == "queued").values(state=state))


def ask(_: int) -> str:
    """Ask as one of many."""
    from sync_hostaway.airflow.run_trigger import InProcessTrigger
    from sync_hostaway.core.exceptions import RunNotRequested
    from sync_hostaway.events.run_requests import request_delta

    try:
        request_delta(InProcessTrigger())
    except RunNotRequested as error:
        return str(error)
    return ""


def serialize_dag() -> None:
    """What the Dag processor does with a Dag file."""
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dagbundle import DagBundleModel
    from airflow.sdk import DAG
    from airflow.utils.session import create_session

    from sync_hostaway.core.dag_ids import sync_dag_id, sync_file

    with create_session() as session:
        session.add(DagBundleModel(name="tests"))
    bag = DagBag(dag_folder="/dev/null")
    with DAG(DELTA, schedule=None, params={"reason": "none"}) as dag:
        from airflow.providers.standard.operators.empty import EmptyOperator

        EmptyOperator(task_id="worker")
    dag.fileloc = __file__
    dag.relative_fileloc = "run_trigger_process.py"
    bag.bag_dag(dag)
    with DAG(sync_dag_id(701), schedule=None) as dag_of_account:
        EmptyOperator(task_id="extract")
    dag_of_account.fileloc = __file__
    dag_of_account.relative_fileloc = f"dags/{sync_file(701)}"
    bag.bag_dag(dag_of_account)
    sync_bag_to_db(bag, "tests", None)


def requested_parses() -> list[str]:
    """The Dag files that Airflow is to parse now."""
    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return list(session.scalars(select(DagPriorityParsingRequest.relative_fileloc)))


def served() -> str:
    """Serve Airflow's API in a thread; returns its URL once it answers."""
    import uvicorn
    from airflow.api_fastapi.app import create_app

    # It chooses its own port: a port that was free before this process began may be in use now.
    sock = socket.create_server(("127.0.0.1", 0), backlog=100)
    server = uvicorn.Server(uvicorn.Config(create_app(), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server ended while it started"
        time.sleep(0.05)
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


def waited(wanted: int) -> dict[str, str]:
    deadline = time.monotonic() + 60
    while len(found := runs()) < wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def main(key: str, password: str) -> dict[str, Any]:
    """Everything that is asked of Airflow."""
    from sync_hostaway.airflow.run_trigger import InProcessTrigger, configured_trigger
    from sync_hostaway.core.exceptions import RunNotRequested
    from sync_hostaway.core.settings import Settings

    seen: dict[str, Any] = {"not parsed": ask(0)}
    serialize_dag()

    trigger = InProcessTrigger()
    seen["new"] = trigger.request_run(DELTA, "first", conf={"reason": "test"})
    seen["again"] = trigger.request_run(DELTA, "first")
    begin_runs()
    seen["begun"] = trigger.request_run(DELTA, "first")

    with get_context("spawn").Pool(2) as processes:
        asked = [processes.map_async(ask, range(10)) for _ in range(2)]
        with ThreadPoolExecutor(4) as threads:
            complaints = [*threads.map(ask, range(10))]
        complaints += [complaint for result in asked for complaint in result.get()]
    seen["complaints of thirty"] = sorted(set(complaints))
    seen["runs of thirty"] = sum(state == "queued" for state in runs().values())
    begin_runs("success")

    base = served()
    mount = f"{base}/hostaway/webhooks"
    seen["probe"] = requests.get(f"{mount}/{key}", timeout=60).status_code
    seen["docs"] = requests.get(f"{mount}/docs", timeout=60).text
    seen["refused"] = requests.post(f"{mount}/{key}", json={}, timeout=60).status_code
    before = len(runs())
    body = {"object": "reservation", "event": "reservation.updated", "data": {"id": 5}}
    seen["delivery"] = requests.post(
        f"{mount}/{key}", json=body, auth=("sync-hostaway", password), timeout=60
    ).status_code
    seen["runs of the delivery"] = len(waited(before + 1)) - before
    seen["airflow itself"] = requests.get(f"{base}/api/v2/version", timeout=60).status_code

    begin_runs("success")
    rest = configured_trigger(
        Settings(run_trigger="rest", airflow_url=base, airflow_user="admin", airflow_password="admin-secret")
    )
    soon = datetime.now(UTC) + timedelta(seconds=5)
    seen["rest waiting before"] = rest.is_waiting(DELTA, soon)
    seen["rest new"] = rest.request_run(DELTA, "over-rest", conf={"reason": "rest"}, run_after=soon)
    seen["rest again"] = rest.request_run(DELTA, "over-rest")
    seen["rest waiting after"] = rest.is_waiting(DELTA, soon)
    seen["rest waiting now"] = rest.is_waiting(DELTA, soon - timedelta(seconds=3))
    begin_runs()
    seen["rest begun"] = rest.request_run(DELTA, "over-rest")
    try:
        rest.request_run("no_such_dag", "x")
    except RunNotRequested as error:
        seen["rest no dag"] = str(error)
    # Twice: the second request finds the first one. The last account is in a file that has no Dag yet.
    for account_id in (705, 705, 702):
        rest.request_parse(account_id)
    seen["rest parses"] = requested_parses()
    return seen


if __name__ == "__main__":
    result = main(*sys.argv[1:3])
    sys.stdout.write("\nRESULT " + json.dumps(result) + "\n")
    sys.stdout.flush()
    # Airflow's own threads would keep us.
    os._exit(0)
