"""The examination of an account finds each assumption that does not hold, and sets what is a setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sync_hostaway.accounts.registry import add_account, change_options, get_account
from sync_hostaway.cli.main import app
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.doctor.examine import AccountExamination, examine, examine_new_accounts
from sync_hostaway.doctor.installation import examine_installation
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.simulator.control.client import SimulatorControl

pytestmark = pytest.mark.integration
ACCOUNT = 701


def statuses(examination: AccountExamination) -> dict[str, str]:
    return {finding.check: finding.status.value for finding in examination.findings}


def expired_reservation(control: SimulatorControl) -> dict[str, Any]:
    """An expired reservation next month, whose nights nothing else takes."""
    today = datetime.now(UTC).date()
    free = [
        (listing, day)
        for listing in control.truth(ACCOUNT)["ids"]["listings"]
        for day in (today + timedelta(days=30 + number) for number in range(60))
        if not stays(control, listing, day)
    ]
    listing, day = free[0]
    dates = {"arrivalDate": f"{day}", "departureDate": f"{day + timedelta(days=1)}"}
    control.patch_day(listing, f"{day}", {"isAvailable": 1, "status": "available"}, account_id=ACCOUNT)
    return control.create(
        "reservations", {"status": "expired", "listingMapId": listing, **dates}, account_id=ACCOUNT, emit=False
    )


def stays(control: SimulatorControl, listing: int, day: date) -> bool:
    rows = control.objects("reservations", ACCOUNT, limit=1_000)
    return any(
        row["listingMapId"] == listing and row["arrivalDate"] <= f"{day}" <= row["departureDate"] for row in rows
    )


def block_nights_of(control: SimulatorControl) -> None:
    row = expired_reservation(control)
    control.patch_day(row["listingMapId"], row["arrivalDate"], {"isAvailable": 0}, account_id=ACCOUNT)


def silent_message(control: SimulatorControl) -> None:
    control.advance_clock(200)
    thread = control.truth(ACCOUNT)["ids"]["conversations"][0]
    control.create("messages", {"conversationId": thread}, account_id=ACCOUNT, emit=False, bump=False)


def fault(kind: str, **options: Any) -> Callable[[SimulatorControl], None]:
    def add(control: SimulatorControl) -> None:
        control.fault(kind, times=0, **options)

    return add


BROKEN = [
    ("page size of reservations", "differs", fault("page_cap", match={"resource": "reservations"}, rows=20)),
    ("page size of conversations", "differs", fault("page_cap", match={"resource": "conversations"}, rows=20)),
    ("count of listings", "fails", fault("count_off", match={"resource": "listings"}, form="absent")),
    ("count of conversations", "fails", fault("count_off", match={"resource": "conversations"}, by=-35)),
    ("change stamps of reservations", "fails", fault("blank", match={"resource": "reservations"}, field="updatedOn")),
    ("order of reservations", "fails", fault("reverse_order", match={"path": "/v1/reservations"})),
    ("cursor of reservations", "fails", fault("ignore", parameter="afterId")),
    ("offset of lists", "fails", fault("ignore", parameter="offset")),
    ("sort orders by message", "fails", fault("ignore", parameter="sortOrder")),
    ("order of listings by activity", "differs", fault("ignore", parameter="sortOrder")),
    ("message stamps of conversations", "fails", fault("blank", field="messageReceivedOn")),
    ("newest message is first by its sort order", "fails", fault("reverse_order", match={"path": "sortOrder=lastC"})),
    ("messages move the stamps of their reservation", "differs", silent_message),
    ("attached data in lists", "fails", fault("ignore", parameter="includeResources")),
    ("messages of a conversation", "fails", fault("not_enabled", match={"path": r"/messages/\d+"}, status=404)),
    ("objects that do not exist", "fails", fault("forbid", match={"path": "999999999999"})),
    ("calendar horizon", "differs", fault("half_page", match={"resource": "calendar"})),
    ("expired reservations and the calendar", "differs", block_nights_of),
    ("optional resources", "differs", fault("not_enabled", match={"resource": "coupons"})),
    ("delivery log of webhooks", "differs", fault("not_enabled", match={"path": "ebhookLogs"}, status=404)),
    ("clock", "differs", lambda control: control.advance_clock(3600)),
    ("request limit", "differs", fault("status_429", match={"resource": "coupons"}, retry_after=0.1)),
]


def test_nothing_is_found_where_everything_is_as_assumed(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    expired_reservation(simulator.control)
    found = examine(warehouse, account)
    assert {name: status for name, status in statuses(found).items() if status != "holds"} == {}
    assert found.options_set == {}
    assert found.calls <= 30
    assert get_account(warehouse, account).options == {}


@pytest.mark.parametrize(("check", "status", "break_it"), BROKEN, ids=[name for name, _, _ in BROKEN])
def test_an_assumption_that_does_not_hold_is_found(
    warehouse: Connection,
    simulator: RunningSimulator,
    account: int,
    check: str,
    status: str,
    break_it: Callable[[SimulatorControl], None],
) -> None:
    break_it(simulator.control)
    assert statuses(examine(warehouse, account))[check] == status


def test_what_is_a_setting_is_set_and_an_operators_own_is_left_alone(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    add_account(warehouse, 702, "secret-702")
    change_options(warehouse, 702, {"polling": "always"})
    fault("ignore", parameter="sortOrder")(simulator.control)
    fault("half_page", match={"resource": "calendar"})(simulator.control)
    assert examine(warehouse, account, set_options=False).options_set == {}
    assert get_account(warehouse, account).options == {}
    ours, theirs = examine(warehouse, account).options_set, examine(warehouse, 702).options_set
    assert ours == get_account(warehouse, account).options == {"polling": "list", "calendar_days_ahead": 3}
    assert theirs == {"calendar_days_ahead": 3}
    assert get_account(warehouse, 702).options["polling"] == "always"


def test_a_hostaway_that_does_not_answer_is_unknown_not_wrong(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    fault("status_5xx", match={"resource": "reservations"})(simulator.control)
    found = statuses(examine(warehouse, account))
    assert found["order of reservations"] == "unknown"
    assert found["page size of listings"] == "holds"


def test_a_new_account_is_examined_once_after_its_first_lists(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    assert examine_new_accounts(warehouse) == {"examined": 0, "failed": 0}
    sync_account(warehouse, account, Mode.FULL, [Resource.RESERVATIONS])
    assert examine_new_accounts(warehouse) == {"examined": 1, "failed": 0}
    assert examine_new_accounts(warehouse) == {"examined": 0, "failed": 0}


def test_the_installation_is_examined(warehouse: Connection, simulator: RunningSimulator, account: int) -> None:
    found = {finding.check: finding.status.value for finding in examine_installation(warehouse)}
    assert found["stored API keys"] == found["packages"] == found["PostgreSQL"] == found["connection pooler"] == "holds"
    # Nothing listens there: the simulator is on this machine, and no Airflow is.
    assert found["webhook address"] == "fails"
    warehouse.execute("update ops.secrets set ciphertext = 'gAnonsense'")
    found = {finding.check: finding.status.value for finding in examine_installation(warehouse)}
    assert found["stored API keys"] == "fails"


def test_the_report_holds_no_id_no_secret_and_no_address(
    warehouse: Connection, simulator: RunningSimulator, account: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://airflow.invalid")
    file = tmp_path / "report.json"
    result = CliRunner().invoke(app, ["doctor", "--account", "701", "--report", str(file), "--json"])
    assert result.exit_code == 1, result.output
    text = file.read_text(encoding="utf-8")
    document = json.loads(text)[0]
    assert {finding["status"] for finding in document["account"]} <= {"holds", "differs", "fails", "unknown"}
    names = [row["guestName"] for row in simulator.control.objects("reservations", 701) if row["guestName"]]
    for hidden in ("701", "secret-701", "airflow.invalid", "127.0.0.1", *names):
        assert hidden not in text, hidden
