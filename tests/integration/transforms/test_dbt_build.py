"""`dbt build` passes on whole accounts of a simulated Hostaway, and on one in which every field holds odd values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.fernet import Fernet

from landing_harness import LandingHarness
from sync_hostaway import sync
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.responses import decode
from sync_hostaway.landing.fields import ELEMENTS, FIELDS, OBJECTS
from sync_hostaway.landing.writer import Fetched, LandingWriter
from sync_hostaway.simulator import SimulatorConfig, Sizes, running
from sync_hostaway.transforms import ModelRun, find_project, profile_environment
from sync_hostaway.transforms.invocation import run_dbt

pytestmark = pytest.mark.integration

DIRTY = 799
# Nothing in its many spellings, the wrong type, dates that do not exist, numbers beyond any column, words of no list.
ODD_VALUES: list[Any] = [
    None,
    "",
    " \t",
    [],
    {},
    [[]],
    [None, 5, "x", {}],
    {"0": {"id": 7}, "2": {"id": "x"}},
    {"name": {"name": []}},
    "0000-00-00",
    "0000-00-00 00:00:00",
    "2026-02-30",
    "2026-02-28",
    "1899-12-31 24:00",
    "three",
    "12",
    " 3.0 ",
    "-4",
    -5,
    0.5,
    10**40,
    "1e400",
    "NaN",
    True,
    "yes",
    "brandNewWord",
    "\x00\u0663\ud83d\ude00",
]
# The numbers among them, as numeric columns have them.
READABLE = {"12", "3.0", "-4", "-5", "0.5", "5"}
MONEY = {
    "expenses": ["amount"],
    "guest_charges": ["amount", "captured_amount", "flat_fee", "percentage_fee"],
    "owner_statements": ["expenses_total", "grand_total"],
    "owner_statement_items": ["amount"],
    "reservation_finance": ["owner_payout", "pm_commission", "vat"],
}
# A field of each resource whose unreadable value a warning names.
NAMED = {
    "expenses": "amount",
    "guest_charges": "chargeDate",
    "owner_statements": "grandTotalJson: grandTotalAmount",
    "reservation_finance": "ownerPayout",
}
# A number out of its range, a word of no list and an unknown field are kept, and these tests warn of them.
EXPECTED_WARNINGS = ("accepted_range_", "accepted_values_", "new_fields")


def odd_rows(resource: Resource, first: int, **keys: Any) -> Iterator[dict[str, Any]]:
    """A row for each odd value, with that value in each field and in each field of each list."""
    for place, value in enumerate(ODD_VALUES):
        row = dict.fromkeys(FIELDS[resource].kinds, value)
        for name, elements in ELEMENTS.get(resource, {}).items():
            element: dict[str, Any] = dict.fromkeys(elements.kinds, value)
            row[name] = [{**element, **({elements.key: 5} if elements.key else {})}, element, value]
        for name, kinds in OBJECTS.get(resource, {}).items():
            # every other one is no object at all
            row[name] = value if place % 2 else dict.fromkeys(kinds, value)
        yield {**row, "id": first + place, **keys}


def land(harness: LandingHarness, resource: Resource, rows: list[dict[str, Any]], parent: int | None = None) -> None:
    received = decode(json.dumps(rows).encode())
    fetched = [Fetched([row], datetime.now(UTC), parent) for row in received]
    with harness.connection.transaction():
        counts = LandingWriter(harness.connection, DIRTY, resource, None).land(fetched)
    assert (counts.seen, counts.quarantined) == (len(rows), 0)
    assert counts.with_warnings > 5


def land_dirty_account(harness: LandingHarness) -> None:
    land(harness, Resource.LISTINGS, list(odd_rows(Resource.LISTINGS, 100)))
    land(harness, Resource.RESERVATIONS, list(odd_rows(Resource.RESERVATIONS, 1000, listingMapId=100)))
    # of stays, each with one odd value in all but what makes it a stay
    stays = odd_rows(
        Resource.RESERVATIONS,
        2000,
        listingMapId=101,
        status="new",
        arrivalDate="2026-03-01",
        departureDate="2026-03-04",
        currency="EUR",
    )
    land(harness, Resource.RESERVATIONS, list(stays))
    land(harness, Resource.CONVERSATIONS, list(odd_rows(Resource.CONVERSATIONS, 3000, reservationId=2000)))
    land(harness, Resource.MESSAGES, list(odd_rows(Resource.MESSAGES, 4000, conversationId=3000)), 3000)
    days = odd_rows(Resource.CALENDAR_DAYS, 5000)
    dated = [{**row, "date": f"2026-03-{place:02}"} for place, row in enumerate(days, start=1)]
    land(harness, Resource.CALENDAR_DAYS, dated, 101)
    for place, resource in enumerate((Resource.REVIEWS, Resource.TASKS, Resource.USERS, Resource.COUPONS)):
        land(harness, resource, list(odd_rows(resource, 6000 + 100 * place)))
    land(harness, Resource.TAX_SETTINGS, list(odd_rows(Resource.TAX_SETTINGS, 6900)))
    land(harness, Resource.RESERVATION_LOGS, list(odd_rows(Resource.RESERVATION_LOGS, 6950, source="")), 2000)
    # of stays, and of reservations that never landed
    land(harness, Resource.RESERVATION_FINANCE, list(odd_rows(Resource.RESERVATION_FINANCE, 2000)))
    land(harness, Resource.RESERVATION_FINANCE, list(odd_rows(Resource.RESERVATION_FINANCE, 990_000)))
    land(harness, Resource.OWNER_STATEMENTS, list(odd_rows(Resource.OWNER_STATEMENTS, 7000)))
    land(harness, Resource.OWNER_STATEMENTS, list(statements_with_odd_cells()))
    for place, resource in enumerate((Resource.EXPENSES, Resource.GUEST_CHARGES)):
        land(harness, resource, list(odd_rows(resource, 8000 + 100 * place)))
        land(harness, resource, list(odd_rows(resource, 8200 + 100 * place, reservationId=2000, listingMapId=101)))
        land(harness, resource, list(odd_rows(resource, 8400 + 100 * place, reservationId=990_000, listingMapId=990)))


def statements_with_odd_cells() -> Iterator[dict[str, Any]]:
    """An owner statement for each odd value, in the table of its stays: as a cell, a stay and a column."""
    columns = [{"name": "id", "valueType": "number"}, {"name": "ownerPayout", "valueType": "money"}]
    for place, value in enumerate(ODD_VALUES):
        stays = [[2000, value], [value, 5], [2000], value]
        table = {"columns": [*columns, {"name": value, "valueType": value}, value], "rows": stays, "totals": value}
        yield {"id": 7100 + place, "financeDataJson": table, "summaryDataJson": [{"totalValue": value}]}


def unusual(harness: LandingHarness, *arguments: str) -> dict[str, ModelRun]:
    """What neither passed nor was built."""
    outcome = run_dbt(arguments, project_dir=find_project(), environment=profile_environment(harness.dsn))
    assert outcome.runs, outcome.error
    return {run.name: run for run in outcome.runs if run.status not in ("success", "pass", "no-op")}


def test_build_passes_on_three_simulated_accounts_and_a_dirty_one(
    harness: LandingHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = Sizes(listings=8, reservations=60, conversations=25)
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__CALENDAR_DAYS_BACK", "5")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__CALENDAR_DAYS_AHEAD", "30")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", Fernet.generate_key().decode())
    for seed in (1, 2, 3):
        account = 700 + seed
        config = SimulatorConfig(accounts={account: "secret"}, seed=seed, sizes=sizes, token_delay=0.0)
        with running(config) as simulator:
            monkeypatch.setenv("HOSTAWAY_API_URL", simulator.url)
            get_settings.cache_clear()
            add_account(harness.connection, account, "secret")
            sync(account, mode="full")
    harness.transform()
    assert {name: run.message for name, run in unusual(harness, "build").items()} == {}

    land_dirty_account(harness)
    harness.transform()
    found = unusual(harness, "build")
    assert {name: run.message for name, run in found.items() if run.status != "warn"} == {}
    assert [name for name in found if not name.startswith(EXPECTED_WARNINGS)] == []
    assert "accepted_range_calendar_days_price__0" in found
    for table, sets in {"listings": 1, "reservation_finance": 2, "owner_statements": 2, "expenses": 3}.items():
        rows = harness.value(f"select count(*) from hostaway.{table} where account_id = %s", DIRTY)
        assert rows == sets * len(ODD_VALUES), table
    for table, columns in MONEY.items():
        for column in columns:
            amounts = harness.rows(f"select {column} from hostaway.{table} where account_id = %s", DIRTY)
            assert {str(amount) for (amount,) in amounts if amount is not None} <= READABLE, (table, column)
    for resource, field in NAMED.items():
        named = "select count(*) from ops.quarantine where account_id = %s and resource = %s and severity = 'accepted'"
        assert harness.value(f"{named} and reason like %s", DIRTY, resource, f"%{field}: must be%'three'%"), resource
    # a number that comes as a text is a number
    payouts = "select amount from hostaway.owner_statement_items where account_id = %s and item_name = 'ownerPayout'"
    assert (12,) in harness.rows(payouts, DIRTY)
