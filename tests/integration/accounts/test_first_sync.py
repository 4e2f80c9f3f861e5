"""The first sync of an account begins automatically, also if Airflow was down when the account was registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_hostaway.accounts import registry
from sync_hostaway.accounts.first_sync import catch_up, first_sync, missing_syncs
from sync_hostaway.airflow.parse_request import request_parse
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.engine import sync_account

pytestmark = pytest.mark.integration

HOUR_AGO = "update ops.accounts set created_at = created_at - interval '1 hour'"


def test_an_account_that_never_synced_is_found_until_it_has(warehouse: Connection, account: int) -> None:
    # The registering process may still be requesting it.
    assert missing_syncs(warehouse) == []
    warehouse.execute(HOUR_AGO)
    [run] = missing_syncs(warehouse)
    assert run == first_sync(account, registry.get_account(warehouse, account).created_at)
    assert run.as_trigger()["trigger_dag_id"] == "hostaway_sync__701"
    assert missing_syncs(warehouse) == [run]
    sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS])
    assert missing_syncs(warehouse) == []


def test_an_account_that_is_not_active_is_left_alone(warehouse: Connection, account: int) -> None:
    warehouse.execute(HOUR_AGO)
    registry.disable_account(warehouse, account)
    assert missing_syncs(warehouse) == []


def test_an_account_that_is_active_again_is_found_until_it_has_synced(warehouse: Connection, account: int) -> None:
    sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS])
    registry.disable_account(warehouse, account)
    registry.enable_account(warehouse, account)
    assert missing_syncs(warehouse) == []
    warehouse.execute("update ops.resource_states set started_at = started_at - interval '2 hours'")
    warehouse.execute("update ops.accounts set resumed_at = resumed_at - interval '1 hour'")
    resumed_at = registry.get_account(warehouse, account).resumed_at
    assert resumed_at
    assert missing_syncs(warehouse) == [catch_up(account, resumed_at)]
    sync_account(warehouse, account, Mode.INCREMENTAL, [Resource.LISTINGS])
    assert missing_syncs(warehouse) == []


def test_airflow_is_requested_to_read_the_file_of_the_accounts(airflow_that_writes: Path) -> None:
    from airflow.models import DagModel
    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    request_parse(701)
    with create_session() as session:
        session.add(DagBundleModel(name="ours"))
        session.flush()
        session.add(
            DagModel(dag_id="hostaway_maintenance", bundle_name="ours", relative_fileloc="dags/hostaway_maintenance.py")
        )
    for _ in range(2):
        request_parse(701)
    with create_session() as session:
        asked = session.scalars(select(DagPriorityParsingRequest)).all()
        assert [(one.bundle_name, one.relative_fileloc) for one in asked] == [("ours", "dags/hostaway_sync_2.py")]
