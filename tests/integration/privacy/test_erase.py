"""Personal data that has to go is gone from every table, and does not come back with the next sync."""

from __future__ import annotations

import pytest
from psycopg import sql

from sync_hostaway.accounts import api_tokens, registry
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.accounts.snapshot_refresh import refreshed_snapshot
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.exceptions import InactiveAccount, UnknownAccount, UnknownGuest, WarehouseBusy
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account, sync_resource
from sync_hostaway.privacy.erase import erase_guest, purge_account
from sync_hostaway.transforms import run_transform
from sync_hostaway.transforms.ledger import transform_lock

pytestmark = pytest.mark.integration

SCHEMAS = ["ops", "landing", "hostaway", "marts"]


def places_of(warehouse: Connection, *texts: str) -> set[str]:
    """Every table that holds one of the texts in any column."""
    tables = warehouse.execute(
        "select schemaname as s, tablename as t from pg_tables where schemaname = any(%s)", [SCHEMAS]
    ).fetchall()
    found = set()
    for row in tables:
        query = sql.SQL("select 1 from {} as whole where to_jsonb(whole)::text ilike any(%s) limit 1")
        table = sql.Identifier(row["s"], row["t"])
        if warehouse.execute(query.format(table), [[f"%{text}%" for text in texts]]).fetchone():
            found.add(f"{row['s']}.{row['t']}")
    return found


def rows_of(warehouse: Connection, account_id: int) -> dict[str, int]:
    tables = warehouse.execute(
        "select table_schema as s, table_name as t from information_schema.columns "
        "where column_name = 'account_id' and table_schema = any(%s)",
        [SCHEMAS],
    ).fetchall()
    counts = {}
    for row in tables:
        query = sql.SQL("select count(*) as n from {} where account_id = %s").format(sql.Identifier(row["s"], row["t"]))
        [count] = warehouse.execute(query, [account_id])
        counts[f"{row['s']}.{row['t']}"] = count["n"]
    return {name: count for name, count in counts.items() if count}


def mirror(warehouse: Connection, account_id: int) -> None:
    results = sync_account(warehouse, account_id, Mode.FULL)
    assert all(result.is_complete for result in results), results
    run_transform(warehouse, requested_by="test")


@pytest.fixture
def mirrored(warehouse: Connection, account: int) -> int:
    mirror(warehouse, account)
    return account


def test_a_purged_account_leaves_no_row_and_its_neighbour_every_one(warehouse: Connection, mirrored: int) -> None:
    registry.add_account(warehouse, 702, "secret-702", name="Harbour")
    mirror(warehouse, 702)
    api_tokens.issue(warehouse, mirrored, "app", [Scope.READ_CALENDAR], None)
    before, neighbour = rows_of(warehouse, mirrored), rows_of(warehouse, 702)
    assert len(before) > 15, before
    purged = purge_account(warehouse, mirrored)
    assert rows_of(warehouse, mirrored) == {"ops.purged_accounts": 1}
    assert rows_of(warehouse, 702) == neighbour
    assert purged.rows["hostaway.reservations"] == before["hostaway.reservations"]
    assert purged.left == []
    assert [known.account_id for known in refreshed_snapshot(get_settings().snapshot_file).accounts] == [702]
    assert purge_account(warehouse, mirrored).rows == {}
    run_transform(warehouse, requested_by="test")
    assert rows_of(warehouse, mirrored) == {"ops.purged_accounts": 1}


def test_an_account_is_purged_without_the_key_of_its_secrets(
    warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__HOSTAWAY__SECRET_KEYS")
    get_settings.cache_clear()
    assert purge_account(warehouse, account).rows["ops.secrets"] >= 1
    assert rows_of(warehouse, account) == {"ops.purged_accounts": 1}


def test_a_purge_leaves_tables_of_others_alone(warehouse: Connection, account: int) -> None:
    warehouse.execute("create schema if not exists hostaway; create schema if not exists marts")
    others = ["ops.account_notes", "landing.mine", "hostaway.notes", "marts.budget"]
    for table in others:
        warehouse.execute(f"create table {table} as select {account}::bigint as account_id")
    purge_account(warehouse, account)
    assert {name: count for name, count in rows_of(warehouse, account).items() if name in others} == dict.fromkeys(
        others, 1
    )


def test_a_sync_that_was_running_lands_nothing_after_the_purge(
    warehouse_dsn: str, warehouse: Connection, account: int
) -> None:
    with connect(warehouse_dsn) as other, registry.client_for(other, account) as client:
        client.get("/v1/listings", {"limit": 1})
        purge_account(warehouse, account)
        with pytest.raises(InactiveAccount, match="701 was purged"):
            sync_resource(other, client, Resource.RESERVATIONS, Mode.FULL, run_key="was running")
    assert not {"landing.reservations", "ops.loads", "ops.quarantine"} & set(rows_of(warehouse, account))


def test_a_purged_account_may_begin_anew(warehouse: Connection, account: int) -> None:
    purge_account(warehouse, account)
    assert registry.add_account(warehouse, account, "secret-701")
    assert all(result.is_complete for result in sync_account(warehouse, account, Mode.FULL))


def test_an_unknown_account_cannot_be_purged(warehouse: Connection) -> None:
    with pytest.raises(UnknownAccount, match="999"):
        purge_account(warehouse, 999)


def test_a_purge_does_not_wait_for_a_transform_without_end(
    warehouse_dsn: str, warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_hostaway.privacy.erase._LOCK_TIMEOUT_SECONDS", 0.2)
    with connect(warehouse_dsn) as other, transform_lock(other), pytest.raises(WarehouseBusy, match="again"):
        purge_account(warehouse, account)
    assert registry.get_account(warehouse, account).state == "disabled"
    assert purge_account(warehouse, account).rows


def test_an_erased_guest_is_nowhere_and_stays_away(warehouse: Connection, mirrored: int) -> None:
    [guest] = warehouse.execute(
        """
        select g.guest_id, g.email, g.last_name, g.guest_name, count(distinct r.reservation_id) as stays
        from hostaway.guests as g
        inner join hostaway.reservations as r using (account_id, guest_id)
        inner join hostaway.conversations as c using (account_id, reservation_id)
        inner join hostaway.messages as m using (account_id, conversation_id)
        where g.account_id = %s and g.has_real_email and m.body <> ''
        group by 1, 2, 3, 4, g.account_id order by count(distinct r.reservation_id) desc limit 1
        """,
        [mirrored],
    ).fetchall()
    mine = """
        select m.message_id, m.body, c.conversation_id, r.reservation_id, r.total_price, r.arrival_date, r.guest_email
        from hostaway.reservations as r
        inner join hostaway.conversations as c using (account_id, reservation_id)
        inner join hostaway.messages as m using (account_id, conversation_id)
        where r.account_id = %s and r.reservation_id = any(%s) order by 1
    """
    stays = [
        row["reservation_id"]
        for row in warehouse.execute(
            "select reservation_id from hostaway.reservation_guests where account_id = %s and guest_id = %s",
            [mirrored, guest["guest_id"]],
        )
    ]
    before = warehouse.execute(mine, [mirrored, stays]).fetchall()
    traces = [guest["email"], *{row["guest_email"] for row in before if row["guest_email"]}]
    assert places_of(warehouse, *traces) >= {"landing.reservations", "hostaway.reservations", "hostaway.guests"}
    others = warehouse.execute("select count(*) as n from hostaway.messages where body is not null").fetchall()

    erased = erase_guest(warehouse, mirrored, guest["guest_id"])

    assert erased.reservations == len(stays) >= guest["stays"]
    assert places_of(warehouse, *traces) == set()
    run_transform(warehouse, requested_by="test")
    mirror(warehouse, mirrored)
    assert places_of(warehouse, *traces) == set()
    after = warehouse.execute(mine, [mirrored, stays]).fetchall()
    kept = ("message_id", "conversation_id", "reservation_id", "total_price", "arrival_date")
    assert [[row[name] for name in kept] for row in after] == [[row[name] for name in kept] for row in before]
    assert {(row["body"], row["guest_email"]) for row in after} == {(None, None)}
    bodies = sum(bool(row["body"]) for row in before)
    [count] = warehouse.execute("select count(*) as n from hostaway.messages where body is not null")
    assert count["n"] == others[0]["n"] - bodies
    # The next full sync finds nothing new in what it strips once more.
    changed = {result.resource: result.counts.changed for result in sync_account(warehouse, mirrored, Mode.FULL)}
    assert changed[Resource.RESERVATIONS] == changed[Resource.MESSAGES] == 0


def test_an_erasure_does_not_reach_another_guest(warehouse: Connection, mirrored: int) -> None:
    [guest] = warehouse.execute(
        "select guest_id, array_agg(reservation_id order by reservation_id) as stays from hostaway.reservation_guests"
        " where account_id = %s group by guest_id having count(*) > 1 limit 1",
        [mirrored],
    ).fetchall()
    # the last of them belongs to another person now, and no transform has read that
    warehouse.execute(
        """
        with load as (
            insert into ops.loads (account_id, resource) values (%(account)s, 'reservations') returning load_id
        )
        update landing.reservations
        set
            payload = payload || '{"guestName": "Zoe Stranger", "guestEmail": "zoe@mail.example"}',
            load_id = (select load_id from load)
        where account_id = %(account)s and entity_id = %(stay)s::text
        """,
        {"account": mirrored, "stay": guest["stays"][-1]},
    )
    with pytest.raises(WarehouseBusy, match=f"{guest['stays'][-1]}.*transform"):
        erase_guest(warehouse, mirrored, guest["guest_id"])
    assert places_of(warehouse, "Zoe Stranger") == {"landing.reservations"}

    run_transform(warehouse, requested_by="test")
    [left] = warehouse.execute(
        "select count(*) as stays from hostaway.reservation_guests where account_id = %s and guest_id = %s",
        [mirrored, guest["guest_id"]],
    ).fetchall()
    assert erase_guest(warehouse, mirrored, guest["guest_id"]).reservations == left["stays"] < len(guest["stays"])
    assert places_of(warehouse, "Zoe Stranger") >= {"landing.reservations", "hostaway.reservations", "hostaway.guests"}


def test_a_guest_who_is_not_there_is_named(warehouse: Connection, account: int) -> None:
    with pytest.raises(UnknownGuest, match="701 has no guest 5"):
        erase_guest(warehouse, account, 5)


def test_nights_of_an_erased_guest_stay_what_they_were(warehouse: Connection, mirrored: int) -> None:
    query = """
        select listing_id, date, unit_number, reservation_id, night_status, gross_revenue, revenue_ex_tax
        from marts.listing_nights
        order by listing_id, date, unit_number
    """
    versions = "select count(*) as versions from marts.reservation_history"
    before = warehouse.execute(query).fetchall(), warehouse.execute(versions).fetchone()
    [guest] = warehouse.execute(
        "select guest_id from marts.reservation_revenue group by guest_id order by sum(nights) desc limit 1"
    )
    erase_guest(warehouse, mirrored, guest["guest_id"])
    run_transform(warehouse, requested_by="test")
    assert (warehouse.execute(query).fetchall(), warehouse.execute(versions).fetchone()) == before
