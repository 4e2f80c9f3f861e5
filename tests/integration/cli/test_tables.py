"""Tables of the commands: an id, a number, a date or a state is whole, however little room there is."""

from __future__ import annotations

import re
from datetime import date

import pytest
from rich.table import Column, Table
from typer.testing import CliRunner

from sync_hostaway.accounts import api_tokens
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.cli import main as cli
from sync_hostaway.cli.sync import results_table
from sync_hostaway.core.console import print_table
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.demo.report import Chain, Count, DemoReport, ProgressLines
from sync_hostaway.extract.engine import SyncResult
from sync_hostaway.landing.writer import Counts

pytestmark = pytest.mark.integration

NAME = "A host application whose name says at some length what it is for, and who looks after it"
DATE = r"\d{4}-\d\d-\d\d"


def lines(columns: int, *arguments: str, terminal: bool) -> list[str]:
    """The output of a command on a terminal of this width, or to a pipe, as the environment sets."""
    environment = {"COLUMNS": str(columns), "TERM": "xterm", "FORCE_COLOR": "1" if terminal else None}
    result = CliRunner(env=environment).invoke(cli.app, list(arguments))
    assert result.exit_code == 0, result.output
    return re.sub(r"\x1b\[[0-9;]*m", "", result.stdout).splitlines()


@pytest.fixture
def token(warehouse: Connection, account: int) -> str:
    _, token = api_tokens.issue(warehouse, account, NAME, [Scope.READ_RESERVATIONS, Scope.SEND_MESSAGES], None)
    return token.token_id


def test_a_pipe_gets_every_row_in_one_line(account: int, token: str) -> None:
    (row,) = [line for line in lines(80, "tokens", "list", "701", terminal=False) if token in line]
    assert NAME in row
    assert "read:reservations send:messages" in row
    assert re.search(DATE + r" \d\d:\d\d ", row)


@pytest.mark.parametrize("columns", [80, 100])
def test_a_narrow_terminal_folds_names_and_cuts_no_id(account: int, token: str, columns: int) -> None:
    shown = lines(columns, "tokens", "list", "701", terminal=True)
    (row,) = [line for line in shown if token in line]
    assert re.search(DATE, row)
    assert max(map(len, shown)) <= columns
    assert "…" not in "".join(shown)


def test_dates_and_states_of_accounts_are_whole(warehouse: Connection, account: int) -> None:
    warehouse.execute("update ops.accounts set name = %s, state_reason = %s", [NAME, NAME])
    shown = lines(80, "accounts", "list", terminal=True)
    (row,) = [line for line in shown if "701" in line]
    assert re.search(DATE, row)
    assert " unregistered " in row
    assert max(map(len, shown)) <= 80
    assert "".join(re.findall(r"\w+", NAME)) not in row
    assert "…" not in "".join(shown)


def test_a_large_sync_fits_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    counts = Counts(seen=117_123, new=17_123, changed=1_234, unchanged=98_766, quarantined=12)
    print_table(
        results_table(
            [SyncResult(701, Resource.CALENDAR_DAYS, Mode.FULL, "incomplete", 117_124, counts, 12_345, "missing")]
        )
    )
    shown = capsys.readouterr().out
    for number in ("117,124", "117,123", "17,123", "1,234", "98,766", "12,345", "incomplete"):
        assert number in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_where_nothing_else_helps_the_terminal_wraps_lines_that_are_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm")
    table = Table("id", Column("name", overflow="fold"), "at")
    table.add_row("745a97525e3b", "x" * 30, "2026-11-22 15:38")
    print_table(table)
    shown = capsys.readouterr().out
    assert "745a97525e3b" in shown
    assert "2026-11-22" in shown
    assert shown.count("x") == 30


COUNTS = [
    Count(
        7_000_001,
        "calendar_days",
        Chain("complete", 117_124, 0, date(2026, 11, 1), 118.2, 12_345),
        117_124,
        117_124,
        117_124,
    ),
    Count(7_000_002, "reservations", Chain("failed", 1_002, 3, date(2026, 11, 1), 9.1, 7, "boom"), 900, 900, 899, 1),
]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100, 200, None])
def test_the_table_of_the_demo_is_whole_at_every_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int | None
) -> None:
    if columns:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", str(columns))
    print_table(DemoReport(COUNTS, {}).table())
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    for whole in ("7000001", "calendar_days", "117,124", "complete", "7000002", "reservations", "12,345", "failed"):
        assert whole in shown
    assert "…" not in shown
    if columns and columns >= 40:
        assert max(map(len, shown.splitlines())) <= columns
    if columns is None:
        assert len([line for line in shown.splitlines() if "700000" in line]) == 2


def test_what_is_not_complete_is_named_and_what_arrived_is_not_called_missing() -> None:
    first, *_ = DemoReport(COUNTS, {}).summary(60.0).splitlines()
    assert first.startswith("Incomplete: 7000002 reservations (sync failed). The core tables hold 118,023 rows.")


def test_progress_says_of_what() -> None:
    run = {
        "sync_run_id": 1, "account_id": 701, "resource": "messages", "status": "running", "rows_seen": 502,
        "rows_expected": 502, "rows_quarantined": 0, "api_calls": 120, "seconds": 5.0, "error": None,
    }  # fmt: skip
    said: list[str] = []
    lines = ProgressLines(lambda text: said.append(str(text)))
    lines.update([run])
    lines.update([{**run, "rows_seen": 1_002, "rows_expected": 1_002, "status": "complete"}])
    lines.update([{**run, "sync_run_id": 2, "resource": "reservations", "rows_expected": 1_000}])
    assert said == [
        "701 messages: 502 rows read so far, 120 API calls",
        "✓ 701 messages: 1,002 rows read, 120 API calls, 5.0 s, complete",
        "701 reservations: 502 of 1,000 rows read, 120 API calls",
    ]
