"""A run polls one account after the other, and processes the events of one while it waits for the next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg.rows import scalar_row

from polling_harness import ACCOUNT, MIRRORED, Polling
from sync_hostaway.accounts.registry import add_account, change_options
from sync_hostaway.core.db import advisory_lock, connect
from sync_hostaway.core.exceptions import TransformFailed
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.transforms import TransformResult

pytestmark = pytest.mark.integration

OTHER = 702


@pytest.fixture
def two_accounts(polling: Polling) -> Polling:
    """Both accounts are mirrored, and 701 waits longer for its poll."""
    add_account(polling.warehouse, OTHER, f"secret-{OTHER}")
    change_options(
        polling.warehouse,
        OTHER,
        {"resources": {resource.value: False for resource in Resource if resource not in MIRRORED}},
    )
    assert all(result.is_complete for result in sync_account(polling.warehouse, OTHER, Mode.FULL))
    polling.pause()
    polling.poll()
    polling.pause()
    polling.warehouse.execute(
        "update ops.polls set polled_at = polled_at - interval '1 minute' where account_id = %s", [ACCOUNT]
    )
    return polling


def polled_at(polling: Polling, account_id: int) -> datetime:
    return moment(polling, "select polled_at from ops.polls where account_id = %s", account_id)


def moment(polling: Polling, query: Any, account_id: int) -> datetime:
    with polling.warehouse.cursor(row_factory=scalar_row) as cursor:
        found = cursor.execute(query, [account_id]).fetchone()
    assert isinstance(found, datetime)
    return found


def change(polling: Polling, account_id: int) -> None:
    reservation = polling.control.truth(account_id)["ids"]["reservations"][0]
    polling.control.patch("reservations", reservation, {"hostNote": "late"}, account_id=account_id, emit=False)
    polling.pause()


def test_a_change_lands_before_the_next_account_is_polled(
    two_accounts: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half of it is enough for one poll in 4 seconds.
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_IP", "3/2")
    get_settings.cache_clear()
    change(two_accounts, ACCOUNT)
    change(two_accounts, OTHER)
    result = two_accounts.poll()
    assert [(poll.account_id, poll.events) for poll in result.accounts] == [(ACCOUNT, 1), (OTHER, 1)]
    assert polled_at(two_accounts, OTHER) - polled_at(two_accounts, ACCOUNT) > timedelta(seconds=2)
    landed_at = moment(two_accounts, "select finished_at from ops.webhook_events where account_id = %s", ACCOUNT)
    assert landed_at < polled_at(two_accounts, OTHER)
    assert result.worker
    assert {account: found.done for account, found in result.worker.accounts.items()} == {ACCOUNT: 1, OTHER: 1}


def test_an_account_for_which_there_is_no_time_is_left_to_the_next_run(
    two_accounts: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_IP", "3/2")
    get_settings.cache_clear()
    result = two_accounts.poll(lifetime=3.9)
    assert ([poll.account_id for poll in result.accounts], result.left) == ([ACCOUNT], 1)
    result = two_accounts.poll(lifetime=3.9)
    assert ([poll.account_id for poll in result.accounts], result.left) == ([OTHER], 1)


def test_an_account_that_becomes_due_during_the_run_is_polled_at_once(two_accounts: Polling) -> None:
    """A run that waited for it would keep a slot of a worker busy."""
    warehouse = two_accounts.warehouse
    warehouse.execute("update ops.polls set polled_at = clock_timestamp()")
    # Runs begin 20 seconds early or late: it is due 1,180 seconds after its last poll.
    interval = timedelta(minutes=20)
    assert two_accounts.poll(every=interval, lifetime=1_000.0).summary()["accounts"] == 0
    before = polled_at(two_accounts, OTHER)
    result = two_accounts.poll(every=interval, lifetime=1_200.0)
    assert {poll.account_id for poll in result.accounts} == {ACCOUNT, OTHER}
    assert polled_at(two_accounts, OTHER) - before < timedelta(seconds=300)


def test_others_are_polled_while_an_earlier_run_polls_a_large_account(
    two_accounts: Polling, warehouse_dsn: str
) -> None:
    change(two_accounts, ACCOUNT)
    change(two_accounts, OTHER)
    with connect(warehouse_dsn) as earlier_run, advisory_lock(earlier_run, "poll", ACCOUNT):
        result = two_accounts.poll()
    assert {poll.account_id: poll.method for poll in result.accounts} == {ACCOUNT: "skipped", OTHER: "heads"}
    assert [(event["account_id"], event["state"]) for event in two_accounts.events()] == [(OTHER, "done")]


def test_a_failed_transform_keeps_no_account_from_its_poll(two_accounts: Polling) -> None:
    transforms = []

    def fail(run_key: str) -> TransformResult:
        transforms.append(run_key)
        raise TransformFailed("the disk is full")

    change(two_accounts, ACCOUNT)
    change(two_accounts, OTHER)
    before = polled_at(two_accounts, OTHER)
    with pytest.raises(TransformFailed, match="the disk is full"):
        two_accounts.poll(transform=fail)
    assert polled_at(two_accounts, OTHER) > before
    assert {event["state"] for event in two_accounts.events()} == {"done"}
