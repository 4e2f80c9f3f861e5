"""What host applications read: their own account's rows, whole, paged, filtered, and with the moment they tell of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sync_hostaway.api import account_session as account_rows
from sync_hostaway.api.app import create_app
from sync_hostaway.core.db import Connection
from sync_hostaway.core.settings import get_settings
from sync_hostaway.simulator import SimulatorConfig, Sizes, running

pytestmark = pytest.mark.integration


def one(warehouse: Connection, query: str, *params: Any) -> Any:
    row = warehouse.execute(query, params).fetchone()
    assert row
    return next(iter(row.values()))


def ids(warehouse: Connection, query: str, *params: Any) -> list[int]:
    return [next(iter(row.values())) for row in warehouse.execute(query, params)]


def listing(warehouse: Connection, account_id: int = 701) -> int:
    return int(one(warehouse, "select min(listing_id) from hostaway.listings where account_id = %s", account_id))


def test_the_calendar_has_every_day_with_price_currency_and_minimum_stay(
    client: TestClient, warehouse: Connection
) -> None:
    listing_id, start = listing(warehouse), datetime.now(UTC).date() + timedelta(days=3)
    params = {"start": start.isoformat(), "end": (start + timedelta(days=6)).isoformat()}
    answer = client.get(f"/v1/calendar/{listing_id}", params=params).json()
    rows = warehouse.execute(
        "select date::text, price, minimum_stay, is_available from hostaway.calendar_days"
        " where listing_id = %s and date >= %s order by date limit 7",
        (listing_id, start),
    ).fetchall()
    assert len(rows) == 7
    assert [(day["date"], day["price"], day["minimum_stay"], day["is_available"]) for day in answer["days"]] == [
        (row["date"], str(row["price"]), row["minimum_stay"], row["is_available"]) for row in rows
    ]
    assert answer["currency"] == one(
        warehouse, "select currency from hostaway.listings where listing_id = %s", listing_id
    )


def test_without_dates_the_calendar_is_the_next_thirty_days(client: TestClient, warehouse: Connection) -> None:
    days = client.get(f"/v1/calendar/{listing(warehouse)}").json()["days"]
    assert len(days) == 30


def test_a_range_of_days_has_sensible_limits(client: TestClient, warehouse: Connection) -> None:
    cases = {
        ("2026-01-01", "2026-01-01"): 200,
        ("2026-01-01", "2028-01-20"): 200,
        ("2026-01-01", "2028-01-21"): 422,
        ("2026-01-02", "2026-01-01"): 422,
        ("9999-12-31", None): 200,
        ("0001-01-01", "9999-12-31"): 422,
        ("2026-02-30", None): 422,
        ("yesterday", None): 422,
    }
    path = f"/v1/calendar/{listing(warehouse)}"
    found = {
        (start, end): client.get(path, params={"start": start} | ({"end": end} if end else {})).status_code
        for start, end in cases
    }
    assert found == cases


def test_a_reservation_is_as_the_core_table_has_it(client: TestClient, warehouse: Connection) -> None:
    for row in warehouse.execute(
        "select reservation_id, status, guest_name, total_price, currency, arrival_date::text as arrival"
        " from hostaway.reservations where account_id = 701 order by 1 limit 20"
    ).fetchall():
        answer = client.get(f"/v1/reservations/{row['reservation_id']}").json()["reservation"]
        assert answer["status"] == row["status"]
        assert answer["guest_name"] == row["guest_name"]
        assert answer["total_price"] == (None if row["total_price"] is None else str(row["total_price"]))
        assert (answer["currency"], answer["arrival_date"]) == (row["currency"], row["arrival"])


def test_paging_gives_every_reservation_once_in_order(client: TestClient, warehouse: Connection) -> None:
    seen: list[int] = []
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"limit": 7} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/reservations", params=params).json()
        seen += [row["reservation_id"] for row in page["reservations"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids(warehouse, "select reservation_id from hostaway.reservations where account_id = 701 order by 1")


def test_a_made_up_cursor_is_refused(client: TestClient) -> None:
    changes = {"updated_since": "2000-01-01T00:00:00Z"}
    of_changes = client.get("/v1/reservations", params={**changes, "limit": 1}).json()["next_cursor"]
    cases = [("MTAwMDI", changes), (of_changes, {})]
    for cursor in ("x", "LTE", "MTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw", "w6k", "!", "a" * 129):
        cases += [(cursor, {}), (cursor, changes)]
    for cursor, params in cases:
        answer = client.get("/v1/reservations", params={**params, "cursor": cursor})
        assert (cursor, answer.status_code) == (cursor, 422)
        assert answer.headers["content-type"] == "application/problem+json"


def test_who_follows_changes_misses_none_that_happens_between_two_pages(
    client: TestClient, warehouse: Connection
) -> None:
    def changed(reservation_id: int, minutes: int) -> None:
        """A transform has written this one."""
        warehouse.execute(
            "update hostaway.reservations set guest_note = %(minutes)s::text, synced_at = %(at)s"
            " where account_id = 701 and reservation_id = %(id)s",
            {"minutes": minutes, "at": start + timedelta(minutes=minutes), "id": reservation_id},
        )

    start = datetime(2030, 1, 1, microsecond=123456, tzinfo=UTC)
    known = ids(warehouse, "select reservation_id from hostaway.reservations where account_id = 701 order by 1")
    warehouse.execute("update hostaway.reservations set synced_at = %s where account_id = 701", (start,))
    params: dict[str, Any] = {"updated_since": start.isoformat(), "limit": 7}
    page = client.get("/v1/reservations", params=params).json()
    seen = {row["reservation_id"]: row for row in page["reservations"]}
    changed(known[0], 1)
    changed(known[-1], 2)
    while page["next_cursor"]:
        page = client.get("/v1/reservations", params={**params, "cursor": page["next_cursor"]}).json()
        seen |= {row["reservation_id"]: row for row in page["reservations"]}
    latest = max(row["changed_at"] for row in seen.values())
    again = client.get("/v1/reservations", params={"updated_since": latest}).json()["reservations"]
    seen |= {row["reservation_id"]: row for row in again}
    assert sorted(seen) == known
    assert {number: row["guest_note"] for number, row in seen.items() if row["changed_at"] > text(start)} == {
        known[0]: "1",
        known[-1]: "2",
    }
    assert one(
        warehouse,
        "select count(*) from pg_indexes where schemaname = 'hostaway' and indexdef like %s",
        "%.reservations USING btree (account_id, synced_at, reservation_id)",
    )


def test_filters_narrow_the_list(client: TestClient, warehouse: Connection) -> None:
    middle = one(
        warehouse,
        "select percentile_disc(0.5) within group (order by arrival_date)::text from hostaway.reservations"
        " where account_id = 701",
    )
    home = listing(warehouse)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"status": ["new", "modified"]}, "status in ('new', 'modified')"),
        ({"status": "nonsense"}, "false"),
        ({"arrival_from": middle}, f"arrival_date >= '{middle}'"),
        ({"arrival_to": middle}, f"arrival_date <= '{middle}'"),
        ({"departure_from": middle}, f"departure_date >= '{middle}'"),
        ({"departure_to": middle, "listing_id": home}, f"departure_date <= '{middle}' and listing_id = {home}"),
        ({"arrival_from": middle, "departure_to": middle}, "false"),
        ({"updated_since": "2000-01-01T00:00:00Z"}, "true"),
        ({"updated_since": "2100-01-01T00:00:00+02:00"}, "false"),
    ]
    for params, condition in cases:
        answer = client.get("/v1/reservations", params={**params, "limit": 500})
        assert answer.status_code == 200, answer.text
        assert [row["reservation_id"] for row in answer.json()["reservations"]] == ids(
            warehouse,
            f"select reservation_id from hostaway.reservations where account_id = 701 and {condition}"
            f" order by {'synced_at,' if 'updated_since' in params else ''} reservation_id",
        ), params


def test_a_deleted_reservation_is_in_polled_pages_and_found_by_its_id(
    client: TestClient, warehouse: Connection
) -> None:
    [gone] = ids(
        warehouse,
        "update hostaway.reservations set is_deleted = true, synced_at = now()"
        " where reservation_id = (select min(reservation_id) from hostaway.reservations where account_id = 701)"
        " returning reservation_id",
    )
    since = one(warehouse, "select synced_at from hostaway.reservations where reservation_id = %s", gone)
    listed = client.get("/v1/reservations", params={"limit": 500}).json()["reservations"]
    assert gone not in [row["reservation_id"] for row in listed]
    polled = client.get("/v1/reservations", params={"updated_since": since.isoformat()}).json()["reservations"]
    assert [(row["reservation_id"], row["is_deleted"]) for row in polled] == [(gone, True)]
    assert client.get(f"/v1/reservations/{gone}").json()["reservation"]["is_deleted"] is True


def test_listings_and_messages_are_those_of_the_core_tables(client: TestClient, warehouse: Connection) -> None:
    listings = client.get("/v1/listings").json()["listings"]
    assert [row["listing_id"] for row in listings] == ids(
        warehouse, "select listing_id from hostaway.listings where account_id = 701 order by 1"
    )
    thread = one(
        warehouse,
        "select conversation_id from hostaway.messages where account_id = 701"
        " group by 1 order by count(*) desc limit 1",
    )
    messages = client.get(f"/v1/conversations/{thread}/messages").json()["messages"]
    assert [(row["message_id"], row["body"]) for row in messages] == [
        (row["message_id"], row["body"])
        for row in warehouse.execute(
            "select message_id, body from hostaway.messages where conversation_id = %s order by 1", (thread,)
        )
    ]


def test_ids_of_another_account_do_not_exist(client: TestClient, warehouse: Connection) -> None:
    others = {
        "/v1/calendar/{}": listing(warehouse, 702),
        "/v1/reservations/{}": one(
            warehouse, "select min(reservation_id) from hostaway.reservations where account_id = 702"
        ),
        "/v1/conversations/{}/messages": one(
            warehouse, "select min(conversation_id) from hostaway.conversations where account_id = 702"
        ),
    }
    for path, number in others.items():
        theirs, unknown = client.get(path.format(number)), client.get(path.format(5))
        assert (theirs.status_code, unknown.status_code) == (404, 404)
        assert theirs.json()["detail"] == unknown.json()["detail"].replace("5", str(number))


def test_no_answer_holds_a_secret_of_the_house(client: TestClient, warehouse: Connection) -> None:
    config = SimulatorConfig(sizes=Sizes(listings=4, reservations=60, conversations=40), token_delay=0.0)
    with running(config) as simulator:
        objects = [
            *simulator.control.objects("reservations", 701),
            *simulator.control.objects("listings", 701),
        ]
    keys = ("doorCode", "wifiPassword", "guestPortalUrl", "guestAuthHash", "hash", "doorSecurityCode")
    secrets = {str(item[key]) for item in objects for key in keys if item.get(key)}
    assert secrets
    texts = [client.get(path).text for path in ("/v1/reservations?limit=500", "/v1/listings?limit=500")]
    assert not [secret for secret in secrets for text in texts if f'"{secret}"' in text]


def test_unchanged_rows_are_not_sent_again(client: TestClient, warehouse: Connection) -> None:
    reservation_id = one(warehouse, "select min(reservation_id) from hostaway.reservations where account_id = 701")
    path = f"/v1/reservations/{reservation_id}"
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": f'"other", {first.headers["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["X-As-Of"]
    warehouse.execute(
        "update hostaway.reservations set guest_note = 'Late!' where reservation_id = %s", (reservation_id,)
    )
    changed = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.json()["reservation"]["guest_note"] == "Late!"


def ran(warehouse: Connection, mode: str, status: str, run_key: str) -> str:
    """A run of a day after those of the mirror, its rows landed and not in the tables; returns when it began."""
    began = one(
        warehouse,
        "insert into ops.sync_runs (account_id, run_key, resource, mode, status, started_at, finished_at)"
        " values (701, %s, 'listings', %s, %s, clock_timestamp() + '1 day', clock_timestamp() + '2 days')"
        " returning started_at",
        run_key,
        mode,
        status,
    )
    warehouse.execute(
        "insert into ops.loads (account_id, resource, sync_run_id, landed_at)"
        " select account_id, resource, sync_run_id, finished_at from ops.sync_runs order by sync_run_id desc limit 1"
    )
    return text(began)


def transformed(warehouse: Connection) -> None:
    warehouse.execute(
        "update ops.loads set transformed_at = now(), transform_id = (select max(transform_id) from ops.transforms)"
        " where transformed_at is null"
    )


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_as_of_is_when_the_last_complete_sync_began_that_has_reached_the_tables(
    client: TestClient, warehouse: Connection
) -> None:
    def as_of() -> str:
        return str(client.get("/v1/listings").json()["as_of"])

    began = text(
        one(warehouse, "select started_at from ops.sync_runs where account_id = 701 and resource = 'listings'")
    )
    assert as_of() == began
    # A delta has read one object, and who failed not all of them.
    for mode, status in (("delta", "complete"), ("incremental", "failed"), ("full", "incomplete")):
        ran(warehouse, mode, status, f"{mode} {status}")
        transformed(warehouse)
        assert (mode, as_of()) == (mode, began)
    # The second try continues after the pages of the first.
    first = ran(warehouse, "full", "failed", "two tries")
    ran(warehouse, "full", "complete_after_retry", "two tries")
    assert as_of() == began
    transformed(warehouse)
    assert as_of() == first
    # One that reads only what changed since some moment leaves out what changed before.
    ran(warehouse, "incremental", "complete", "since")
    warehouse.execute("update ops.sync_runs set since = now() where run_key = 'since'")
    transformed(warehouse)
    assert as_of() == first


def test_as_of_waits_for_rows_that_wait_for_their_parent(client: TestClient, warehouse: Connection) -> None:
    held = (
        "insert into ops.deferred_rows (account_id, resource, entity_id, missing_parent, deferred_since)"
        " values (701, 'reservations', '5', %s, '2026-01-01')"
        " on conflict (account_id, resource, entity_id) do update set missing_parent = excluded.missing_parent"
    )
    warehouse.execute(held, ["listing 77"])
    assert client.get("/v1/reservations").json()["as_of"] is None
    warehouse.execute(held, ["readable id"])
    assert client.get("/v1/reservations").json()["as_of"] is not None


def test_as_of_of_a_calendar_is_when_that_calendar_was_read(client: TestClient, warehouse: Connection) -> None:
    def as_of() -> str:
        return str(client.get(f"/v1/calendar/{listing(warehouse)}").json()["as_of"])

    complete = one(warehouse, "select started_at from ops.sync_runs where resource = 'calendar_days' limit 1")
    days_ago, just_now = (complete + timedelta(days=days) for days in (-5, 1))
    fetched = "update ops.calendar_reads set fetched_at = %s where listing_id = %s"
    for moment in (days_ago, just_now):
        warehouse.execute(fetched, (moment, listing(warehouse)))
        assert as_of() == text(moment)
    load = one(
        warehouse, "insert into ops.loads (account_id, resource) values (701, 'calendar_days') returning load_id"
    )
    assert as_of() == text(just_now), "what is on its way is of another listing"
    warehouse.execute("update landing.calendar_days set load_id = %s where parent_id = %s", [load, listing(warehouse)])
    assert as_of() == "None", "what was read just now may not be in the tables"
    transformed(warehouse)
    assert as_of() == text(just_now)
    warehouse.execute("delete from ops.calendar_reads where listing_id = %s", (listing(warehouse),))
    assert as_of() == "None"


def test_every_answer_has_its_request_id_and_security_headers(client: TestClient) -> None:
    for path in ("/v1/listings", "/v1/reservations/5", "/nowhere", "/v1/reservations?limit=0"):
        answer = client.get(path, headers={"X-Request-ID": "from-the-app-1"})
        assert answer.headers["X-Request-ID"] == "from-the-app-1"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["request_id"] == "from-the-app-1"
    made = client.get("/v1/listings", headers={"X-Request-ID": "two\twords"}).headers["X-Request-ID"]
    assert made.isalnum()


def test_an_invalid_request_is_explained_without_repeating_it(client: TestClient) -> None:
    answer = client.get("/v1/reservations", params={"limit": "shw_secret", "statsu": "shw_secret"})
    assert answer.status_code == 422
    assert [part["location"] for part in answer.json()["errors"]] == ["query.limit", "query.statsu"]
    assert "shw_secret" not in answer.text


def test_a_token_that_asks_too_often_waits(
    warehouse_dsn: str, issue: Any, monkeypatch: pytest.MonkeyPatch, recorded_runs: Any
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__API_RATE_LIMIT", "3/60")
    get_settings.cache_clear()
    first, second = issue(701), issue(701)
    with TestClient(create_app(recorded_runs)) as client:

        def status(token: str) -> int:
            return client.get("/v1/listings", headers={"Authorization": f"Bearer {token}"}).status_code

        assert [status(first) for _ in range(4)] == [200, 200, 200, 429]
        assert status(second) == 200
        answer = client.get("/v1/listings", headers={"Authorization": f"Bearer {first}"})
        assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_a_warehouse_that_is_away_or_empty_is_503_and_comes_back(client: TestClient, warehouse: Connection) -> None:
    assert client.get("/v1/listings").status_code == 200
    warehouse.execute("alter table hostaway.listings rename to listings_away")
    answer = client.get("/v1/listings")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:sync-hostaway:problem:no-data-yet")
    warehouse.execute("alter table hostaway.listings_away rename to listings")
    # Every connection of the pool dies, as when the server is restarted.
    warehouse.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sync-hostaway api'"
    )
    assert client.get("/v1/listings").status_code == 200


def test_an_app_without_a_warehouse_starts_and_says_503(
    warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch, recorded_runs: Any
) -> None:
    monkeypatch.setattr(account_rows, "_POOL_TIMEOUT", 0.3)
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://nouser:hidden-word@127.0.0.1:9/none")
    get_settings.cache_clear()
    with TestClient(create_app(recorded_runs)) as client:
        answer = client.get("/v1/listings", headers={"Authorization": "Bearer shw_x"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "hidden-word" not in answer.text
