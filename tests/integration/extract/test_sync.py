"""A sync against the simulator: complete, cheap when nothing changed, and honest when something went wrong."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from sync_hostaway.accounts import registry
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import (
    CredentialsRejected,
    HostawayError,
    HostawayMalformedReply,
    HostawayRefused,
    HostawayUnreachable,
    SyncHostawayError,
    SyncIncomplete,
)
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.context import Window
from sync_hostaway.extract.engine import SYNC_FUNCTIONS, SyncResult, sync_account, sync_resource
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.endpoints import CONVERSATIONS
from sync_hostaway.hostaway.responses import Reply
from sync_hostaway.simulator import RunningSimulator
from waiting import eventually

pytestmark = pytest.mark.integration

NOT_IN_LISTS = {"financeField", "bookingcomIsGeniusMember"}
"""What Hostaway fills only in single objects."""
LISTS = (Resource.LISTINGS, Resource.RESERVATIONS, Resource.CONVERSATIONS)


def sync(
    warehouse: Connection, account: int, mode: Mode = Mode.FULL, resources: Iterable[Resource] = tuple(Resource)
) -> dict[Resource, SyncResult]:
    results = {}
    run_key = f"test__{uuid.uuid4()}"
    for resource in [resource for resource in SYNC_FUNCTIONS if resource in set(resources)]:
        with registry.client_for(warehouse, account) as client:
            results[resource] = sync_resource(warehouse, client, resource, mode, run_key=run_key)
    return results


def landed_ids(warehouse: Connection, resource: str, account: int) -> set[str]:
    rows = warehouse.execute(f"select entity_id from landing.{resource} where account_id = %s", [account])
    return {row["entity_id"] for row in rows}


def statuses(warehouse: Connection) -> list[tuple[str, str]]:
    rows = warehouse.execute("select resource, status from ops.sync_runs order by sync_run_id").fetchall()
    return [(row["resource"], row["status"]) for row in rows]


def truth_ids(simulator: RunningSimulator, resource: str, account: int) -> set[str]:
    return {str(number) for number in simulator.control.truth(account)["ids"][resource]}


def assert_all_landed(warehouse: Connection, simulator: RunningSimulator, account: int) -> None:
    for resource in ("listings", "reservations", "conversations", "messages"):
        assert landed_ids(warehouse, resource, account) == truth_ids(simulator, resource, account), resource


def test_a_full_sync_lands_every_row_as_it_is(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    results = sync(warehouse, account)
    assert_all_landed(warehouse, simulator, account)
    assert {result.status for result in results.values()} == {"complete"}
    assert all(result.expected == result.counts.new for result in results.values())
    for resource in ("listings", "reservations"):
        rows = warehouse.execute(f"select entity_id, payload from landing.{resource}")
        payloads = {int(row["entity_id"]): row["payload"] for row in rows}
        for found in simulator.control.objects(resource, account):
            payload = payloads.pop(found["id"])
            differing = {name for name in found if payload.get(name) != found[name]}
            assert differing <= NOT_IN_LISTS
        assert not payloads


def test_the_calendar_covers_the_configured_window(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, resources=(Resource.LISTINGS, Resource.CALENDAR_DAYS))
    window = Window.around(datetime.now(UTC).date(), get_settings())
    listings = truth_ids(simulator, "listings", account)
    days = (window.end - window.start).days + 1
    assert days == 10
    assert len(landed_ids(warehouse, "calendar_days", account)) == len(listings) * days
    assert f"{min(listings)}:{window.start}" in landed_ids(warehouse, "calendar_days", account)


def test_an_unchanged_source_costs_a_handful_of_calls_and_writes_nothing(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account)
    loads = warehouse.execute("select count(*) as n from ops.loads").fetchone()
    results = sync(warehouse, account, Mode.INCREMENTAL)
    assert warehouse.execute("select count(*) as n from ops.loads").fetchone() == loads
    assert results[Resource.MESSAGES].api_calls == 0
    assert results[Resource.RESERVATIONS].api_calls == 1
    assert all(result.counts.new == result.counts.changed == 0 for result in results.values())


def test_an_incremental_sync_finds_what_changed_and_what_is_new(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account)
    control = simulator.control
    reservation_id = control.truth(account)["ids"]["reservations"][7]
    conversation_id = control.truth(account)["ids"]["conversations"][3]
    control.patch("reservations", reservation_id, {"status": "cancelled"}, account_id=account)
    control.create("messages", {"conversationId": conversation_id, "body": "Is there parking?"}, account_id=account)
    added = control.create("reservations", account_id=account)
    results = sync(warehouse, account, Mode.INCREMENTAL)
    assert_all_landed(warehouse, simulator, account)
    assert results[Resource.MESSAGES].api_calls == 1
    assert results[Resource.RESERVATIONS].counts.new == 1
    status = warehouse.execute(
        "select payload ->> 'status' as status from landing.reservations where entity_id = %s", [str(reservation_id)]
    ).fetchone()
    assert status == {"status": "cancelled"}
    assert str(added["id"]) in landed_ids(warehouse, "reservations", account)


@pytest.mark.parametrize("page_size", [1, 7, 60, 1000])
def test_any_page_size_sees_every_row(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    monkeypatch: pytest.MonkeyPatch,
    page_size: int,
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", str(page_size))
    get_settings.cache_clear()
    sync(warehouse, account, resources=LISTS)
    for resource in ("listings", "reservations", "conversations"):
        assert landed_ids(warehouse, resource, account) == truth_ids(simulator, resource, account)


@pytest.mark.parametrize(
    ("resource", "drift"),
    [
        (Resource.RESERVATIONS, {"update": 5}),
        (Resource.RESERVATIONS, {"update": 2, "insert": 3}),
        (Resource.RESERVATIONS, {"update": 3, "delete": 2}),
    ],
)
def test_rows_that_move_while_the_list_is_read_are_not_lost(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    monkeypatch: pytest.MonkeyPatch,
    resource: Resource,
    drift: dict[str, int],
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "10")
    get_settings.cache_clear()
    simulator.control.fault("drift", match={"resource": resource.value}, after=1, times=1, **drift)
    result = sync(warehouse, account, resources=[resource])[resource]
    assert result.status == "complete_after_retry"
    assert truth_ids(simulator, resource.value, account) <= landed_ids(warehouse, resource.value, account)


PASSING = [
    {"kind": "status_5xx"},
    {"kind": "status_429", "retry_after": 0.2},
    {"kind": "html_200"},
    {"kind": "reset"},
    {"kind": "cut_json", "close": True},
    {"kind": "cut_json", "close": False},
    {"kind": "expire_token"},
    {"kind": "half_page"},
]


@pytest.mark.parametrize("fault", PASSING)
def test_passing_trouble_is_ridden_out(
    warehouse: Connection, account: int, simulator: RunningSimulator, fault: dict[str, Any]
) -> None:
    simulator.control.add_faults([{**fault, "match": {"resource": "reservations"}, "times": 2}])
    sync(warehouse, account, resources=[Resource.RESERVATIONS])
    assert landed_ids(warehouse, "reservations", account) == truth_ids(simulator, "reservations", account)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ({"kind": "html_200"}, HostawayMalformedReply, "an HTML page"),
        ({"kind": "cut_json", "close": False}, HostawayMalformedReply, "not JSON"),
        ({"kind": "cut_json", "close": True}, HostawayUnreachable, "Cannot reach"),
        ({"kind": "fail_200"}, HostawayRefused, "status fail with HTTP 200"),
        ({"kind": "forbid"}, HostawayRefused, "403"),
        ({"kind": "reset"}, HostawayUnreachable, "Cannot reach"),
    ],
)
def test_lasting_trouble_names_account_resource_and_place_and_keeps_what_landed(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
    error: type[HostawayError],
    said: str,
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "20")
    get_settings.cache_clear()
    simulator.control.add_faults([{**fault, "match": {"resource": "reservations"}, "after": 1, "times": 0}])
    with pytest.raises(error, match=said) as caught:
        sync(warehouse, account, resources=[Resource.RESERVATIONS])
    assert "account 701" in str(caught.value)
    assert "resource reservations" in str(caught.value)
    assert "/v1/reservations" in str(caught.value)
    assert statuses(warehouse) == [("reservations", "failed")]
    assert len(landed_ids(warehouse, "reservations", account)) == 20
    simulator.control.clear_faults()
    sync(warehouse, account, resources=[Resource.RESERVATIONS])
    assert landed_ids(warehouse, "reservations", account) == truth_ids(simulator, "reservations", account)


def test_a_bad_row_costs_no_other_row(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    simulator.control.fault("bad_row", match={"resource": "reservations"}, defect="missing_id")
    result = sync(warehouse, account, resources=[Resource.RESERVATIONS])[Resource.RESERVATIONS]
    assert result.is_complete
    assert result.counts.quarantined == 1
    # A list's front is read again, so that a row that was bad just once may be there already.
    assert result.counts.new >= (result.expected or 0) - 1
    entry = warehouse.execute("select resource, reason, payload from ops.quarantine").fetchone()
    assert entry
    assert entry["resource"] == "reservations"
    assert entry["reason"]
    sync(warehouse, account, resources=[Resource.RESERVATIONS])
    assert landed_ids(warehouse, "reservations", account) == truth_ids(simulator, "reservations", account)


@pytest.mark.parametrize(
    "defect", ["nul_char", "lone_surrogate", "unknown_status", "string_for_number", "impossible_date"]
)
def test_a_strange_row_lands_all_the_same(
    warehouse: Connection, account: int, simulator: RunningSimulator, defect: str
) -> None:
    simulator.control.fault("bad_row", match={"resource": "reservations"}, defect=defect)
    result = sync(warehouse, account, resources=[Resource.RESERVATIONS])[Resource.RESERVATIONS]
    assert result.counts.new == result.expected


def test_a_count_that_promises_more_is_not_called_complete(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("count_off", match={"resource": "reservations"}, times=0, by=1)
    with pytest.raises(SyncIncomplete, match="1 of 61 rows of reservations of account 701 were not seen"):
        sync(warehouse, account, resources=[Resource.RESERVATIONS])
    assert statuses(warehouse) == [("reservations", "incomplete")]
    assert warehouse.execute("select count(*) as n from ops.watermarks").fetchone() == {"n": 0}
    assert landed_ids(warehouse, "reservations", account) == truth_ids(simulator, "reservations", account)


def test_a_list_that_ignores_the_offset_is_complete(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    lists = (Resource.LISTINGS, Resource.USERS, Resource.COUPONS)
    whole = {"match": {"path": r"/v1/(listings|users|coupons)\?"}, "times": 0}
    simulator.control.add_faults([{"kind": "repeat_ids", **whole}, {"kind": "count_off", "form": "absent", **whole}])
    for resource, result in sync(warehouse, account, resources=lists).items():
        assert result.status == "complete"
        assert result.api_calls == 2
        assert landed_ids(warehouse, resource, account) == truth_ids(simulator, resource, account)


def test_a_page_that_comes_again_and_may_be_cut_is_not_called_complete(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "5")
    get_settings.cache_clear()
    cut = {"match": {"resource": "users"}, "times": 0}
    simulator.control.add_faults([{"kind": "repeat_ids", **cut}, {"kind": "count_off", "form": "absent", **cut}])
    with pytest.raises(SyncIncomplete):
        sync(warehouse, account, resources=[Resource.USERS])


@pytest.mark.parametrize("count", ["number", "absent"])
@pytest.mark.parametrize("resource", [Resource.RESERVATIONS, Resource.CONVERSATIONS])
def test_a_page_that_comes_again_and_again_ends_the_walk_even_when_a_row_has_no_id(
    warehouse: Connection,
    account: int,
    simulator: RunningSimulator,
    monkeypatch: pytest.MonkeyPatch,
    resource: Resource,
    count: str,
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "10")
    get_settings.cache_clear()
    always = {"match": {"resource": resource.value}, "times": 0}
    simulator.control.add_faults(
        [
            {"kind": "repeat_ids", **always},
            {"kind": "count_off", "by": 0, "form": count, **always},
            {"kind": "bad_row", "defect": "missing_id", "row": 3, **always},
            {"kind": "status_5xx", "status": 418, "match": always["match"], "after": 100, "times": 0},
        ]
    )
    result = sync_account(warehouse, account, Mode.FULL, [resource])[0]
    assert result.status == "incomplete"


def test_one_thread_that_cannot_be_read_does_not_keep_the_others_out(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    thread = simulator.control.truth(account)["ids"]["conversations"][5]
    messages = f"/v1/conversations/{thread}/messages"
    simulator.control.fault("html_200", match={"path": messages}, times=0)
    results = {result.resource: result for result in sync_account(warehouse, account, Mode.FULL)}
    assert re.search(r"1 of \d+ parents of messages could not be read", results[Resource.MESSAGES].error or "")
    assert [found for found in statuses(warehouse) if found[1] != "complete"] == [("messages", "incomplete")]
    simulator.control.clear_faults()
    assert sync(warehouse, account, Mode.INCREMENTAL)[Resource.MESSAGES].api_calls == 1
    assert_all_landed(warehouse, simulator, account)


def test_refused_credentials_stop_the_account_and_leave_the_other_alone(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    registry.add_account(warehouse, 702, "secret-702")
    simulator.control.set_secret(account, "changed at Hostaway")
    simulator.control.fault("expire_token", match={"account": account}, times=1)
    with pytest.raises(CredentialsRejected, match="account 701"):
        sync(warehouse, account)
    calls = simulator.control.stats()["total"]
    with pytest.raises(SyncHostawayError, match="Account 701 is credentials_rejected"):
        sync(warehouse, account)
    assert simulator.control.stats()["total"] == calls
    sync(warehouse, 702)
    assert_all_landed(warehouse, simulator, 702)


def test_an_api_that_is_away_is_named(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTAWAY_API_URL", "http://127.0.0.1:9")
    get_settings.cache_clear()
    with pytest.raises(HostawayUnreachable, match="account 701"):
        sync(warehouse, account, resources=[Resource.LISTINGS])


def test_no_secret_gets_into_errors_or_the_sync_log(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    from sync_hostaway.accounts.secrets.store import DatabaseSecretsStore

    for kind in ("html_200", "fail_200", "forbid", "status_5xx"):
        simulator.control.add_faults([{"kind": kind, "times": 0, "match": {"resource": "listings"}}])
        (result,) = sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS])
        assert result.error
        simulator.control.clear_faults()
        token = json.loads(DatabaseSecretsStore(warehouse).get(account, "access_token") or "{}")["value"]
        said = result.error + str(warehouse.execute("select error from ops.sync_runs").fetchall())
        assert "secret-701" not in said
        assert token not in said


def test_a_killed_sync_resumes_where_it_was(
    warehouse: Connection, warehouse_dsn: str, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, resources=[Resource.CONVERSATIONS])
    threads = len(landed_ids(warehouse, "conversations", account))
    # A commit per thread, and after some threads no answer, so that the kill hits the middle of the work.
    simulator.control.fault("slow", match={"path": ".*/messages"}, after=5, times=0, seconds=60)
    code = (
        "from sync_hostaway.extract import per_parent; per_parent._ROWS_PER_COMMIT = 1\n"
        "from sync_hostaway.extract.engine import sync_account\n"
        "from sync_hostaway.core.resources import Mode, Resource\n"
        "from sync_hostaway.core.db import connect\n"
        "sync_account(connect(), 701, Mode.FULL, [Resource.MESSAGES], run_key='killed')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "AIRFLOW__HOSTAWAY__CONCURRENCY": "1"})

    def three_threads_are_read() -> bool:
        assert process.poll() is None, "the sync ended before it could be killed"
        return len(warehouse.execute("select from ops.conversation_reads").fetchall()) >= 3

    eventually(three_threads_are_read)
    process.send_signal(signal.SIGKILL)
    process.wait()
    simulator.control.clear_faults()
    finished = warehouse.execute("select count(*) as n from ops.conversation_reads").fetchone()
    assert finished
    result = sync_account(warehouse, account, Mode.FULL, [Resource.MESSAGES], run_key="killed")[0]
    assert result.api_calls <= threads - finished["n"]
    assert landed_ids(warehouse, "messages", account) == truth_ids(simulator, "messages", account)
    assert statuses(warehouse)[1:] == [("messages", "failed"), ("messages", "complete")]


def test_an_incremental_walk_that_ends_early_is_not_called_complete(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(warehouse, account, resources=[Resource.RESERVATIONS])
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "10")
    get_settings.cache_clear()
    before = warehouse.execute("select watermark from ops.watermarks").fetchone()
    simulator.control.touch("reservations", 60, account_id=account)
    simulator.control.fault("repeat_ids", match={"resource": "reservations"}, after=1, times=0)
    with pytest.raises(SyncIncomplete, match="the read ended before it reached changes of"):
        sync(warehouse, account, Mode.INCREMENTAL, [Resource.RESERVATIONS])
    assert warehouse.execute("select watermark from ops.watermarks").fetchone() == before


def test_a_change_stamped_in_the_future_hides_no_later_change(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = simulator.control.truth(account)["ids"]["reservations"]
    simulator.control.patch("reservations", ids[0], {"updatedOn": "2199-01-01 00:00:00"}, account_id=account)
    sync(warehouse, account, resources=[Resource.RESERVATIONS])
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "5")
    get_settings.cache_clear()
    touched = simulator.control.touch("reservations", 50, account_id=account)
    result = sync(warehouse, account, Mode.INCREMENTAL, [Resource.RESERVATIONS])[Resource.RESERVATIONS]
    assert result.counts.changed >= len(touched) - 1


def test_rows_deleted_while_a_list_is_read_by_offset_hide_no_others(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "10")
    get_settings.cache_clear()
    get, asked = HostawayClient.get, itertools.count(1)
    ranked = sorted(
        simulator.control.objects("conversations", account), key=lambda row: row["messageSentOn"] or "", reverse=True
    )

    def delete_and_get(client: HostawayClient, path: str, *arguments: Any, **options: Any) -> Reply:
        # Just before the second page is asked for, rows of the first one go.
        if path == CONVERSATIONS and next(asked) == 2:
            for thread in ranked[:5]:
                simulator.control.delete("conversations", thread["id"], account_id=account)
        return get(client, path, *arguments, **options)

    monkeypatch.setattr(HostawayClient, "get", delete_and_get)
    result = sync(warehouse, account, resources=[Resource.CONVERSATIONS])[Resource.CONVERSATIONS]
    assert next(asked) > 2
    alive = warehouse.execute("select entity_id from landing.conversations where deleted_at is null").fetchall()
    assert {row["entity_id"] for row in alive} >= truth_ids(simulator, "conversations", account)
    assert result.is_complete


def test_not_found_everywhere_is_trouble_and_not_an_empty_account(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("status_5xx", match={"path": ".*/messages"}, times=0, status=404)
    results = {result.resource: result for result in sync_account(warehouse, account, Mode.FULL)}
    assert results[Resource.MESSAGES].status == "refused"
    assert warehouse.execute("select count(*) as n from ops.conversation_reads").fetchone() == {"n": 0}
    simulator.control.clear_faults()
    sync_account(warehouse, account, Mode.INCREMENTAL, list(Resource))
    assert_all_landed(warehouse, simulator, account)


def test_half_a_calendar_is_completed(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    simulator.control.fault("half_page", match={"path": ".*/calendar"}, times=2)
    sync(warehouse, account, resources=[Resource.LISTINGS, Resource.CALENDAR_DAYS])
    assert len(landed_ids(warehouse, "calendar_days", account)) == 10 * len(truth_ids(simulator, "listings", account))


def test_days_that_cannot_be_understood_are_kept_and_missed(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    calendars = {"path": ".*/calendar"}
    read = (Resource.LISTINGS, Resource.CALENDAR_DAYS)
    listings = len(truth_ids(simulator, "listings", account))
    simulator.control.fault("spell", match=calendars, times=0, field="date", form="slashes")
    result = sync_account(warehouse, account, Mode.FULL, read)[1]
    # One day more is requested than is needed, and the result does not show which one.
    assert (result.status, result.counts.quarantined) == ("incomplete", 11 * listings)
    assert f"{10 * listings} of {10 * listings} rows of calendar_days" in (result.error or "")
    assert warehouse.execute("select count(*) as n from ops.calendar_reads").fetchone() == {"n": 0}
    simulator.control.clear_faults()
    assert sync(warehouse, account, Mode.INCREMENTAL, read)[Resource.CALENDAR_DAYS].counts.new == 10 * listings


def test_a_calendar_whose_second_half_cannot_be_understood_is_not_complete(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    start = Window.around(datetime.now(UTC).date(), get_settings()).start
    simulator.control.fault("half_page", match={"path": f"calendar.startDate={start}"}, times=0)
    later = {"path": f"calendar.startDate=(?!{start})"}
    simulator.control.fault("spell", match=later, times=0, field="date", form="slashes")
    result = sync_account(warehouse, account, Mode.FULL, (Resource.LISTINGS, Resource.CALENDAR_DAYS))[1]
    assert (result.status, result.counts.new) == ("incomplete", 5 * 4)
    assert f"{5 * 4} of {10 * 4} rows of calendar_days" in (result.error or "")
    assert warehouse.execute("select count(*) as n from ops.calendar_reads").fetchone() == {"n": 0}


def test_what_a_complete_full_walk_did_not_see_is_marked_deleted_and_revived_when_seen_again(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account)
    control = simulator.control
    gone = control.truth(account)["ids"]["reservations"][:2]
    for number in gone:
        control.delete("reservations", number, account_id=account)
    control.fault("count_off", match={"resource": "reservations"}, times=0, by=1)
    with pytest.raises(SyncIncomplete):
        sync(warehouse, account, resources=[Resource.RESERVATIONS])
    assert deleted(warehouse, "reservations") == set()
    control.clear_faults()
    result = sync(warehouse, account, resources=[Resource.RESERVATIONS])[Resource.RESERVATIONS]
    assert deleted(warehouse, "reservations") == {str(number) for number in gone}
    assert result.counts.deleted == 2


def test_an_incremental_sync_marks_nothing_deleted(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account)
    simulator.control.delete("listings", simulator.control.truth(account)["ids"]["listings"][0], account_id=account)
    sync(warehouse, account, Mode.INCREMENTAL)
    assert deleted(warehouse, "listings") == set()


def test_many_unreadable_rows_are_not_complete(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    for number in simulator.control.truth(account)["ids"]["reservations"][:12]:
        simulator.control.patch("reservations", number, {"listingMapId": "many"}, account_id=account)
    with pytest.raises(SyncIncomplete, match="12 of 60 rows of reservations of account 701 could not be read"):
        sync(warehouse, account, resources=[Resource.RESERVATIONS])
    assert len(landed_ids(warehouse, "reservations", account)) == 48


def deleted(warehouse: Connection, resource: str) -> set[str]:
    rows = warehouse.execute(f"select entity_id from landing.{resource} where deleted_at is not null")
    return {row["entity_id"] for row in rows}


def test_a_message_that_left_its_thread_is_marked_deleted(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account)
    message = warehouse.execute("select entity_id, parent_id from landing.messages limit 1").fetchone()
    assert message
    simulator.control.delete("messages", int(message["entity_id"]), account_id=account)
    results = sync(warehouse, account, resources=[Resource.CONVERSATIONS, Resource.MESSAGES])
    assert deleted(warehouse, "messages") == {message["entity_id"]}
    assert results[Resource.MESSAGES].counts.deleted == 1


@pytest.mark.parametrize(
    ("parents", "children"),
    [(Resource.CONVERSATIONS, Resource.MESSAGES), (Resource.LISTINGS, Resource.CALENDAR_DAYS)],
)
def test_what_hangs_on_an_object_that_is_gone_goes_and_comes_back_with_it(
    warehouse: Connection, account: int, simulator: RunningSimulator, parents: Resource, children: Resource
) -> None:
    sync(warehouse, account)
    hanging = warehouse.execute(
        f"select parent_id, array_agg(entity_id) as ids from landing.{children} group by 1 order by 1 limit 1"
    ).fetchone()
    assert hanging
    parent, ids = hanging["parent_id"], set(hanging["ids"])
    simulator.control.delete(parents.value, parent, account_id=account)
    results = sync(warehouse, account, resources=[parents, children])
    assert deleted(warehouse, children.value) == ids
    assert results[children].counts.deleted == len(ids)
    simulator.control.reset()
    sync(warehouse, account, Mode.INCREMENTAL, [parents, children])
    assert deleted(warehouse, children.value) == set()
