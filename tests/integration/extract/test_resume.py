"""A sync that was killed is gone on with, and nothing old is taken for new."""

from __future__ import annotations

import pytest
from psycopg import sql

from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

PAGES = 6
"""Of the 60 reservations, with ten rows each."""


@pytest.fixture(autouse=True)
def small_pages(simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "10")
    monkeypatch.setattr("sync_hostaway.hostaway.client.MAX_ATTEMPTS", 1)
    get_settings.cache_clear()


def break_off(
    warehouse: Connection,
    simulator: RunningSimulator,
    account: int,
    resource: Resource,
    mode: Mode = Mode.FULL,
    run_key: str = "first",
    pages: int = 3,
    status: str = "failed",
) -> None:
    """A sync that ends after some pages: Hostaway goes away."""
    simulator.control.fault("status_5xx", match={"resource": resource.value}, after=pages, times=0)
    result = one(warehouse, account, resource, mode, run_key)
    assert result.status == status
    simulator.control.clear_faults()


def one(
    warehouse: Connection, account: int, resource: Resource, mode: Mode = Mode.FULL, run_key: str = "second"
) -> SyncResult:
    (result,) = sync_account(warehouse, account, mode, [resource], run_key=run_key)
    return result


def landed(warehouse: Connection, resource: str, *, deleted: bool = False) -> set[int]:
    query = sql.SQL("select entity_id::bigint as id from {} where (deleted_at is not null) = %s")
    rows = warehouse.execute(query.format(sql.Identifier("landing", resource)), [deleted]).fetchall()
    return {row["id"] for row in rows}


def truth(simulator: RunningSimulator, resource: str, account: int) -> set[int]:
    return set(simulator.control.truth(account)["ids"][resource])


@pytest.mark.parametrize("run_key", ["first", "second"])
def test_a_retry_and_a_new_command_resume_the_reservations(
    warehouse: Connection, account: int, simulator: RunningSimulator, run_key: str
) -> None:
    break_off(warehouse, simulator, account, Resource.RESERVATIONS)
    result = one(warehouse, account, Resource.RESERVATIONS, run_key=run_key)
    assert result.status == "complete"
    assert result.api_calls == PAGES - 3 + 2  # the last page is full, so one behind it; then the front once more
    assert result.counts.new == 30
    assert landed(warehouse, "reservations") == truth(simulator, "reservations", account)


def test_changes_between_two_reads_are_read(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    break_off(warehouse, simulator, account, Resource.RESERVATIONS)
    first_page = simulator.control.objects("reservations", account)
    newest = max(first_page, key=lambda row: (row["updatedOn"], row["id"]))
    # The newest one stays where it is: its stamp alone tells that it changed.
    simulator.control.patch("reservations", newest["id"], {"hostNote": "late arrival"}, account_id=account)
    added = simulator.control.create("reservations", account_id=account)
    result = one(warehouse, account, Resource.RESERVATIONS)
    assert result.is_complete
    rows = warehouse.execute(
        "select payload ->> 'hostNote' as note from landing.reservations where entity_id = %s", [str(newest["id"])]
    ).fetchone()
    assert rows == {"note": "late arrival"}
    assert added["id"] in landed(warehouse, "reservations")


def test_rows_seen_before_the_kill_are_not_taken_for_deleted(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync_account(warehouse, account, Mode.FULL, [Resource.RESERVATIONS])
    gone = sorted(truth(simulator, "reservations", account))[:2]
    for number in gone:
        simulator.control.delete("reservations", number, account_id=account)
    break_off(warehouse, simulator, account, Resource.RESERVATIONS)
    result = one(warehouse, account, Resource.RESERVATIONS)
    assert result.counts.deleted == 2
    assert landed(warehouse, "reservations", deleted=True) == set(gone)


def test_a_row_that_vanished_where_the_walk_stood_costs_a_fresh_walk(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    break_off(warehouse, simulator, account, Resource.RESERVATIONS)
    row = warehouse.execute(
        "select rows -> -1 -> 'id' as last from ops.sync_checkpoints order by page desc limit 1"
    ).fetchone()
    assert row
    simulator.control.delete("reservations", row["last"], account_id=account)
    result = one(warehouse, account, Resource.RESERVATIONS)
    assert result.status == "complete_after_retry"
    assert landed(warehouse, "reservations") == truth(simulator, "reservations", account)


@pytest.mark.parametrize(
    "change",
    [
        "update ops.sync_reads set continued_at = now() - interval '2 days'",
        "update ops.sync_reads set plan = replace(plan, 'version', 'version 0')",
    ],
)
def test_a_walk_that_is_too_old_or_of_another_version_begins_anew(
    warehouse: Connection, account: int, simulator: RunningSimulator, change: str
) -> None:
    break_off(warehouse, simulator, account, Resource.RESERVATIONS)
    assert warehouse.execute(change).rowcount == 1
    result = one(warehouse, account, Resource.RESERVATIONS)
    assert result.status == "complete"
    assert result.counts.seen == 60


def test_another_mode_begins_anew(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    sync_account(warehouse, account, Mode.FULL, [Resource.RESERVATIONS])
    break_off(warehouse, simulator, account, Resource.RESERVATIONS)
    incremental = one(warehouse, account, Resource.RESERVATIONS, Mode.INCREMENTAL)
    assert incremental.is_complete
    assert incremental.api_calls <= 3
    assert one(warehouse, account, Resource.RESERVATIONS).counts.seen == 60


def test_an_incremental_sync_that_resumes_finds_changes_in_between(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync_account(warehouse, account, Mode.FULL, [Resource.RESERVATIONS])
    simulator.control.touch("reservations", 60, account_id=account)
    break_off(warehouse, simulator, account, Resource.RESERVATIONS, Mode.INCREMENTAL, pages=2)
    added = simulator.control.create("reservations", account_id=account)
    result = one(warehouse, account, Resource.RESERVATIONS, Mode.INCREMENTAL)
    assert result.is_complete
    assert added["id"] in landed(warehouse, "reservations")


def test_a_list_without_an_order_by_change_is_gone_on_with_by_its_own_run_alone(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    break_off(warehouse, simulator, account, Resource.CONVERSATIONS)
    retried = one(warehouse, account, Resource.CONVERSATIONS, run_key="first")
    # Two pages, and the two heads that every sync of a large list begins with.
    assert (retried.status, retried.api_calls) == ("complete", 2 + 2)
    assert landed(warehouse, "conversations") == truth(simulator, "conversations", account)
    break_off(warehouse, simulator, account, Resource.CONVERSATIONS)
    # A thread of a page that was read before this command began may have changed since.
    assert one(warehouse, account, Resource.CONVERSATIONS).api_calls == 5 + 2


def test_a_list_that_moved_during_the_read_is_read_again(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    break_off(warehouse, simulator, account, Resource.CONVERSATIONS)
    ranked = sorted(
        simulator.control.objects("conversations", account), key=lambda row: row["messageSentOn"] or "", reverse=True
    )
    for thread in ranked[:5]:
        simulator.control.delete("conversations", thread["id"], account_id=account)
    result = one(warehouse, account, Resource.CONVERSATIONS, run_key="first")
    assert result.status == "complete_after_retry"
    assert landed(warehouse, "conversations") == truth(simulator, "conversations", account)


def test_an_incomplete_list_is_read_anew(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    simulator.control.fault("count_off", match={"resource": "conversations"}, times=0, by=1)
    incomplete = one(warehouse, account, Resource.CONVERSATIONS, run_key="first")
    assert incomplete.status == "incomplete"
    # It was read four times, and each row counts once.
    assert (incomplete.expected, incomplete.counts.seen) == (41, 40)
    row = warehouse.execute("select rows_seen, rows_landed from ops.resource_status where resource = 'conversations'")
    assert row.fetchall() == [{"rows_seen": 40, "rows_landed": 40}]
    simulator.control.clear_faults()
    assert one(warehouse, account, Resource.CONVERSATIONS, run_key="first").counts.seen == 40


def test_a_list_that_is_read_again_counts_its_unreadable_rows_once(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("count_off", match={"resource": "conversations"}, times=0, by=1)
    first = min(truth(simulator, "conversations", account))
    simulator.control.fault("bad_row", match={"resource": "conversations"}, times=0, defect="missing_id", id=first)
    counts = one(warehouse, account, Resource.CONVERSATIONS, run_key="first").counts
    assert (counts.seen, counts.quarantined) == (40, 1)


@pytest.mark.parametrize("resource", [Resource.MESSAGES, Resource.CALENDAR_DAYS])
def test_a_new_full_sync_does_not_repeat_what_a_broken_off_one_has_read(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    monkeypatch: pytest.MonkeyPatch,
    resource: Resource,
) -> None:
    monkeypatch.setattr("sync_hostaway.extract.per_parent._ROWS_PER_COMMIT", 1)
    results = {result.resource: result for result in sync_account(warehouse, account, Mode.FULL)}
    parent = "conversations" if resource is Resource.MESSAGES else "listings"
    last = max(truth(simulator, parent, account))
    simulator.control.fault("reset", match={"path": f"/{last}/(messages|calendar)"}, times=0)
    assert one(warehouse, account, resource, run_key="first").status == "incomplete"
    simulator.control.clear_faults()
    assert one(warehouse, account, resource).api_calls == 1
    # That one came to its end: the next reads everything again.
    assert one(warehouse, account, resource, run_key="third").api_calls == results[resource].api_calls


@pytest.mark.parametrize("fault", ["count_off", "html_200"])
def test_a_thread_that_always_falls_short_keeps_no_other_from_being_read_again(
    warehouse: Connection, account: int, simulator: RunningSimulator, fault: str
) -> None:
    sync_account(warehouse, account, Mode.FULL, [Resource.CONVERSATIONS, Resource.MESSAGES])
    short, other = warehouse.execute(
        "select parent_id, min(entity_id::bigint) as message from landing.messages group by 1 order by 1 limit 2"
    ).fetchall()
    simulator.control.fault(fault, match={"path": f"/v1/conversations/{short['parent_id']}/messages"}, times=0)
    everything = one(warehouse, account, Resource.MESSAGES, run_key="first").api_calls
    simulator.control.delete("messages", other["message"], account_id=account)
    for run_key, calls in (("second", 2), ("third", everything)):
        warehouse.execute("update ops.sync_reads set continued_at = continued_at - interval '23 hours 50 minutes'")
        result = one(warehouse, account, Resource.MESSAGES, run_key=run_key)
        assert result.status == "incomplete"
        assert calls - 1 <= result.api_calls <= calls
    assert landed(warehouse, "messages", deleted=True) == {other["message"]}


def test_a_read_that_starts_again_begins_with_unread_parents(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_hostaway.extract.per_parent._ROWS_PER_COMMIT", 1)
    sync_account(warehouse, account, Mode.FULL, [Resource.CONVERSATIONS])
    for run_key in ("first", "second"):
        break_off(warehouse, simulator, account, Resource.MESSAGES, run_key=run_key, pages=15, status="incomplete")
        warehouse.execute("update ops.sync_reads set continued_at = continued_at - interval '2 days'")
    runs = warehouse.execute(
        "select rows_new > 0 as new, rows_unchanged from ops.sync_runs where resource = 'messages'"
    ).fetchall()
    assert runs == [{"new": True, "rows_unchanged": 0}] * 2


def test_a_refused_walk_of_one_account_leaves_that_of_another_alone(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    from sync_hostaway.accounts.registry import add_account

    add_account(warehouse, 702, "secret-702")
    break_off(warehouse, simulator, account, Resource.RESERVATIONS)
    assert one(warehouse, 702, Resource.RESERVATIONS).counts.seen == 60
    with pytest.raises(SyncHostawayError):
        sync_account(warehouse, 703, Mode.FULL)
    assert one(warehouse, account, Resource.RESERVATIONS).counts.seen == 30
