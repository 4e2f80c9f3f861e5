"""An absence is a deletion only when it is proven: what else makes rows vanish from a list marks nothing deleted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

# A list without the single objects beside it, and these
LIST = {resource: rf"/v1/{resource}\?" for resource in Resource} | {
    Resource.MESSAGES: r"/messages\?",
    Resource.GUEST_CHARGES: r"/guestPayments/charges\?",
}
# Calendars, reports and logs have no list; the lists of statements and tax settings have no count.
WITHOUT_A_LIST = {
    Resource.CALENDAR_DAYS,
    Resource.RESERVATION_FINANCE,
    Resource.OWNER_STATEMENTS,
    Resource.TAX_SETTINGS,
    Resource.RESERVATION_LOGS,
}
SINGLE = r"/v1/.+/\d+$"


def sync(warehouse: Connection, account: int, *resources: Resource) -> SyncResult:
    """A full sync; the result of the resource named last."""
    results = {result.resource: result for result in sync_account(warehouse, account, Mode.FULL, resources)}
    return results[resources[-1]]


def deleted(warehouse: Connection, resource: Resource) -> int:
    found = warehouse.execute(f"select count(*) as n from landing.{resource} where deleted_at is not null").fetchone()
    assert found
    return int(found["n"])


def empty(simulator: RunningSimulator, resource: Resource, times: int = 0) -> None:
    """From now on, or so many times, a list comes as if it had no row."""
    rule: dict[str, Any] = {"match": {"path": LIST[resource]}, "times": times}
    simulator.control.add_faults(
        [{"kind": "half_page", "keep": 0, **rule}, {"kind": "count_off", "by": -(10**6), **rule}]
    )


@pytest.mark.parametrize("resource", [it for it in Resource if it not in {Resource.COUPONS, *WITHOUT_A_LIST}])
def test_a_list_that_comes_back_empty_is_not_believed(
    warehouse: Connection, account: int, simulator: RunningSimulator, resource: Resource
) -> None:
    assert sync(warehouse, account, Resource.CONVERSATIONS, resource).counts.new
    empty(simulator, resource)
    result = sync(warehouse, account, Resource.CONVERSATIONS, resource)
    assert result.status == "incomplete"
    assert re.search(r"Hostaway still has /v1/\S+/\d+", result.error or ""), result.error
    assert deleted(warehouse, resource) == 0
    simulator.control.clear_faults()
    result = sync(warehouse, account, Resource.CONVERSATIONS, resource)
    assert (result.status, result.counts.deleted) == ("complete", 0)


def test_coupons_which_no_route_gives_one_by_one_are_listed_again_before_they_go(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, Resource.COUPONS)
    empty(simulator, Resource.COUPONS, times=1)
    assert sync(warehouse, account, Resource.COUPONS).status == "incomplete"
    assert deleted(warehouse, Resource.COUPONS) == 0
    empty(simulator, Resource.COUPONS)
    assert sync(warehouse, account, Resource.COUPONS).status == "complete"
    assert deleted(warehouse, Resource.COUPONS) == 4


def test_a_list_that_is_cut_with_a_count_to_match_is_not_believed(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, Resource.CONVERSATIONS)
    rule = {"match": {"path": LIST[Resource.CONVERSATIONS]}, "times": 0}
    simulator.control.add_faults([{"kind": "half_page", **rule}, {"kind": "count_off", "by": -20, **rule}])
    result = sync(warehouse, account, Resource.CONVERSATIONS)
    assert (result.status, result.counts.deleted) == ("incomplete", 0)


@pytest.mark.parametrize("resource", [Resource.RESERVATIONS, Resource.CONVERSATIONS])
def test_many_rows_that_are_gone_are_marked_after_a_few_were_asked_for(
    warehouse: Connection, account: int, simulator: RunningSimulator, resource: Resource
) -> None:
    calls = sync(warehouse, account, resource).api_calls
    for number in simulator.control.truth(account)["ids"][resource.value][:30]:
        simulator.control.delete(resource.value, number, account_id=account)
    result = sync(warehouse, account, resource)
    assert (result.status, result.counts.deleted) == ("complete", 30)
    assert result.api_calls <= calls + 5


def test_messages_that_left_their_threads_are_marked_after_a_few_were_asked_for(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, Resource.CONVERSATIONS, Resource.MESSAGES)
    # Of some threads, all
    rows = warehouse.execute("select entity_id from landing.messages order by entity_id limit 30").fetchall()
    for row in rows:
        simulator.control.delete("messages", int(row["entity_id"]), account_id=account)
    result = sync(warehouse, account, Resource.CONVERSATIONS, Resource.MESSAGES)
    assert (result.status, result.counts.deleted) == ("complete", 30)


@pytest.mark.parametrize("resource", [Resource.RESERVATIONS, Resource.MESSAGES])
def test_of_many_rows_that_are_gone_those_that_hostaway_still_has_stay(
    warehouse: Connection, account: int, simulator: RunningSimulator, resource: Resource
) -> None:
    sync(warehouse, account, Resource.CONVERSATIONS, resource)
    rows = warehouse.execute(f"select entity_id from landing.{resource} order by entity_id limit 30").fetchall()
    ghost, *gone = (int(row["entity_id"]) for row in rows)
    for number in gone:
        simulator.control.delete(resource.value, number, account_id=account)
    rule = {"match": {"path": LIST[resource]}, "times": 0}
    simulator.control.add_faults([{"kind": "bad_row", "defect": "missing_id", "id": ghost, **rule}])
    with capture_logs() as logs:
        result = sync(warehouse, account, Resource.CONVERSATIONS, resource)
    assert (result.status, result.counts.deleted) == ("complete", 29)
    assert [entry["rows"] for entry in logs if entry["event"] == "suspected_deletions_kept"] == [1]
    query = f"select entity_id::bigint as id from landing.{resource} where deleted_at is not null"
    assert {row["id"] for row in warehouse.execute(query)} == set(gone)
    assert sync(warehouse, account, Resource.CONVERSATIONS, resource).status == "complete"


def test_more_rows_that_are_gone_than_can_be_asked_for_are_marked_try_by_try(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_hostaway.extract.deletions._SAMPLE_OF_MIXED", 20)
    sync(warehouse, account, Resource.RESERVATIONS)
    ghost, *gone = sorted(simulator.control.truth(account)["ids"]["reservations"])[:41]
    for number in gone:
        simulator.control.delete("reservations", number, account_id=account)
    rule = {"match": {"path": LIST[Resource.RESERVATIONS]}, "times": 0}
    simulator.control.add_faults([{"kind": "bad_row", "defect": "missing_id", "id": ghost, **rule}])
    results = [sync(warehouse, account, Resource.RESERVATIONS) for _ in range(2)]
    assert [result.status for result in results] == ["incomplete", "complete"]
    assert deleted(warehouse, Resource.RESERVATIONS) == 40


@pytest.mark.parametrize("fault", ["fail_200", "forbid", "status_5xx"])
@pytest.mark.parametrize("resource", [Resource.RESERVATIONS, Resource.MESSAGES])
def test_rows_of_which_hostaway_does_not_speak_stay_and_keep_no_other_out(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    monkeypatch: pytest.MonkeyPatch,
    resource: Resource,
    fault: str,
) -> None:
    monkeypatch.setattr("sync_hostaway.extract.per_parent._ROWS_PER_COMMIT", 1)
    sync(warehouse, account, Resource.CONVERSATIONS, resource)
    rows = warehouse.execute(
        f"select entity_id from landing.{resource} where parent_id is not distinct from "
        f"(select min(parent_id) from landing.{resource}) order by 1 limit 20"
    ).fetchall()
    for row in rows:
        simulator.control.delete(resource.value, int(row["entity_id"]), account_id=account)
    thread = max(simulator.control.truth(account)["ids"]["conversations"])
    values = {"conversationId": thread} if resource is Resource.MESSAGES else {}
    added = simulator.control.create(resource.value, values, account_id=account)["id"]
    simulator.control.fault(fault, match={"path": SINGLE}, times=0)
    for _ in range(2):
        result = sync(warehouse, account, Resource.CONVERSATIONS, resource)
        assert result.status == "incomplete"
        assert re.search(r"[Hh]ostaway answered .*/\d+\]", result.error or ""), result.error
        assert deleted(warehouse, resource) == 0
    landed = warehouse.execute(f"select entity_id from landing.{resource}").fetchall()
    assert str(added) in {row["entity_id"] for row in landed}


@pytest.mark.parametrize("resource", [Resource.RESERVATIONS, Resource.CONVERSATIONS, Resource.MESSAGES])
def test_a_list_that_does_not_say_how_many_it_holds_proves_no_absence(
    warehouse: Connection, account: int, simulator: RunningSimulator, resource: Resource
) -> None:
    sync(warehouse, account, Resource.CONVERSATIONS, resource)
    rule = {"match": {"path": LIST[resource]}, "times": 0}
    simulator.control.add_faults(
        [{"kind": "half_page", "keep": 0.9, **rule}, {"kind": "count_off", "form": "absent", **rule}]
    )
    sync(warehouse, account, Resource.CONVERSATIONS, resource)
    assert deleted(warehouse, resource) == 0


def test_a_count_in_quotes_counts(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    match = {"path": LIST[Resource.RESERVATIONS]}
    simulator.control.add_faults([{"kind": "count_off", "by": 1, "form": "text", "match": match, "times": 0}])
    result = sync(warehouse, account, Resource.RESERVATIONS)
    assert (result.status, result.expected) == ("incomplete", 61)


@pytest.mark.parametrize("form", ["float", "text", "padded"])
@pytest.mark.parametrize("resource", [Resource.RESERVATIONS, Resource.CONVERSATIONS, Resource.MESSAGES])
def test_an_id_is_the_same_however_it_is_written(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    monkeypatch: pytest.MonkeyPatch,
    resource: Resource,
    form: str,
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "25")
    get_settings.cache_clear()
    sync(warehouse, account, Resource.CONVERSATIONS, resource)
    simulator.control.fault("spell", form=form, times=0)
    for _ in range(2):
        result = sync(warehouse, account, Resource.CONVERSATIONS, resource)
        assert (result.status, result.counts.new, result.counts.deleted) == ("complete", 0, 0)
