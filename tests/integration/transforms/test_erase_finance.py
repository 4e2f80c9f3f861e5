"""Erasing a guest and purging an account reach what Hostaway's finance says of them."""

from __future__ import annotations

import pytest

from landing_harness import LandingHarness, listing
from sync_hostaway.landing.redaction import Erasures, redact_landed

pytestmark = pytest.mark.integration


def test_landed_finance_rows_of_an_erased_guest_lose_all_but_amounts(harness: LandingHarness) -> None:
    columns = [{"name": name} for name in ("guestName", "id", "ownerPayout")]
    harness.land("listings", listing(1))
    harness.land("reservation_finance", {"id": 10, "ownerPayout": 5, "Formula of Ann": 7, "noteOfGuest": "Ann"})
    harness.land("expenses", {"id": 7, "reservationId": 10, "amount": -5, "concept": "Ann broke a lamp"})
    harness.land("guest_charges", {"id": 8, "reservationId": "10", "amount": 5, "description": "Ann pays"})
    data = {"columns": columns, "rows": [["Ann", "10", 5], ["Ben", "11", 6]]}
    expenses = [{"id": 7, "reservationId": 10, "amount": -5, "concept": "Ann broke a lamp"}]
    harness.land("owner_statements", {"id": 9, "financeDataJson": data, "expenses": expenses}, {"id": 12})
    harness.transform()
    with harness.connection.transaction():
        assert redact_landed(harness.connection, 1, Erasures(frozenset({"10"}))) == 4
    harness.transform()
    for schema in ("landing", "hostaway"):
        for table in ("reservation_finance", "expenses", "guest_charges", "owner_statements"):
            left = harness.rows(f"select 1 from {schema}.{table} as t where t::text ilike '%ann%'")
            assert left == [], (schema, table)
    assert harness.rows("select 1 from hostaway.owner_statement_items as t where t::text ilike '%ann%'") == []
    assert harness.value("select owner_payout from hostaway.reservation_finance") == 5
    assert harness.value("select count(*) from hostaway.owner_statement_items where amount = 5 and not is_deleted") == 1
