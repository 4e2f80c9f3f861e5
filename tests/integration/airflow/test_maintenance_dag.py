"""What a run of hostaway_maintenance asks Airflow for, with every task of it in a real Airflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_script import results_of
from sync_hostaway.accounts.registry import add_account, client_for
from sync_hostaway.accounts.webhook_endpoints import request_catch_up_sync
from sync_hostaway.core.dag_ids import DELTA_DAG_ID, SYNC_FILES, sync_dag_id, sync_file
from sync_hostaway.core.db import Connection
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.webhook_admin.maintenance import requested_catch_up_syncs
from sync_hostaway.webhook_admin.registration import ensure_registered
from webhook_receiver import Receiver

pytestmark = pytest.mark.integration

DAGS = Path(__file__).resolve().parents[3] / "dags"

Runs = list[dict[str, Any]]
Maintain = Callable[..., Runs]


@pytest.fixture
def maintain(airflow_copy: Callable[[], dict[str, str]], tmp_path: Path) -> Maintain:
    """Runs the Dag so many times; returns the states of its tasks and the ids of the runs it asked for.

    `without_dag_of`: an account whose Dag file Airflow has not read yet.
    """
    dags = tmp_path / "dags"
    dags.mkdir()
    for name in ("hostaway_maintenance.py", "hostaway_delta.py"):
        (dags / name).symlink_to(DAGS / name)
    airflow_environment = airflow_copy()

    def run(times: int, *, without_dag_of: int | None = None) -> Runs:
        for file in SYNC_FILES:
            (dags / file).unlink(missing_ok=True)
            if without_dag_of is None or sync_file(without_dag_of) != file:
                (dags / file).symlink_to(DAGS / file)
        environment = {**airflow_environment, "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        return results_of(Path(__file__).with_name("maintenance_dag_process.py"), environment, str(times))

    return run


def lost(run: dict[str, Any], account_id: int) -> list[str]:
    """The runs that were asked for because an account's deliveries were lost."""
    return [id for id in run["asked"][sync_dag_id(account_id)] if id.startswith("lost_deliveries__")]


def test_what_was_lost_is_asked_for_account_by_account(
    receiver: Receiver,
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    maintain: Maintain,
) -> None:
    simulator.control.add_account(703, "secret-703", {"listings": 1, "reservations": 2, "conversations": 1})
    for account_id in (702, 703):
        add_account(warehouse, account_id, f"secret-{account_id}")
    warehouse.execute("update ops.accounts set created_at = now() - interval '1 hour' where account_id = 703")
    for account_id in (701, 702):
        with client_for(warehouse, account_id) as client:
            ensure_registered(warehouse, client)
        request_catch_up_sync(warehouse, account_id)
    first_loss, loss_of_702 = requested_catch_up_syncs(warehouse)
    receiver.post({"object": "reservation", "data": {"id": 5}})

    [run] = maintain(1, without_dag_of=702)
    assert lost(run, 701) == [first_loss.run.run_id]
    assert (run["tasks"]["request_syncs[0]"], run["tasks"]["request_syncs[1]"]) == ("success", "failed")
    assert [id.partition("__")[0] for id in run["asked"][sync_dag_id(703)]] == ["first"]
    assert len(run["asked"][DELTA_DAG_ID]) == 1, "an event that just came in is served now, not in ten minutes"

    maintain(1, without_dag_of=702)
    assert requested_catch_up_syncs(warehouse) == [loss_of_702], (
        "a request that Airflow has accepted is cleared, independently of the other accounts"
    )

    request_catch_up_sync(warehouse, 701)
    second_loss = requested_catch_up_syncs(warehouse)[0]
    *_, run = maintain(2)
    assert lost(run, 701) == [first_loss.run.run_id, second_loss.run.run_id]
    assert lost(run, 702) == [loss_of_702.run.run_id]
    assert requested_catch_up_syncs(warehouse) == []
    assert "failed" not in run["tasks"].values()
