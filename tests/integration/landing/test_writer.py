"""Landing: one current row per entity, unchanged rows untouched, older never over newer, bad rows kept aside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Resource
from sync_hostaway.landing.writer import Counts, Fetched, LandingWriter

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def reservation(number: int, updated: str = "2026-11-01 00:00:00", /, **fields: Any) -> dict[str, Any]:
    return {"id": number, "listingMapId": 9, "status": "new", "updatedOn": updated, **fields}


def land(
    warehouse: Connection, rows: list[Any], *, at: datetime = NOW, resource: Resource = Resource.RESERVATIONS
) -> Counts:
    with warehouse.transaction():
        return LandingWriter(warehouse, 701, resource, None).land([Fetched(rows, at)])


def landed(warehouse: Connection, entity_id: int = 1) -> dict[str, Any]:
    row = warehouse.execute(
        "select *, xmin::text as version from landing.reservations where entity_id = %s", [str(entity_id)]
    ).fetchone()
    assert row
    return row


def test_new_changed_and_unchanged_rows_are_told_apart(warehouse: Connection) -> None:
    assert land(warehouse, [reservation(1), reservation(2)]) == Counts(seen=2, new=2)
    assert land(warehouse, [reservation(1), reservation(2, "2026-11-02 00:00:00", nights=4)]) == Counts(
        seen=2, changed=1, unchanged=1
    )


def test_an_unchanged_row_is_not_rewritten_and_makes_no_load(warehouse: Connection) -> None:
    land(warehouse, [reservation(1)])
    before = landed(warehouse)
    land(warehouse, [dict(reversed(reservation(1).items()))], at=NOW + timedelta(hours=1))
    assert landed(warehouse) == before
    assert warehouse.execute("select count(*) as n from ops.loads").fetchone() == {"n": 1}


def test_older_never_overwrites_newer(warehouse: Connection) -> None:
    land(warehouse, [reservation(1, "2026-11-05 00:00:00", nights=5)])
    counts = land(warehouse, [reservation(1, "2026-11-04 00:00:00", nights=4)], at=NOW + timedelta(hours=1))
    assert counts == Counts(seen=1, unchanged=1)
    assert landed(warehouse)["payload"]["nights"] == 5


def test_without_a_stamp_of_the_source_the_later_request_wins(warehouse: Connection) -> None:
    land(warehouse, [reservation(1, "", nights=5)])
    land(warehouse, [reservation(1, "", nights=4)], at=NOW - timedelta(seconds=1))
    assert landed(warehouse)["payload"]["nights"] == 5
    land(warehouse, [reservation(1, "", nights=6)], at=NOW + timedelta(seconds=1))
    assert landed(warehouse)["payload"]["nights"] == 6


def test_a_stamp_in_the_future_holds_nothing_back(warehouse: Connection) -> None:
    land(warehouse, [reservation(1, "2026-11-22 14:00:00")])
    land(warehouse, [reservation(1, "2026-11-22 12:30:00", status="cancelled")], at=NOW + timedelta(hours=1))
    assert landed(warehouse)["payload"]["status"] == "cancelled"
    land(warehouse, [reservation(1, "2199-01-01 00:00:00")], at=NOW + timedelta(hours=2))
    warehouse.execute("update landing.reservations set deleted_at = now()")
    assert land(warehouse, [reservation(1, "2026-11-22 14:30:00")], at=NOW + timedelta(hours=3)).changed == 1
    assert landed(warehouse)["deleted_at"] is None


def test_a_change_that_was_made_while_its_request_was_under_way_outlives_an_older_sight(warehouse: Connection) -> None:
    land(warehouse, [reservation(1, "2026-11-22 12:00:05", nights=5)])
    land(warehouse, [reservation(1, "2026-11-22 11:00:00", nights=4)], at=NOW + timedelta(seconds=1))
    assert landed(warehouse)["payload"]["nights"] == 5


def test_of_two_versions_in_one_load_the_one_asked_for_later_wins_over_a_stamp_in_the_future(
    warehouse: Connection,
) -> None:
    writer = LandingWriter(warehouse, 701, Resource.RESERVATIONS, None)
    first = Fetched([reservation(1, "2026-11-22 14:00:00", nights=4)], NOW)
    again = Fetched([reservation(1, "2026-11-22 12:30:00", nights=5)], NOW + timedelta(hours=1))
    with warehouse.transaction():
        writer.land([again, first])
    assert landed(warehouse)["payload"]["nights"] == 5


def test_a_row_twice_in_one_answer_lands_once_in_its_newest_version(warehouse: Connection) -> None:
    rows = [reservation(1, "2026-11-05 00:00:00", nights=5), reservation(1, "2026-11-04 00:00:00", nights=4)]
    assert land(warehouse, rows).new == 1
    assert landed(warehouse)["payload"]["nights"] == 5


def test_a_row_that_comes_back_is_alive_again(warehouse: Connection) -> None:
    land(warehouse, [reservation(1)])
    warehouse.execute("update landing.reservations set deleted_at = now()")
    assert land(warehouse, [reservation(1)], at=NOW + timedelta(hours=1)).changed == 1
    assert landed(warehouse)["deleted_at"] is None


def test_a_row_without_a_usable_id_goes_to_quarantine_and_the_others_land(warehouse: Connection) -> None:
    counts = land(warehouse, [reservation(1), reservation(2, listingMapId="none"), {"status": "new"}, "nonsense"])
    assert counts == Counts(seen=4, new=1, quarantined=3)
    entries = warehouse.execute(
        "select entity_id, severity, reason, payload from ops.quarantine order by reason"
    ).fetchall()
    assert [entry["entity_id"] for entry in entries] == [None, "2", None]
    assert "listingMapId" in entries[1]["reason"]
    assert "none" in entries[1]["payload"]
    assert entries[2]["payload"] == '"nonsense"'


def test_the_same_bad_row_is_one_entry_and_a_good_one_settles_it(warehouse: Connection) -> None:
    land(warehouse, [reservation(2, listingMapId="none")])
    land(warehouse, [reservation(2, listingMapId="none")])
    assert warehouse.execute("select times_seen, resolved_at from ops.quarantine").fetchall() == [
        {"times_seen": 2, "resolved_at": None}
    ]
    land(warehouse, [reservation(2)])
    assert warehouse.execute("select resolved_at is not null as settled from ops.quarantine").fetchone() == {
        "settled": True
    }


def test_a_row_with_an_odd_value_lands_and_a_warning_names_it(warehouse: Connection) -> None:
    land(warehouse, [reservation(1)])
    counts = land(warehouse, [reservation(1, "2026-11-05 00:00:00", status="cancelled", cancellationDate="0000-00-00")])
    assert (counts.changed, counts.quarantined, counts.with_warnings) == (1, 0, 1)
    assert landed(warehouse)["payload"]["status"] == "cancelled"
    [entry] = warehouse.execute("select entity_id, severity, reason from ops.quarantine").fetchall()
    assert (entry["entity_id"], entry["severity"]) == ("1", "accepted")
    assert "cancellationDate" in entry["reason"]


def test_a_landed_row_whose_later_version_is_refused_is_suspect_until_one_lands(warehouse: Connection) -> None:
    land(warehouse, [reservation(1), reservation(2)])
    before = landed(warehouse)
    hour = timedelta(hours=1)
    land(warehouse, [reservation(1, "2026-11-05 00:00:00", listingMapId=None)], at=NOW + hour)
    assert landed(warehouse)["suspect_since"] is not None
    assert landed(warehouse)["load_id"] > before["load_id"]
    assert landed(warehouse, 2)["suspect_since"] is None
    marked = landed(warehouse)
    land(warehouse, [reservation(1, "2026-11-05 00:00:00", listingMapId=None)], at=NOW + 2 * hour)
    assert landed(warehouse) == marked
    assert land(warehouse, [reservation(1)], at=NOW + 3 * hour).changed == 1
    assert landed(warehouse)["suspect_since"] is None


def test_an_older_version_that_is_refused_makes_no_row_suspect(warehouse: Connection) -> None:
    land(warehouse, [reservation(1)])
    land(warehouse, [reservation(1, "2026-10-01 00:00:00", listingMapId=None)], at=NOW + timedelta(hours=1))
    land(warehouse, [reservation(1, "2026-11-05 00:00:00", listingMapId=None)], at=NOW - timedelta(hours=1))
    assert landed(warehouse)["suspect_since"] is None


def test_an_unknown_status_lands_and_is_reported(warehouse: Connection) -> None:
    assert land(warehouse, [reservation(1, status="teleported")]) == Counts(seen=1, new=1)
    assert warehouse.execute("select severity, resolved_at from ops.quarantine").fetchall() == [
        {"severity": "accepted", "resolved_at": None}
    ]


def single(warehouse: Connection, row: dict[str, Any], *, at: datetime = NOW) -> Counts:
    with warehouse.transaction():
        return LandingWriter(warehouse, 701, Resource.RESERVATIONS, None).land([Fetched([row], at, single=True)])


FINANCE = [{"name": "baseRate", "value": 100}]


def test_what_only_a_single_read_shows_lands_and_no_list_erases_it(warehouse: Connection) -> None:
    listed, whole = reservation(1, financeField=[]), reservation(1, financeField=FINANCE, bookingcomIsGeniusMember=1)
    land(warehouse, [listed])
    assert single(warehouse, whole, at=NOW + timedelta(seconds=1)).changed == 1
    before = landed(warehouse)
    assert before["payload"] == whole
    for minute, row in enumerate([listed, reservation(1), listed], start=1):
        assert land(warehouse, [row], at=NOW + timedelta(minutes=minute)) == Counts(seen=1, unchanged=1)
    assert single(warehouse, whole, at=NOW + timedelta(hours=1)).unchanged == 1
    assert landed(warehouse) == before
    later = reservation(1, "2026-11-05 00:00:00", nights=5, financeField=[])
    assert land(warehouse, [later], at=NOW + timedelta(hours=2)).changed == 1
    assert landed(warehouse)["payload"] == {**later, "financeField": FINANCE, "bookingcomIsGeniusMember": 1}
    assert single(warehouse, later, at=NOW + timedelta(hours=3)).changed == 1
    assert landed(warehouse)["payload"] == later


def test_a_lean_list_erases_no_attached_list_and_a_full_one_does(warehouse: Connection) -> None:
    fees = {"reservationFees": [{"id": 5}], "customFieldValues": {"1": {"id": 6}}}
    lean: dict[str, Any] = {"reservationFees": [], "customFieldValues": {}}
    single(warehouse, reservation(1, **fees))
    before = landed(warehouse)
    assert land(warehouse, [reservation(1, **lean)], at=NOW + timedelta(minutes=1)).unchanged == 1
    assert landed(warehouse) == before
    newer = "2026-11-05 00:00:00"
    land(warehouse, [reservation(1, newer, nights=9, **lean), reservation(2, **lean)], at=NOW + timedelta(minutes=2))
    assert landed(warehouse)["payload"] == reservation(1, newer, nights=9, **fees)
    newest = "2026-11-06 00:00:00"
    land(warehouse, [reservation(1, newest, **lean), reservation(2, **fees)], at=NOW + timedelta(minutes=3))
    assert landed(warehouse)["payload"] == reservation(1, newest, **lean)


def test_an_older_single_read_overwrites_nothing(warehouse: Connection) -> None:
    land(warehouse, [reservation(1, "2026-11-05 00:00:00", nights=5)])
    assert single(warehouse, reservation(1, financeField=FINANCE), at=NOW + timedelta(hours=1)).unchanged == 1
    assert landed(warehouse)["payload"]["nights"] == 5


def test_every_text_jsonb_can_hold_lands_as_it_is(warehouse: Connection) -> None:
    note = 'emoji 😀, right-to-left שלום, tab\t, newline\n, backslash \\N and quotes "'
    land(warehouse, [reservation(1, hostNote=note)])
    assert landed(warehouse)["payload"]["hostNote"] == note


def test_a_batch_that_is_rolled_back_leaves_nothing(warehouse: Connection) -> None:
    writer = LandingWriter(warehouse, 701, Resource.RESERVATIONS, None)
    with pytest.raises(RuntimeError), warehouse.transaction():  # noqa: PT012 - the second statement is the accident
        writer.land([Fetched([reservation(1)], NOW)])
        raise RuntimeError
    assert warehouse.execute("select count(*) as n from ops.loads").fetchone() == {"n": 0}
    with warehouse.transaction():
        assert writer.land([Fetched([reservation(1)], NOW)]).new == 1
