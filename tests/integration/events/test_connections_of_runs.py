"""A run of the worker keeps its connections: PostgreSQL starts a process for each new one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from psycopg.conninfo import make_conninfo

from events_harness import EventsHarness
from postgres_proxy import pooler
from sync_hostaway.accounts.registry import add_account, client_for
from sync_hostaway.core import session
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events.worker import run_worker
from sync_hostaway.hostaway import endpoints
from sync_hostaway.simulator import RunningSimulator
from waiting import eventually

pytestmark = pytest.mark.integration

HELD = "select count(*) as locks from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"


def sessions(connection: Connection) -> int:
    """How many sessions this database has had."""
    row = connection.execute("select sessions from pg_stat_database where datname = current_database()").fetchone()
    assert row is not None
    return int(row["sessions"])


def is_done(harness: EventsHarness, event_id: int) -> bool:
    return bool(harness.event(event_id)["state"] == "done")


def test_the_batches_of_a_run_use_the_same_connections(harness: EventsHarness) -> None:
    reservation_ids = harness.ids("reservations")[:12]
    before = sessions(harness.warehouse)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(run_worker, "test__1", linger=2.0, transform=None)
        for reservation_id in reservation_ids:
            changed = harness.control.patch("reservations", reservation_id, {"hostNote": "late"}, account_id=701)
            event_id = harness.receive("reservation.updated", changed)
            eventually(partial(is_done, harness, event_id))
    assert run.result().batches == len(reservation_ids)
    # One for the run, one for its batches, one for the request budget
    assert sessions(harness.warehouse) - before <= 3


def test_a_connection_that_ends_between_two_batches_delays_nothing(harness: EventsHarness) -> None:
    first, second = harness.ids("reservations")[:2]
    idle = """
        select count(pg_terminate_backend(pid, 10000)) as ended from pg_stat_activity
        where
            datname = current_database() and application_name = 'sync-hostaway delta'
            and state = 'idle' and query like '%pg_advisory_unlock%'
    """
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(run_worker, "test__1", linger=3.0, transform=None)
        for number in (first, second):
            changed = harness.control.patch("reservations", number, {"hostNote": "late"}, account_id=701)
            event_id = harness.receive("reservation.updated", changed)
            eventually(partial(is_done, harness, event_id))
            eventually(lambda: harness.warehouse.execute(idle).fetchone() == {"ended": 1})
    # A batch whose connection was lost would be repeated only after five seconds, when the run has ended.
    assert run.result().batches == 2
    assert harness.event(event_id)["attempts"] <= 1


def test_events_of_more_accounts_than_a_pooler_has_connections_land(
    harness: EventsHarness, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five, as some providers have. The accounts wait for each other, and none of them for the request budget."""
    accounts = range(710, 718)
    for account_id in accounts:
        harness.control.add_account(
            account_id, f"secret-{account_id}", {"listings": 1, "reservations": 1, "conversations": 1}
        )
        add_account(harness.warehouse, account_id, f"secret-{account_id}")
        [reservation_id] = harness.ids("reservations", account_id)
        changed = harness.control.patch("reservations", reservation_id, {"hostNote": "late"}, account_id=account_id)
        harness.receive("reservation.updated", changed, account_id)
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_IP", "500/1")
    session.require_own_session.cache_clear()
    with pooler(warehouse_dsn, "session", 5) as port:
        monkeypatch.setenv("WAREHOUSE_URL", make_conninfo(warehouse_dsn, host="127.0.0.1", port=port))
        get_settings.cache_clear()
        result = harness.run_worker()
    assert result.batches == len(accounts)
    assert [harness.states(account_id) for account_id in accounts] == [["done"]] * len(accounts)


def test_clients_that_need_a_token_at_the_same_time_request_one(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    """Each with its only connection, which also holds the lock of its batch."""
    begin = Barrier(8)

    def read(_: int) -> int:
        with connect() as connection, client_for(connection, account, shares_connection=True) as client:
            begin.wait()
            rows = client.get(endpoints.LISTINGS).result
            assert connection.execute(HELD).fetchone() == {"locks": 0}
            return len(rows)

    for requests in (1, 2):
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(read, range(8))) == {4}
        assert simulator.control.calls("accessTokens.create") == requests
        # Hostaway no longer accepts the token of all clients. More than once would also revoke the next token.
        simulator.control.fault("expire_token", match={"path": "^/v1/listings"}, times=1)
