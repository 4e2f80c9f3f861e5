"""From landing to core: nothing lost, nothing rewritten, one writer."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
import sqlparse
from dbt.adapters.postgres.connections import PostgresConnectionManager
from dbt.contracts.graph.nodes import GenericTestNode
from dbt_common.clients.jinja import MacroFuzzEnvironment

from landing_harness import LandingHarness, edited_project, listing, next_version, reservation
from sync_hostaway.core.db import connect
from sync_hostaway.core.exceptions import TransformFailed
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms import TransformResult, pending_loads
from sync_hostaway.transforms.ledger import transform_lock
from waiting import eventually

pytestmark = pytest.mark.integration

CORE = (
    "listings",
    "listing_photos",
    "guests",
    "reservation_guests",
    "reservations",
    "conversations",
    "messages",
    "calendar_days",
)
LISTINGS_ARE_AWAITED = (
    "select exists (select 1 from pg_locks where not granted and relation = 'hostaway.listings'::regclass)"
)
WRITER_IS_AWAITED = """
    select exists (
        select 1 from pg_locks inner join pg_database on pg_locks.database = pg_database.oid
        where not granted and locktype = 'advisory' and datname = current_database()
    )
"""


def land_one_of_each(harness: LandingHarness, account: int = 1) -> None:
    harness.land("listings", listing(1, listingImages=[{"id": 7, "url": "https://img/7"}]), account=account)
    harness.land("reservations", reservation(10, guestName="Ann", totalPrice="120.50"), account=account)
    harness.land("conversations", {"id": 20, "reservationId": 10, "Reservation": {"doorCode": "1"}}, account=account)
    harness.land("messages", {"id": 30, "conversationId": 20, "body": "hi", "isIncoming": 1}, account=account)
    harness.land("calendar_days", {"listingMapId": 1, "date": "2026-03-01", "price": 80}, account=account)


def versions(harness: LandingHarness) -> dict[str, list[tuple[object, ...]]]:
    """Which row versions the core tables hold: any rewrite changes them."""
    return {table: harness.rows(f"select xmin::text, ctid::text from hostaway.{table} order by 1, 2") for table in CORE}


def contents(harness: LandingHarness) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: harness.rows(f"select (to_jsonb(core) - 'synced_at')::text from hostaway.{table} as core order by 1")
        for table in CORE
    }


def test_what_lands_is_in_core(harness: LandingHarness) -> None:
    land_one_of_each(harness)
    land_one_of_each(harness, account=2)
    assert pending_loads(harness.connection) == 10

    result = harness.transform()

    assert result.loads == 10
    assert result.rows_deferred == 0
    assert result.rows["reservations"] == 2
    assert pending_loads(harness.connection) == 0
    assert all(harness.value(f"select count(*) from hostaway.{table}") == 2 for table in CORE)
    assert (
        harness.rows("select guest_id, guest_name, total_price::text, is_booking from hostaway.reservations")
        == [(10, "Ann", "120.50", True)] * 2
    )
    state, loads, models = harness.rows(
        "select state, loads, models from ops.transforms where transform_id = %s", result.transform_id
    )[0]
    assert (state, loads) == ("succeeded", 10)
    assert {"name", "status", "rows", "seconds"} <= models[0].keys()


def test_nothing_pending_runs_no_dbt(harness: LandingHarness) -> None:
    before = harness.value("select max(transform_id) from ops.transforms")
    assert harness.transform().transform_id is None
    assert harness.value("select max(transform_id) from ops.transforms") == before


def test_unchanged_rows_are_not_rewritten(harness: LandingHarness) -> None:
    land_one_of_each(harness)
    harness.transform()
    before = versions(harness)
    land_one_of_each(harness)
    harness.transform()
    assert versions(harness) == before


def test_a_change_rewrites_its_row_alone_and_stamps_it(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10), reservation(11))
    harness.transform()
    harness.land("reservations", reservation(10), reservation(11, totalPrice=5))
    harness.transform()
    stamps = dict(harness.rows("select reservation_id, synced_at from hostaway.reservations"))
    assert stamps[11] > stamps[10]


def test_a_deletion_marks_the_row_and_its_return_makes_it_active(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10), deleted=True)
    harness.transform()
    assert harness.rows(
        "select is_deleted from hostaway.reservations union all select is_deleted from hostaway.guests"
    ) == [
        (True,),
        (True,),
    ]
    harness.land("reservations", reservation(10))
    harness.transform()
    assert harness.value("select is_deleted from hostaway.reservations") is False


def test_a_failed_transform_leaves_its_loads_to_the_next(harness: LandingHarness) -> None:
    land_one_of_each(harness)
    harness.connection.execute("alter table hostaway.messages add constraint refuses check (body <> 'hi')")

    with pytest.raises(TransformFailed, match=r"messages: .*refuses") as failure:
        harness.transform()

    assert "Failing row" not in str(failure.value)
    assert pending_loads(harness.connection) == 5
    assert harness.rows("select state, error is not null from ops.transforms order by transform_id desc limit 1") == [
        ("failed", True)
    ]

    harness.connection.execute("alter table hostaway.messages drop constraint refuses")
    assert harness.transform().loads == 5
    assert harness.value("select count(*) from hostaway.messages") == 1


def test_work_of_a_failed_transform_reaches_the_models_downstream_of_it(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10), reservation(11, guestEmail="ann@mail.com"))
    harness.transform()
    # reservation_guests merges 10 and 11, then reservations fails
    harness.connection.execute("alter table hostaway.reservations add constraint refuses check (guest_name <> 'Ann')")
    harness.land("reservations", reservation(10, guestEmail="ann@mail.com", guestName="Ann"))
    with pytest.raises(TransformFailed):
        harness.transform()
    harness.connection.execute("alter table hostaway.reservations drop constraint refuses")
    harness.transform()
    assert harness.rows("select reservation_id, guest_id from hostaway.reservations order by 1") == [(10, 10), (11, 10)]
    assert harness.rows(
        "select guest_id, merged_into_guest_id, reservations_count from hostaway.guests order by 1"
    ) == [
        (10, None, 2),
        (11, 10, 0),
    ]


def test_a_killed_transform_is_taken_over(harness: LandingHarness, home: Path) -> None:
    land_one_of_each(harness)
    with psycopg.connect(harness.dsn) as blocker:
        blocker.execute("lock table hostaway.listings in access exclusive mode")
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from sync_hostaway.transforms import run_transform; run_transform(requested_by='killed')",
            ],
            env={**os.environ, "SYNC_HOSTAWAY_HOME": str(home)},
        )

        def is_waiting() -> bool:
            assert process.poll() is None
            return bool(harness.value(LISTINGS_ARE_AWAITED))

        eventually(is_waiting)
        process.send_signal(signal.SIGKILL)
        process.wait()

    result = harness.transform()

    assert result.loads == 5
    assert harness.value("select count(*) from hostaway.messages") == 1
    killed = harness.rows("select state, error from ops.transforms where requested_by = 'killed'")
    assert killed == [("failed", "worker process was killed")]


def test_of_two_at_once_one_serves_both(harness: LandingHarness) -> None:
    land_one_of_each(harness)
    results: list[TransformResult] = []
    threads = [threading.Thread(target=lambda: results.append(harness.transform())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.loads for result in results) == [0, 5]
    assert harness.value("select count(*) from hostaway.messages") == 1


def test_loads_that_land_during_a_transform_wait_for_the_next(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    with ThreadPoolExecutor() as pool, psycopg.connect(harness.dsn) as blocker:
        blocker.execute("lock table hostaway.listings in access exclusive mode")
        transform = pool.submit(harness.transform)
        eventually(lambda: harness.value(LISTINGS_ARE_AWAITED))
        harness.land("reservations", reservation(10))
    assert transform.result().loads == 1
    assert pending_loads(harness.connection) == 1
    assert harness.transform().loads == 1
    assert harness.value("select count(*) from hostaway.reservations") == 1


def test_rows_without_their_parent_are_held_and_come_in_with_it(harness: LandingHarness) -> None:
    harness.land("calendar_days", {"listingMapId": 1, "date": "2026-03-01"})
    harness.land("messages", {"id": 30, "conversationId": 20})
    harness.land("conversations", {"id": 20, "reservationId": 10}, {"id": 21, "reservationId": None})
    harness.land("reservations", reservation(10))

    result = harness.transform()

    assert result.rows_deferred == 4
    assert harness.rows("select resource, entity_id, missing_parent from ops.deferred_rows order by 1") == [
        ("calendar_days", "1:2026-03-01", "listing 1"),
        ("conversations", "20", "reservation 10"),
        ("messages", "30", "conversation 20"),
        ("reservations", "10", "listing 1"),
    ]
    assert harness.value("select count(*) from hostaway.reservations") == 0

    # a deleted parent is known all the same
    harness.land("listings", listing(1), deleted=True)
    assert harness.transform().rows_deferred == 0
    assert all(harness.value(f"select count(*) from hostaway.{table}") == 1 for table in ("messages", "calendar_days"))
    assert harness.value("select count(*) from hostaway.conversations") == 2


def test_a_row_that_is_in_core_moves_to_an_unknown_parent(harness: LandingHarness) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10))
    harness.land("conversations", {"id": 20, "reservationId": 10})
    harness.transform()
    harness.land("reservations", reservation(10, 2))
    harness.land("conversations", {"id": 20, "reservationId": 11})
    assert harness.transform().rows_deferred == 0
    assert harness.value("select listing_id from hostaway.reservations") == 2
    assert harness.value("select reservation_id from hostaway.conversations") == 11


def test_a_row_with_an_unreadable_key_is_held_and_stops_nothing(harness: LandingHarness) -> None:
    harness.land("listings", listing(1), {"id": "one"})
    harness.land("reservations", {"id": "ten"})
    assert harness.transform().rows_deferred == 2
    assert harness.value("select count(*) from hostaway.listings") == 1


def test_secrets_stay_out_of_core(harness: LandingHarness) -> None:
    harness.land("listings", listing(1, wifiPassword="s3cret", wifiUsername="net", keyPickup="s3cret"))
    harness.land("reservations", reservation(10, doorCode="s3cret", guestAuthHash="s3cret", nested={"cvc": "s3cret"}))
    harness.land("conversations", {"id": 20, "reservationId": 10, "Reservation": {"guestPortalUrl": "s3cret"}})
    harness.land("messages", {"id": 30, "conversationId": 20, "hash": "s3cret"})
    harness.transform()
    for table in (*CORE, "sync_logs"):
        assert harness.value(f"select count(*) from hostaway.{table} as core where core::text like '%s3cret%'") == 0
    assert harness.value("select pms_meta ->> 'wifiUsername' from hostaway.listings") == "net"


SECRET_KEYS = (
    "access-token",
    "api key",
    "API_KEY",
    "wifi password",
    "Wi-Fi Password",
    "door.code",
    "front door code",
    "guestPortal",
    "Stripe-Customer",
    "pass\\word",
    'pass"word',
    "tok\nen",
    "se\u0001cret",
    "hash",
    "customFieldValues",
)


@pytest.mark.parametrize("resource", ["listings", "reservations", "conversations", "messages", "calendar_days"])
def test_a_secret_is_masked_for_every_spelling_of_its_key_and_every_type(
    harness: LandingHarness, resource: str
) -> None:
    values: tuple[object, ...] = ("s3cret", 83736574, True, ["s3cret"], {"a": {"url": "s3cret"}}, [{"a": "s3cret"}])
    for place, value in enumerate(values):
        secrets = dict.fromkeys(SECRET_KEYS, value)
        odd = {
            **{key: value for key, value in secrets.items() if key != "customFieldValues"},
            "plain": [1, {"deep": [[secrets]], "kept": "x"}],
            "note": {"deeper": secrets, "empty": dict.fromkeys(SECRET_KEYS[:4], None)},
            "status": [secrets],
            "quoted": 'a "token": 5 and \n \\ as text',
        }
        made = {"listings": listing(place + 10), "reservations": reservation(place + 10)}
        harness.land(resource, made.get(resource, own(place + 10)) | odd)
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(1))
    harness.land("conversations", {"id": 1, "reservationId": 1})
    assert harness.transform().rows_deferred == 0
    texts = [
        text
        for (text,) in harness.rows(
            f"select pms_meta::text from hostaway.{resource} where pms_meta ? 'quoted' order by synced_at"
        )
    ]
    assert len(texts) == len(values)
    for text in texts:
        assert "s3cret" not in text
        assert "83736574" not in text
        found = json.loads(text)
        assert found["quoted"] == 'a "token": 5 and \n \\ as text'
        masked = dict.fromkeys(SECRET_KEYS, "***")
        assert found["plain"] == [1, {"deep": [[masked]], "kept": "x"}]
        assert found["note"] == {"deeper": masked, "empty": dict.fromkeys(SECRET_KEYS[:4], None)}
        assert found["status"] == [masked]
        assert all(found[key] == "***" for key in SECRET_KEYS if key != "customFieldValues")


def own(number: int) -> dict[str, Any]:
    """A conversation, a message or a calendar day."""
    return {
        "id": number,
        "reservationId": 1,
        "conversationId": 1,
        "listingMapId": 1,
        "date": f"2026-03-{number}",
    }


def test_a_photo_that_left_the_listing_is_deleted(harness: LandingHarness) -> None:
    photos = [{"id": number, "url": f"https://img/{number}"} for number in (1, 2)]
    query = "select photo_id, is_deleted from hostaway.listing_photos order by 1"
    harness.land("listings", listing(1, listingImages=photos), listing(2, listingImages=[{"id": 3}]))
    harness.transform()
    harness.land("listings", listing(1, listingImages=photos[1:]))
    harness.transform()
    assert harness.rows(query) == [(1, True), (2, False), (3, False)]
    harness.land("listings", listing(1, listingImages=photos), listing(2, listingImages=None))
    harness.transform()
    assert harness.rows(query) == [(1, False), (2, False), (3, True)]


def test_photos_can_be_switched_off_and_on(harness: LandingHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    def photos_after_a_transform(setting: str) -> object:
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__PHOTOS", setting)
        get_settings.cache_clear()
        harness.transform()
        return harness.value("select count(*) from hostaway.listing_photos")

    harness.land("listings", listing(1, listingImages=[{"id": 1}]))
    assert photos_after_a_transform("true") == 1
    assert photos_after_a_transform("false") == 0
    harness.land("listings", listing(2, listingImages=[{"id": 2}]))
    assert photos_after_a_transform("false") == 0
    assert photos_after_a_transform("true") == 2


def test_the_sync_log_follows_without_any_load(harness: LandingHarness) -> None:
    harness.connection.execute(
        "insert into ops.sync_runs (account_id, run_key, resource, mode, status, finished_at)"
        " values (1, 'a', 'listings', 'full', 'complete', now()), (1, 'b', 'listings', 'full', 'running', null)"
    )
    assert harness.transform().transform_id is not None
    assert harness.rows("select run_key, status from hostaway.sync_logs") == [("a", "complete")]
    assert harness.transform().transform_id is None


def test_a_full_refresh_gives_what_increments_gave(harness: LandingHarness) -> None:
    land_one_of_each(harness)
    harness.transform()
    land_one_of_each(harness, account=2)
    harness.land("listings", listing(1, name="Renamed", listingImages=[{"id": 7, "url": "https://img/8"}]))
    harness.land("reservations", reservation(11, guestEmail="ann@mail.com"), reservation(12, guestEmail="ann@mail.com"))
    harness.transform()
    before = contents(harness)
    harness.transform(full_refresh=True)
    assert contents(harness) == before
    assert harness.value("select count(*) from marts.reservation_revenue") == 4


def test_a_new_version_of_the_project_reaches_rows_that_are_in_core_already(
    harness: LandingHarness, tmp_path: Path
) -> None:
    land_one_of_each(harness)
    harness.transform()
    stamp = harness.value("select synced_at from hostaway.listings")
    harness.connection.execute("delete from ops.loads")
    project = edited_project(
        tmp_path,
        "models/staging/stg_reservations.sql",
        "{{ as_text('guestName') }} as guest_name",
        "upper({{ as_text('guestName') }}) as guest_name",
    )
    harness.transform(project_dir=project)
    assert harness.value("select guest_name from hostaway.reservations") == "ANN"
    assert harness.value("select guest_name from hostaway.guests") == "ANN"
    assert harness.value("select synced_at from hostaway.listings") == stamp


def test_a_column_gets_another_type_in_place(harness: LandingHarness, tmp_path: Path) -> None:
    land_one_of_each(harness)
    harness.transform()
    before = table_ids(harness)
    harness.drop_views()
    harness.connection.execute("alter table hostaway.reservations alter column customer_user_id type bigint using null")
    harness.connection.execute("alter table hostaway.sync_logs alter column seconds type numeric(12, 4)")
    harness.transform(project_dir=next_version(tmp_path))
    kinds = harness.rows(
        "select format_type(atttypid, atttypmod) from pg_attribute where (attrelid, attname) in"
        " (('hostaway.reservations'::regclass, 'customer_user_id'), ('hostaway.sync_logs'::regclass, 'seconds'))"
    )
    assert sorted(kinds) == [("numeric(12,3)",), ("text",)]
    assert table_ids(harness) == before
    assert harness.value("select count(*) from marts.reservation_revenue") == 1


def table_ids(harness: LandingHarness) -> dict[str, int]:
    """The core tables: one that was built anew is another one."""
    return dict(
        harness.rows(
            "select relname, oid from pg_class where relnamespace = 'hostaway'::regnamespace and relkind = 'r'"
        )
    )


def test_an_older_table_gets_the_columns_that_its_own_model_reads(harness: LandingHarness, tmp_path: Path) -> None:
    land_one_of_each(harness)
    harness.transform()
    harness.connection.execute(
        "alter table hostaway.reservation_guests drop column name_key cascade, drop column is_shared_channel cascade"
    )
    harness.transform(project_dir=next_version(tmp_path))
    assert harness.rows("select name_key, is_shared_channel from hostaway.reservation_guests") == [("ann", False)]


def indexed_columns(harness: LandingHarness) -> list[tuple[Any, ...]]:
    """Table and columns of each index of the core tables."""
    rows = harness.rows(
        "select tablename, substring(indexdef from '\\(.*') from pg_indexes where schemaname = 'hostaway'"
    )
    return sorted(rows)


def test_an_older_table_gets_the_indexes_it_lacks_and_no_other(harness: LandingHarness, tmp_path: Path) -> None:
    before = indexed_columns(harness)
    paging = ("reservations", "(account_id, synced_at, reservation_id)")
    assert before.count(paging) == 1
    name = harness.value(
        "select indexname from pg_indexes where indexdef like '%%(account_id, synced_at, reservation_id)'"
    )
    harness.connection.execute(f'drop index hostaway."{name}"')
    harness.transform(project_dir=next_version(tmp_path))
    assert indexed_columns(harness) == before


def test_a_task_that_runs_dbt_directly_keeps_transforms_out(harness: LandingHarness) -> None:
    from sync_hostaway.airflow.transform_operator import acquire_dbt_lock, release_dbt_lock

    land_one_of_each(harness)
    with connect(harness.dsn) as other, transform_lock(other):
        waiting = threading.Thread(target=acquire_dbt_lock, args=({},))
        waiting.start()
        eventually(lambda: harness.value(WRITER_IS_AWAITED))
    waiting.join(10)
    assert not waiting.is_alive()
    with ThreadPoolExecutor() as pool:
        try:
            transform = pool.submit(harness.transform)
            eventually(lambda: harness.value(WRITER_IS_AWAITED))
            assert pending_loads(harness.connection) == 5
        finally:
            release_dbt_lock({})
    assert transform.result().loads == 5


def test_dbt_keeps_the_connections_of_its_threads(harness: LandingHarness) -> None:
    sessions = "select sessions from pg_stat_database where datname = current_database()"
    land_one_of_each(harness)
    before = harness.value(sessions)
    assert len(harness.transform().models) > 10
    # One for the transform, two for dbt's list of tables, and one for each of its four threads
    assert harness.value(sessions) - before <= 7


def test_dbt_does_not_repeat_at_each_transform_what_gives_the_same(
    harness: LandingHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("dbt repeats this work")

    parse = MacroFuzzEnvironment._parse

    def refuse_sql(environment: MacroFuzzEnvironment, *source: Any) -> object:
        # Values in YAML files, such as those of the connection, are rendered in a subclass.
        return refuse() if type(environment) is MacroFuzzEnvironment else parse(environment, *source)

    land_one_of_each(harness)
    harness.transform()
    for number in (101, 102):
        harness.land("reservations", reservation(number))
        harness.transform(marts=False)
        # For the second one: parsing the SQL around ephemeral models, inspecting the stack for each flag, a
        # dictionary of each node of the project, compiling templates, and planning a model to see its columns
        monkeypatch.setattr(sqlparse, "parse", refuse)
        monkeypatch.setattr(inspect, "stack", refuse)
        monkeypatch.setattr(GenericTestNode, "to_dict", refuse)
        monkeypatch.setattr(MacroFuzzEnvironment, "_parse", refuse_sql)
        monkeypatch.setattr(PostgresConnectionManager, "add_select_query", refuse)
    assert harness.value("select count(*) from hostaway.reservation_guests where reservation_id > 100") == 2
