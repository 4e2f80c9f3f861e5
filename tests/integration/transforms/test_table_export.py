"""Tables as Parquet and CSV: every row, the types, and a memory that does not grow with the rows."""

from __future__ import annotations

import csv
import tracemalloc
from pathlib import Path

import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from landing_harness import LandingHarness, listing, reservation
from sync_hostaway.cli import main as cli
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.exports.tables import Format, export_tables

pytestmark = pytest.mark.integration


def test_parquet_and_csv_have_the_rows_of_the_tables(harness: LandingHarness, tmp_path: Path) -> None:
    harness.land("listings", listing(1, name='Zoë "A", b\nc', wifiPassword="hidden-word"), listing(2))
    harness.land("listings", listing(9), account=2)
    harness.land("reservations", reservation(5, totalPrice=243.55, guestName="Ann"))
    harness.transform()
    harness.connection.execute(
        "update hostaway.reservations set tax_amount = 'NaN', cleaning_fee = 1e30, cancelled_at = 'infinity'"
    )
    seen: list[tuple[str, int]] = []
    written = export_tables(
        harness.connection, tmp_path / "all", on_rows=lambda table, rows: seen.append((table.full_name, rows))
    )
    names = {one.table for one in written}
    assert {"hostaway.listings", "hostaway.messages", "marts.channel_mix"} <= names
    assert not any("__" in name for name in names)
    assert ("hostaway.listings", 3) in seen
    listings = pyarrow.parquet.read_table(tmp_path / "all" / "hostaway.listings.parquet").to_pylist()
    assert {row["listing_id"]: row["listing_name"] for row in listings if row["account_id"] == 1} == {
        1: 'Zoë "A", b\nc',
        2: "Listing 2",
    }
    assert b"hidden-word" not in b"".join(str(row).encode() for row in listings)
    (booked,) = pyarrow.parquet.read_table(tmp_path / "all" / "hostaway.reservations.parquet").to_pylist()
    assert str(booked["total_price"]) == "243.550000000"
    assert (booked["tax_amount"], booked["cleaning_fee"], booked["cancelled_at"]) == (None, None, None)

    arguments = ["export", "tables", str(tmp_path / "csv"), "--format", "csv", "--table", "listings", "--account", "2"]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, result.output
    with (tmp_path / "csv" / "hostaway.listings.csv").open(newline="") as file:
        assert [row["listing_id"] for row in csv.DictReader(file)] == ["9"]

    with pytest.raises(InvalidValue, match="No such table: nothing"):
        export_tables(harness.connection, tmp_path / "none", names=["nothing"])
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("file_format", list(Format))
def test_memory_does_not_grow_with_the_rows(harness: LandingHarness, tmp_path: Path, file_format: Format) -> None:
    def peak(rows: int) -> int:
        harness.connection.execute("truncate hostaway.coupons")
        harness.connection.execute(
            "insert into hostaway.coupons (account_id, coupon_id, is_deleted, synced_at, pms_meta)"
            " select 1, n, false, now(), jsonb_build_object('text', repeat('x', 200)) from generate_series(1, %s) n",
            [rows],
        )
        tracemalloc.start()
        export_tables(harness.connection, tmp_path / str(rows), file_format=file_format, names=["coupons"])
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(60_000) < 1.5 * peak(15_000) + 500_000
