"""For every fault of Hostaway, a complete sync has everything, and the next one repairs an incomplete one."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

import pytest
from psycopg import sql

from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import HostawayRefused
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.simulator.http.faults import EARLY, LATE

pytestmark = pytest.mark.integration

READ = (Resource.LISTINGS, Resource.RESERVATIONS, Resource.CONVERSATIONS, Resource.MESSAGES)
OPTIONS: dict[str, dict[str, Any]] = {
    "slow": {"seconds": 0.02},
    "status_429": {"retry_after": 0.1},
    "drift": {"update": 2, "insert": 1, "delete": 1},
}
FAULTS = [{"kind": kind, **OPTIONS.get(kind, {})} for kind in sorted(EARLY | LATE)]
FAULTS += [{"kind": "count_off", "by": -1}, {"kind": "cut_json", "close": False}]
FAULTS += [{"kind": "bad_row", "defect": "missing_id"}]


@pytest.fixture(autouse=True)
def small_pages(simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    # 40 threads end where a page does, and so does a count of 39, each page beginning with the last row of another.
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "20")
    get_settings.cache_clear()


def missing(
    warehouse: Connection, simulator: RunningSimulator, account: int, results: list[SyncResult]
) -> dict[Resource, set[int]]:
    """Rows that are not there although the sync calls itself complete, and has not put them into quarantine.

    Messages of a conversation in quarantine cannot be there: without its id, they cannot be requested.
    """
    truth = simulator.control.truth(account)["ids"]
    quarantined: set[int] = set()
    found = {}
    for result in results:
        query = sql.SQL("select entity_id::bigint as id from {} where deleted_at is null")
        rows = warehouse.execute(query.format(sql.Identifier("landing", result.resource.value))).fetchall()
        absent = set(truth[result.resource.value]) - {row["id"] for row in rows}
        if result.resource is Resource.CONVERSATIONS and len(absent) <= result.counts.quarantined:
            quarantined = absent
        elif result.resource is Resource.MESSAGES:
            message = partial(simulator.control.object, "messages", account_id=account)
            absent = {identity for identity in absent if message(identity)["conversationId"] not in quarantined}
        if result.is_complete and len(absent) > result.counts.quarantined:
            found[result.resource] = absent
        assert result.is_complete or result.error
    return found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
def test_a_sync_is_complete_or_says_that_it_is_not(
    warehouse: Connection, account: int, simulator: RunningSimulator, fault: dict[str, Any]
) -> None:
    # What drifts after a list was read is for the next sync.
    match = {"resource": "reservations"} if fault["kind"] == "drift" else {}
    rules = [{"match": match, "after": 2, "times": 4}, {"match": match, "after": 9, "times": 2}]
    simulator.control.add_faults([{**fault, **rule} for rule in rules])
    results = sync_account(warehouse, account, Mode.FULL, READ)
    assert missing(warehouse, simulator, account, results) == {}
    simulator.control.clear_faults()
    results = sync_account(warehouse, account, Mode.FULL, READ)
    assert all(result.is_complete for result in results)
    assert missing(warehouse, simulator, account, results) == {}


def test_a_403_in_the_middle_is_no_reason_to_throw_the_token_away(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("forbid", match={"resource": "reservations"}, after=1, times=0)
    (result,) = sync_account(warehouse, account, Mode.FULL, [Resource.RESERVATIONS])
    assert result.status == "failed"
    assert HostawayRefused.__name__ in str(warehouse.execute("select error from ops.sync_runs").fetchone())
    assert simulator.control.calls("accessTokens.create") == 1
    assert warehouse.execute("select state from ops.accounts").fetchone() == {"state": "active"}


@pytest.mark.parametrize("days", [-1, 1])
def test_the_sources_clock_may_be_a_day_off(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
) -> None:
    if days > 0:
        simulator.control.advance_clock(86_400)
    else:
        monkeypatch.setattr("sync_hostaway.hostaway.pagination.datetime", _Tomorrow)
    sync_account(warehouse, account, Mode.FULL, READ)
    threads = simulator.control.truth(account)["ids"]["conversations"]
    for number in range(3):
        changed = simulator.control.touch("reservations", 10, account_id=account, seed=number)
        added = simulator.control.create("reservations", account_id=account)["id"]
        simulator.control.create("messages", {"conversationId": threads[number]}, account_id=account)
        results = sync_account(warehouse, account, Mode.INCREMENTAL, READ)
        assert all(result.is_complete for result in results)
        assert missing(warehouse, simulator, account, results) == {}
        current = {row["id"]: row["updatedOn"] for row in simulator.control.objects("reservations", account)}
        landed = warehouse.execute(
            "select entity_id::bigint as id, payload ->> 'updatedOn' as stamp from landing.reservations"
        )
        stamps = {row["id"]: row["stamp"] for row in landed}
        assert {identity: stamps[identity] for identity in [*changed, added]} == {
            identity: current[identity] for identity in [*changed, added]
        }


class _Tomorrow(datetime):
    """Our clock, a day ahead of the source's: the simulator's own cannot go back."""

    @classmethod
    def now(cls, tz: Any = None) -> Self:
        return cls.fromtimestamp(datetime.now(UTC).timestamp() + 86_400, tz)
