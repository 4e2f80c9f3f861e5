"""The status of an account: what operators see, alerts follow and BI tools read."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from benchmarks import generated

from sync_hostaway.accounts.registry import (
    AccountChanges,
    add_account,
    change_account,
    change_options,
    client_for,
    disable_account,
    enable_account,
    mark_credentials_rejected,
    rotate_secret,
)
from sync_hostaway.accounts.status import account_status, account_statuses
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.engine import sync_account, sync_resource
from sync_hostaway.simulator import RunningSimulator

ONE = {"resources": {resource.value: resource is Resource.LISTINGS for resource in Resource}}


@pytest.fixture
def one_resource(warehouse: Connection, account: int) -> int:
    """Account 701, of which listings alone are mirrored."""
    change_options(warehouse, account, ONE)
    return account


def status(warehouse: Connection, account_id: int = 701) -> str:
    return account_status(warehouse, account_id).status


def resource(warehouse: Connection, name: str = "listings") -> dict[str, Any]:
    row = warehouse.execute(
        "select * from ops.resource_status where account_id = 701 and resource = %s", [name]
    ).fetchone()
    assert row
    return row


def fail(simulator: RunningSimulator, warehouse: Connection, retry_within: timedelta | None) -> None:
    """A sync of listings that Hostaway does not answer."""
    simulator.control.fault("status_5xx", match={"resource": "listings"}, times=0)
    with client_for(warehouse, 701) as client, pytest.raises(SyncHostawayError):
        sync_resource(warehouse, client, Resource.LISTINGS, Mode.FULL, run_key="scheduled", retry_within=retry_within)
    simulator.control.clear_faults()


def test_a_new_account_waits_for_its_first_sync(warehouse: Connection, one_resource: int) -> None:
    found = account_status(warehouse, 701)
    assert found.status == "syncing"
    assert resource(warehouse)["reason"] == "The first sync has not started yet"


def test_complete_resources_make_an_account_healthy(warehouse: Connection, one_resource: int) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    assert status(warehouse) == "healthy"
    proof = resource(warehouse)
    assert proof["rows_expected"] == proof["rows_seen"] == proof["rows_landed"] == proof["rows_mirrored"] == 4


def test_a_failed_try_is_a_warning_while_a_retry_is_pending_and_a_failure_after_the_last(
    warehouse: Connection, one_resource: int, simulator: RunningSimulator
) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    fail(simulator, warehouse, timedelta(minutes=45))
    found = account_status(warehouse, 701)
    assert (found.status, found.remedy) == ("warning", "Wait for the next try")
    assert "1 try failed, another one follows within 45 min: " in str(found.reason)
    assert "503" in str(found.reason)
    fail(simulator, warehouse, None)
    found = account_status(warehouse, 701)
    assert found.status == "failing"
    assert "Failed since" in str(found.reason)
    assert resource(warehouse)["failures"] == 2
    sync_account(warehouse, 701, Mode.FULL)
    assert status(warehouse) == "healthy"
    assert resource(warehouse)["failures"] == 0


def test_a_retry_that_never_comes_is_a_failure(
    warehouse: Connection, one_resource: int, simulator: RunningSimulator
) -> None:
    fail(simulator, warehouse, timedelta(seconds=0))
    assert status(warehouse) == "failing"


def test_a_complete_sync_that_is_too_old_is_a_failure(warehouse: Connection, one_resource: int) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    warehouse.execute("update ops.resource_states set last_complete_at = now() - interval '37 hours'")
    found = account_status(warehouse, 701)
    assert (found.status, found.reason) == ("failing", "listings: No complete sync for 37 h")


def test_an_account_that_syncs_more_often_is_late_sooner(warehouse: Connection, one_resource: int) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    change_options(warehouse, 701, {"sync_every_hours": 2})
    warehouse.execute("update ops.resource_states set last_complete_at = now() - interval '6 hours'")
    assert status(warehouse) == "failing"


def test_a_refused_key_needs_an_operator_and_a_paused_account_needs_nothing(
    warehouse: Connection, one_resource: int
) -> None:
    with client_for(warehouse, 701) as client:
        mark_credentials_rejected(warehouse, client, "Hostaway said no")
    found = account_status(warehouse, 701)
    assert (found.status, found.remedy) == ("action_required", "Store a new API key")
    assert found.reason == "Hostaway does not accept the API key"
    assert found.account.state_reason == "Hostaway said no"
    disable_account(warehouse, 701, "season over")
    found = account_status(warehouse, 701)
    assert (found.status, found.reason) == ("paused", "season over")
    enable_account(warehouse, 701)


def test_dead_events_are_a_warning(warehouse: Connection, one_resource: int) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    warehouse.execute(
        "insert into ops.webhook_events (account_id, content_hash, state, reason, finished_at) "
        "values (701, sha256('one'), 'dead', 'out of attempts', now())"
    )
    found = account_status(warehouse, 701)
    assert (found.status, found.reason, found.remedy) == (
        "warning",
        "1 dead webhook event: out of attempts",
        "Retry the dead events",
    )
    assert found.problems == [found.reason]
    warehouse.execute(
        "insert into ops.webhook_events (account_id, content_hash, state, reason, finished_at) values"
        " (701, sha256('two'), 'dead', 'it names no object', now()),"
        " (701, sha256('three'), 'dead', 'it names no object', now())"
    )
    assert account_status(warehouse, 701).reason == "3 dead webhook events: it names no object, and other reasons"


def reject_key(warehouse: Connection) -> None:
    with client_for(warehouse, 701) as client:
        mark_credentials_rejected(warehouse, client, "Hostaway said no")


RESUMES: dict[str, Callable[[Connection], object]] = {
    "a new key": lambda warehouse: rotate_secret(warehouse, 701, "secret-701"),
    "registered again": lambda warehouse: add_account(warehouse, 701, "secret-701"),
}


@pytest.mark.parametrize("resume", RESUMES.values(), ids=RESUMES.keys())
def test_an_account_whose_key_was_replaced_waits_for_its_next_sync_and_does_not_fail(
    warehouse: Connection, one_resource: int, simulator: RunningSimulator, resume: Callable[[Connection], object]
) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    fail(simulator, warehouse, None)
    reject_key(warehouse)
    assert status(warehouse) == "action_required"
    resume(warehouse)
    assert status(warehouse) == "syncing"
    assert resource(warehouse)["reason"] == "The account is active again; its next sync has not started yet"
    sync_account(warehouse, 701, Mode.INCREMENTAL)
    assert status(warehouse) == "healthy"


def test_a_sync_that_fails_after_the_key_was_replaced_is_a_failure(
    warehouse: Connection, one_resource: int, simulator: RunningSimulator
) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    reject_key(warehouse)
    rotate_secret(warehouse, 701, "secret-701")
    fail(simulator, warehouse, None)
    assert status(warehouse) == "failing"


def test_an_account_after_a_long_pause_waits_for_its_next_sync_and_is_late_if_none_comes(
    warehouse: Connection, one_resource: int
) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    disable_account(warehouse, 701, "season over")
    warehouse.execute("update ops.resource_states set last_complete_at = now() - interval '90 days'")
    enable_account(warehouse, 701)
    assert status(warehouse) == "syncing"
    warehouse.execute("update ops.accounts set resumed_at = now() - interval '37 hours'")
    assert status(warehouse) == "failing"


def test_a_resource_that_is_switched_off_does_not_count(
    warehouse: Connection, one_resource: int, simulator: RunningSimulator
) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    fail(simulator, warehouse, None)
    change_options(warehouse, 701, {"resources": {**ONE["resources"], "listings": False, "coupons": True}})
    sync_account(warehouse, 701, Mode.FULL, [Resource.COUPONS])
    assert status(warehouse) == "healthy"


def test_a_resource_that_was_switched_on_later_waits_for_its_first_sync(
    warehouse: Connection, one_resource: int
) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    warehouse.execute("update ops.accounts set created_at = now() - interval '90 days'")
    change_options(warehouse, 701, {"resources": {**ONE["resources"], "coupons": True}})
    assert resource(warehouse, "coupons")["reason"] == "The first sync has not started yet"
    assert status(warehouse) == "syncing"
    warehouse.execute("update ops.resource_states set last_complete_at = now() - interval '37 hours'")
    assert resource(warehouse, "coupons")["status"] == "failing"


def test_a_resource_that_was_never_complete_is_late_if_the_account_is_old_and_has_nothing_newer(
    warehouse: Connection, one_resource: int
) -> None:
    warehouse.execute("update ops.accounts set created_at = now() - interval '37 hours'")
    assert resource(warehouse)["reason"] == "Never synced since the account was registered"
    # Resources that are not mirrored do not count
    sync_account(warehouse, 701, Mode.FULL, [Resource.COUPONS])
    assert status(warehouse) == "failing"
    warehouse.execute("update ops.accounts set resumed_at = now() - interval '1 hour'")
    assert status(warehouse) == "syncing"


def test_the_status_of_one_account_does_not_read_those_of_the_others(warehouse: Connection, account: int) -> None:
    warehouse.execute("insert into ops.accounts (account_id) select 1000 + n from generate_series(1, 300) as n")
    generated.add_syncs(warehouse, days=1)
    warehouse.execute("vacuum analyze")
    with warehouse.transaction():
        assert account_status(warehouse, 701).account.account_id == 701
        reads = warehouse.execute(
            "select relname, seq_tup_read + coalesce(idx_tup_fetch, 0) as rows from pg_stat_xact_user_tables"
            " where relname in ('resource_states', 'account_settings') and seq_scan + coalesce(idx_scan, 0) > 0"
        ).fetchall()
    assert {row["relname"] for row in reads} == {"resource_states", "account_settings"}
    assert max(row["rows"] for row in reads) <= 4 * len(Resource), reads


def test_the_status_says_that_a_sync_runs(warehouse: Connection, one_resource: int) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    warehouse.execute(
        "insert into ops.sync_runs (account_id, run_key, resource, mode) values (701, 'now', 'listings', 'full')"
    )
    assert status(warehouse) == "syncing"


def test_calls_and_syncs_are_counted_by_day(
    warehouse: Connection, one_resource: int, simulator: RunningSimulator
) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    fail(simulator, warehouse, None)
    row = warehouse.execute(
        "select complete, failed, api_calls = (select sum(api_calls) from ops.sync_runs) as all_calls "
        "from ops.account_days where account_id = 701"
    ).fetchone()
    assert row == {"complete": 1, "failed": 1, "all_calls": True}


def test_changes_of_settings_are_noted_with_who_made_them_and_no_secret(
    warehouse: Connection, one_resource: int
) -> None:
    change_account(
        warehouse,
        701,
        AccountChanges(client_secret="secret-701", name="Seaside", is_renamed=True, changed_by="mona"),
    )
    disable_account(warehouse, 701, "season over")
    rows = warehouse.execute(
        "select changed_by, what, before, after from ops.account_changes where account_id = 701 order by change_id"
    ).fetchall()
    told = [tuple(row.values()) for row in rows]
    assert ("mona", "name", None, "Seaside") in told
    assert ("mona", "API key", None, None) in told
    assert (None, "state", "active", "disabled: season over") in told
    assert "secret-701" not in str(told)
    # and nothing of it stays with the connection
    with connect() as other:
        row = other.execute("select ops.changed_by() as name").fetchone()
    assert row == {"name": None}


def test_the_log_may_be_deleted_and_the_status_stays(warehouse: Connection, one_resource: int) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    warehouse.execute("delete from ops.sync_runs")
    assert status(warehouse) == "healthy"


def test_the_log_has_the_counts_of_a_running_sync(warehouse: Connection, one_resource: int) -> None:
    sync_account(warehouse, 701, Mode.FULL)
    warehouse.execute(
        "insert into ops.sync_runs (account_id, run_key, resource, mode) values (701, 'running', 'listings', 'full')"
    )
    warehouse.execute("update ops.sync_runs set rows_seen = 3 where run_key = 'running'")
    (found,) = account_status(warehouse, 701).resources
    assert (found.status, found.rows_seen, found.finished_at, found.error) == ("running", 3, None, None)
    assert found.last_complete_at


def test_the_list_of_accounts_costs_the_same_queries_for_any_number_and_does_not_read_the_log(
    warehouse: Connection, tmp_path: Path
) -> None:
    def queries(name: str) -> int:
        trace = tmp_path / name
        with trace.open("w") as file:
            warehouse.pgconn.trace(file.fileno())
            account_statuses(warehouse)
            warehouse.pgconn.untrace()
        return len(re.findall(r"\t(?:Query|Execute)\t", trace.read_text()))

    warehouse.execute("insert into ops.accounts (account_id) values (1)")
    of_one = queries("one")
    warehouse.execute("insert into ops.accounts (account_id) select 1 + n from generate_series(1, 200) as n")
    generated.add_syncs(warehouse, days=10)
    warehouse.execute("vacuum analyze")
    assert 0 < queries("many") == of_one
    with warehouse.transaction():
        assert len(account_statuses(warehouse)) == 201
        reads = warehouse.execute("select seq_scan from pg_stat_xact_user_tables where relname = 'sync_runs'")
        assert reads.fetchall() == [{"seq_scan": 0}]
