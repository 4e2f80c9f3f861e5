"""The demo's status: by what each row became, not by how many there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from cryptography.fernet import Fernet
from rich.console import Console

from databases import create_database
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.demo.report import Count, DemoReport
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.transforms import run_transform

pytestmark = pytest.mark.integration

Sync = Callable[..., None]


DATABASE = "w_report"


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report-home")


@pytest.fixture
def warehouse_dsn(
    postgres: EmbeddedPostgres, module_home: Path, own_settings: None, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A fresh warehouse, always under the same name and beside the same home: dbt parses its project once for all."""
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:
        create_database(admin, DATABASE, "template_warehouse")
    monkeypatch.setenv("WAREHOUSE_URL", postgres.dsn(DATABASE))
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", Fernet.generate_key().decode())
    monkeypatch.setenv("SYNC_HOSTAWAY_HOME", str(module_home))
    get_settings.cache_clear()
    return postgres.dsn(DATABASE)


@pytest.fixture
def sync(warehouse: Connection, account: int) -> Sync:
    def run(run_key: str, *, transform: bool = True) -> None:
        sync_account(warehouse, account, Mode.FULL, run_key=run_key)
        if transform:
            run_transform(warehouse, requested_by="test")

    return run


def report(warehouse: Connection, run_key: str) -> DemoReport:
    return DemoReport.read(warehouse, {701: run_key}, datetime.now(UTC) - timedelta(hours=1))


def shown(warehouse: Connection, run_key: str) -> str:
    console = Console(width=140)
    with console.capture() as capture:
        found = report(warehouse, run_key)
        console.print(found.table())
        console.print(found.summary(1.0), markup=False)
    return capture.get()


def counts(warehouse: Connection, run_key: str) -> dict[str, Count]:
    return {count.table: count for count in report(warehouse, run_key).counts}


def test_a_first_run_is_complete_and_counts_its_source(
    warehouse: Connection, simulator: RunningSimulator, sync: Sync
) -> None:
    sync("first")
    found = counts(warehouse, "first")
    truth = simulator.control.truth(701, ids=False)["counts"]
    assert report(warehouse, "first").complete
    for table in ("listings", "reservations", "conversations", "messages", "reviews", "tasks", "users", "coupons"):
        chain = found[table].chain
        assert chain is not None
        assert chain.expected == found[table].landed == found[table].core == truth[table], table
    assert found["listing_photos"].landed == found["listing_photos"].core == truth["photos"]
    assert found["guests"].core > 0
    text = shown(warehouse, "first")
    assert "Every row arrived" in text
    assert "missing" not in text


def test_what_is_switched_off_is_not_asked_for(
    warehouse: Connection, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__RESOURCES", "listings,users")
    get_settings.cache_clear()
    sync("some")
    assert list(counts(warehouse, "some")) == ["listings", "listing_photos", "users"]
    assert report(warehouse, "some").complete


def test_a_window_that_has_moved_is_no_loss(warehouse: Connection, sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    sync("first")
    before = counts(warehouse, "first")["calendar_days"]
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__CALENDAR_DAYS_BACK", "0")
    get_settings.cache_clear()
    sync("second")
    after = counts(warehouse, "second")["calendar_days"]
    assert after.trouble is None
    assert after.chain is not None
    assert after.chain.expected == after.landed == after.core == before.core - 2 * 4


def test_bad_versions_and_deletions_are_no_loss(warehouse: Connection, simulator: RunningSimulator, sync: Sync) -> None:
    sync("first")
    bad, gone, *_ = simulator.control.truth(701)["ids"]["reservations"]
    simulator.control.patch("reservations", bad, {"listingMapId": "none"}, account_id=701)
    simulator.control.delete("reservations", gone, account_id=701)
    sync("second")
    found = counts(warehouse, "second")["reservations"]
    assert found.chain is not None
    # The bad version is in quarantine, and core still has the version before it. The report shows both.
    query = "select reservation_id from hostaway.reservations where suspect_since is not null"
    assert warehouse.execute(query).fetchall() == [{"reservation_id": bad}]
    assert found.chain.rejected == 1
    assert found.trouble is None
    assert report(warehouse, "second").complete


def test_the_tries_of_a_run_count_together(warehouse: Connection, simulator: RunningSimulator, sync: Sync) -> None:
    simulator.control.fault("fail_200", match={"resource": "messages"}, times=3)
    sync("retried", transform=False)
    statuses = "select status from ops.sync_runs where resource = 'messages' order by sync_run_id"
    assert [row["status"] for row in warehouse.execute(statuses)] == ["incomplete"]
    run_transform(warehouse, requested_by="test")
    assert not report(warehouse, "retried").complete
    assert "sync incomplete" in shown(warehouse, "retried")
    sync("retried")
    found = counts(warehouse, "retried")["messages"]
    assert found.chain is not None
    assert found.chain.expected == found.core == simulator.control.truth(701, ids=False)["counts"]["messages"]
    assert report(warehouse, "retried").complete


LOSSES: dict[LiteralString, str] = {
    "delete from hostaway.reservations where reservation_id % 2 = 0": "reservations",
    "update hostaway.messages set is_deleted = message_id % 2 = 0": "messages",
    "delete from hostaway.calendar_days where date = current_date": "calendar_days",
    "delete from hostaway.listing_photos": "listing_photos",
    "delete from hostaway.guests": "guests",
    "delete from hostaway.reviews": "reviews",
    "delete from landing.coupons": "coupons",
    "delete from landing.conversations": "conversations",
    "update ops.sync_runs set status = 'failed', error = 'no [/v1]' where resource = 'listings'": "listings",
    "delete from ops.sync_runs where resource = 'calendar_days'": "calendar_days",
}


def test_missing_values_are_named(warehouse: Connection, sync: Sync) -> None:
    sync("first")
    for change, table in LOSSES.items():
        with warehouse.transaction(force_rollback=True):
            warehouse.execute(change)
            assert [count.table for count in report(warehouse, "first").counts if count.trouble] == [table], change
            assert "Incomplete: " in shown(warehouse, "first")
    with warehouse.transaction(force_rollback=True):
        warehouse.execute("update ops.sync_runs set status = 'failed', error = 'no [/v1]' where resource = 'listings'")
        assert "no [/v1]" in shown(warehouse, "first")


def test_rows_that_wait_for_their_parent_are_held_not_missing(warehouse: Connection, sync: Sync) -> None:
    sync("first")
    with warehouse.transaction(force_rollback=True):
        deferred = warehouse.execute(
            "delete from hostaway.messages where message_id = (select min(message_id) from hostaway.messages) "
            "returning message_id"
        ).fetchone()
        assert deferred is not None
        warehouse.execute(
            "insert into ops.deferred_rows (account_id, resource, entity_id, missing_parent) "
            "values (701, 'messages', %s, 'conversation 1')",
            [str(deferred["message_id"])],
        )
        found = counts(warehouse, "first")["messages"]
        assert (found.deferred, found.missing, found.trouble) == (1, 0, None)


def test_photos_that_are_not_wanted_are_not_missed(
    warehouse: Connection, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PHOTOS", "false")
    get_settings.cache_clear()
    sync("first")
    assert "listing_photos" not in counts(warehouse, "first")
    assert report(warehouse, "first").complete
