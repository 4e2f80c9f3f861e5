"""What a sync leaves alone: calendars that are not due, small lists read today, what is older than asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from sync_hostaway.accounts.registry import change_options
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import SyncResult, scheduled_mode, sync_account
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

SMALL = (Resource.REVIEWS, Resource.TASKS, Resource.USERS, Resource.COUPONS)


def sync(
    warehouse: Connection, account: int, mode: Mode = Mode.INCREMENTAL, since: datetime | None = None
) -> dict[Resource, SyncResult]:
    return {result.resource: result for result in sync_account(warehouse, account, mode, since=since)}


def test_an_hour_later_nothing_is_read_but_what_tells_changes(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, Mode.FULL)
    simulator.control.reset(only_stats=True)
    results = sync(warehouse, account)
    assert all(result.status == "complete" for result in results.values())
    assert simulator.control.stats()["total"] == 3  # listings, reservations, conversations


def test_a_calendar_is_due_when_a_reservation_of_its_listing_changed(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, Mode.FULL)
    reservation = simulator.control.objects("reservations", account)[3]
    simulator.control.patch("reservations", reservation["id"], {"status": "cancelled"}, account_id=account)
    assert sync(warehouse, account)[Resource.CALENDAR_DAYS].api_calls == 1
    assert simulator.control.calls("calendar.list", account) == 4 + 1
    assert sync(warehouse, account)[Resource.CALENDAR_DAYS].api_calls == 0


def test_a_calendar_is_due_when_a_reservation_left_its_listing(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, Mode.FULL)
    reservation = simulator.control.objects("reservations", account)[3]
    another = next(
        listing["id"]
        for listing in simulator.control.objects("listings", account)
        if listing["id"] != reservation["listingMapId"]
    )
    simulator.control.patch("reservations", reservation["id"], {"listingMapId": another}, account_id=account)
    assert sync(warehouse, account)[Resource.CALENDAR_DAYS].api_calls == 2
    assert sync(warehouse, account)[Resource.CALENDAR_DAYS].api_calls == 0


def test_every_calendar_is_due_once_a_day(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    sync(warehouse, account, Mode.FULL)
    warehouse.execute("update ops.calendar_reads set first_day = first_day - 1, last_day = last_day - 1")
    assert sync(warehouse, account)[Resource.CALENDAR_DAYS].api_calls == 4
    assert sync(warehouse, account)[Resource.CALENDAR_DAYS].api_calls == 0


def test_an_accounts_own_window_makes_its_calendars_due(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, Mode.FULL)
    warehouse.execute("""update ops.accounts set options = '{"calendar_days_ahead": 20}'""")
    assert sync(warehouse, account)[Resource.CALENDAR_DAYS].counts.new == 4 * (20 - 7)


def test_small_lists_are_read_once_a_day(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    for calls in (1, 0):
        results = sync(warehouse, account)
        assert {results[resource].api_calls for resource in SMALL} == {calls}
    warehouse.execute("update ops.sync_runs set started_at = started_at - interval '1 day'")
    results = sync(warehouse, account)
    assert {results[resource].api_calls for resource in SMALL} == {1}
    for resource in SMALL:
        ids = {str(number) for number in simulator.control.truth(account)["ids"][resource.value]}
        landed = warehouse.execute(f"select entity_id from landing.{resource}").fetchall()
        assert {row["entity_id"] for row in landed} == ids


def test_resources_are_switched_for_all_and_for_one_account(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__RESOURCES", "listings, reservations, reviews")
    get_settings.cache_clear()
    assert list(sync(warehouse, account)) == [Resource.LISTINGS, Resource.RESERVATIONS, Resource.REVIEWS]
    warehouse.execute("""update ops.accounts set options = '{"resources": {"reviews": false, "users": true}}'""")
    assert list(sync(warehouse, account)) == [Resource.LISTINGS, Resource.RESERVATIONS, Resource.USERS]


def test_since_goes_back_no_further_and_has_a_note(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "5")
    get_settings.cache_clear()
    sync(warehouse, account, Mode.FULL)
    before = warehouse.execute("select watermark from ops.watermarks").fetchone()
    threads = simulator.control.objects("conversations", account)
    stamps = sorted(max(row["messageSentOn"] or "", row["messageReceivedOn"] or "") for row in threads)
    since, began = datetime.fromisoformat(stamps[-6]).replace(tzinfo=UTC), datetime.now(UTC)
    oldest = min(threads, key=lambda row: max(row["messageSentOn"] or "", row["messageReceivedOn"] or ""))
    simulator.control.delete("conversations", oldest["id"], account_id=account)
    results = sync(warehouse, account, Mode.FULL, since)
    read = warehouse.execute(
        "select count(*) as n from ops.conversation_reads where fetched_at >= %s", [began]
    ).fetchone()
    assert read == {"n": sum(stamp >= stamps[-6] for stamp in stamps)}
    newer = [row for row in simulator.control.objects("reservations", account) if row["updatedOn"] >= stamps[-6]]
    assert len(newer) <= results[Resource.RESERVATIONS].counts.seen < 60
    assert all(result.counts.deleted == 0 for result in results.values())
    assert warehouse.execute("select watermark from ops.watermarks").fetchone() == before
    logged = warehouse.execute("select distinct since from ops.sync_runs where since is not null").fetchall()
    assert logged == [{"since": since}]


def test_since_a_moment_after_the_watermark_does_not_move_it(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, Mode.INCREMENTAL, datetime.now(UTC) - timedelta(days=1))
    assert warehouse.execute("select count(*) as n from ops.watermarks").fetchone() == {"n": 0}
    assert sync(warehouse, account)[Resource.RESERVATIONS].counts.seen >= 60


def test_auto_is_full_on_the_accounts_day_and_when_the_last_full_sync_is_too_long_ago(
    warehouse: Connection, account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = [datetime.now(UTC).date() + timedelta(days=days) for days in range(7)]
    full_day = next(day for day in week if get_settings().schedule.is_full_day(account, day))
    other_day = full_day + timedelta(days=1)

    def mode(day: date, resource: Resource = Resource.LISTINGS) -> Mode:
        return scheduled_mode(warehouse, account, resource, day)

    assert mode(other_day) is Mode.FULL
    sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS])
    sync_account(warehouse, account, Mode.FULL, [Resource.RESERVATIONS], since=datetime.now(UTC))
    assert (mode(full_day), mode(other_day)) == (Mode.FULL, Mode.INCREMENTAL)
    assert mode(other_day, Resource.RESERVATIONS) is Mode.FULL
    warehouse.execute("update ops.sync_runs set status = 'failed'")
    assert mode(other_day) is Mode.FULL
    warehouse.execute(
        "update ops.sync_runs set status = 'complete_after_retry', started_at = started_at - interval '8 days'"
    )
    assert mode(other_day) is Mode.FULL
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__FULL_EVERY_DAYS", "0")
    get_settings.cache_clear()
    assert mode(full_day) is Mode.INCREMENTAL


@pytest.mark.parametrize(("status", "then"), [("incomplete", Mode.INCREMENTAL), ("failed", Mode.FULL)])
def test_what_no_full_sync_mends_is_not_read_whole_day_after_day(
    warehouse: Connection, account: int, simulator: RunningSimulator, status: str, then: Mode
) -> None:
    today = datetime.now(UTC).date()
    day = next(
        day for day in (today, today + timedelta(days=1)) if not get_settings().schedule.is_full_day(account, day)
    )
    fault = {"incomplete": "count_off", "failed": "html_200"}[status]
    simulator.control.fault(fault, match={"resource": "listings"}, times=0)
    modes = []
    for _ in range(2):
        for _ in range(2):
            (result,) = sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS])
            assert result.status == status
            # A retry reads what its first try did.
            modes.append(scheduled_mode(warehouse, account, Resource.LISTINGS, day))
        warehouse.execute("update ops.sync_runs set started_at = started_at - interval '1 day'")
    assert modes == [Mode.FULL] * 4
    assert scheduled_mode(warehouse, account, Resource.LISTINGS, day) is then
    warehouse.execute("update ops.sync_runs set started_at = started_at - interval '6 days'")
    assert scheduled_mode(warehouse, account, Resource.LISTINGS, day) is Mode.FULL


def read_hours_ago(warehouse: Connection, hours: float) -> None:
    warehouse.execute("update ops.sync_runs set started_at = started_at - make_interval(secs => %s)", [hours * 3600])
    warehouse.execute(
        "update ops.calendar_reads set fetched_at = fetched_at - make_interval(secs => %s)", [hours * 3600]
    )
    warehouse.execute(
        "update landing.reservations set landed_at = landed_at - make_interval(secs => %s)", [hours * 3600]
    )


def test_an_account_that_syncs_every_few_hours_reads_everything_that_often(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    sync(warehouse, account, Mode.FULL)
    change_options(warehouse, account, {"sync_every_hours": 4})
    read_hours_ago(warehouse, 1.9)
    assert sync(warehouse, account)[Resource.CALENDAR_DAYS].api_calls == 0
    # The clock of the day does not matter then.
    read_hours_ago(warehouse, 2.2)
    results = sync(warehouse, account)
    assert results[Resource.CALENDAR_DAYS].api_calls == 4
    assert all(results[resource].api_calls for resource in SMALL)


def test_an_account_that_syncs_hourly_is_read_in_full_once_on_its_day(warehouse: Connection, account: int) -> None:
    today = datetime.now(UTC).date()
    own_day = next(
        day for day in (today + timedelta(days=n) for n in range(7)) if get_settings().schedule.is_full_day(701, day)
    )
    change_options(warehouse, account, {"sync_every_hours": 1})
    assert scheduled_mode(warehouse, account, Resource.LISTINGS, own_day) is Mode.FULL
    sync_account(warehouse, account, Mode.FULL, [Resource.LISTINGS])
    assert scheduled_mode(warehouse, account, Resource.LISTINGS, own_day) is Mode.INCREMENTAL
