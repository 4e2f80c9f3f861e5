"""The command line: what it says when something is wrong, and what its exit codes mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner, Result

from sync_hostaway.accounts import registry
from sync_hostaway.cli import main as cli
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import HostawayServerError
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

NEED_A_WAREHOUSE = [
    ["accounts", "list"],
    ["accounts", "add", "701", "--secret", "secret-701"],
    ["accounts", "disable", "701"],
    ["accounts", "rotate", "701", "--secret", "secret-701"],
    ["sync", "--account", "701"],
    ["transform"],
    ["docs"],
]


def call(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(cli.app, list(arguments))


@pytest.fixture
def empty_dsn(postgres: EmbeddedPostgres, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A warehouse without migrations."""
    name = warehouse_dsn.rpartition("/")[2] + "_empty"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    monkeypatch.setenv("WAREHOUSE_URL", postgres.dsn(name))
    get_settings.cache_clear()
    return postgres.dsn(name)


@pytest.mark.parametrize("arguments", NEED_A_WAREHOUSE, ids=" ".join)
def test_a_warehouse_without_schemas_says_what_to_run(empty_dsn: str, arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 1
    assert result.stderr.strip() == ("Error: The warehouse was never migrated. Run `sync-hostaway migrate`")


def test_a_warehouse_of_an_older_version_says_what_to_run(warehouse: Connection) -> None:
    warehouse.execute("update ops.alembic_version set version_num = '0201'")
    result = call("accounts", "list")
    assert result.exit_code == 1
    assert "is at revision 0201, this version needs" in result.stderr
    assert "sync-hostaway migrate" in result.stderr


def test_a_warehouse_of_a_newer_version_is_used(warehouse: Connection) -> None:
    warehouse.execute("update ops.alembic_version set version_num = '9999'")
    assert call("accounts", "list").exit_code == 0


def test_migrate_makes_the_warehouse_usable(empty_dsn: str) -> None:
    assert call("migrate").exit_code == 0
    assert call("accounts", "list").exit_code == 0


def test_an_error_of_postgresql_is_one_line_without_the_row(warehouse: Connection, account: int) -> None:
    warehouse.execute("alter table ops.accounts add constraint no_reasons check (state_reason is null)")
    result = call("accounts", "disable", str(account), "--reason", "personal")
    assert result.exit_code == 1
    assert "no_reasons" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    # PostgreSQL's details quote the whole row.
    assert "personal" not in result.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update ops.alembic_version set version_num = '9999'", "cannot be migrated: Can't locate revision"),
        ("update ops.alembic_version set version_num = '0013'", "Use an empty database"),
        ("delete from ops.alembic_version", "did not create them"),
    ],
)
def test_an_error_while_migrating_is_one_line(warehouse: Connection, change: LiteralString, said: str) -> None:
    warehouse.execute(change)
    result = call("migrate")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_unreachable_warehouse_keeps_its_password(warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://me:hush-hush@127.0.0.1:1/nowhere")
    get_settings.cache_clear()
    for arguments in (["accounts", "list"], ["migrate"]):
        result = call(*arguments)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert "Cannot reach the warehouse" in result.stderr
        assert "hush-hush" not in result.output


def test_what_looks_like_markup_is_shown(account: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise HostawayServerError("Answered [/v1] with 502", account_id=701, resource="listings")

    monkeypatch.setattr(registry, "add_account", fail)
    result = call("accounts", "add", "701", "--secret", "secret-701")
    assert result.exit_code == 1
    assert "Answered [/v1] with 502 [account 701, resource listings]" in result.stderr


def test_names_and_reasons_are_shown_as_they_are(account: int) -> None:
    assert call("accounts", "add", "701", "--secret", "secret-701", "--name", "[bold]Sea[/v1]").exit_code == 0
    assert call("accounts", "disable", "701", "--reason", "[/red] ask Ann").exit_code == 0
    listed = call("accounts", "list").stdout
    assert "[bold]Sea[/v1]" in listed
    assert "[/red] ask Ann" in listed


def test_a_complete_sync_ends_well(account: int) -> None:
    result = call("sync", "--account", "701", "--mode", "full")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("complete") == len(get_settings().resources)


def test_log_lines_are_json_objects_with_account_resource_and_run(account: int) -> None:
    result = call("--verbose", "--log-format", "json", "sync", "--account", "701", "--resource", "listings")
    lines = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    [finished] = [line for line in lines if line["event"] == "sync_finished"]
    assert (finished["account_id"], finished["resource"], finished["level"]) == (701, "listings", "info")
    assert finished["run"].startswith("cli__")
    assert finished["timestamp"]


def test_a_failing_resource_hides_neither_the_others_nor_its_reason(account: int, simulator: RunningSimulator) -> None:
    simulator.control.fault("fail_200", match={"resource": "reservations"}, times=0)
    result = call("sync", "--account", "701", "--mode", "full")
    assert result.exit_code == 1
    rows = {line.split("│")[1].strip(): line for line in result.stdout.splitlines() if line.startswith("│")}
    assert "complete" in rows["listings"]
    assert "complete" in rows["messages"]
    assert "failed" in rows["reservations"]
    assert "reservations failed: " in result.stderr
    assert "account 701" in result.stderr


def test_the_list_of_accounts_shows_trouble_of_what_is_mirrored(account: int, simulator: RunningSimulator) -> None:
    simulator.control.fault("fail_200", match={"resource": "reservations"}, times=0)
    call("sync", "--account", "701", "--mode", "full")
    assert "reservations: Failed since " in call("accounts", "list").stdout
    call("accounts", "options", "701", '{"resources": {"reservations": false}}')
    assert "Failed" not in call("accounts", "list").stdout


def test_an_unregistered_account_is_refused(warehouse: Connection) -> None:
    result = call("sync", "--account", "999")
    assert result.exit_code == 1
    assert "Error: Account 999 is not registered" in result.stderr


def test_local_commands_show_errors_clearly_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SYNC_HOSTAWAY_HOME", str(tmp_path / "file" / "home"))
    get_settings.cache_clear()
    result = call("local", "start")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")


def test_a_simulated_home_talks_to_its_simulator(
    warehouse: Connection, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = get_settings().home
    home.mkdir(parents=True)
    (home / "simulator.json").write_text(json.dumps({"url": simulator.url, "anchor": "2026-01-01"}))
    monkeypatch.delenv("HOSTAWAY_API_URL")
    get_settings.cache_clear()
    added = call("accounts", "add", "701", "--secret", "secret-701")
    assert added.exit_code == 0, added.output
    assert f"are simulated by {simulator.url}" in added.stderr
    synced = call("sync", "--account", "701", "--resource", "listings")
    assert synced.exit_code == 0, synced.output
    assert "simulated" in synced.stderr


def test_an_api_that_was_named_wins_over_the_simulator(
    account: int, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = get_settings().home
    home.mkdir(parents=True, exist_ok=True)
    (home / "simulator.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "anchor": "2026-01-01"}))
    result = call("sync", "--account", "701", "--resource", "listings")
    assert result.exit_code == 0, result.output
    assert "simulated" not in result.stderr


def test_a_misspelt_setting_is_refused_before_anything_is_done(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGESIZE", "10")
    result = call("accounts", "list")
    assert result.exit_code == 1
    assert "did you mean AIRFLOW__HOSTAWAY__PAGE_SIZE?" in result.stderr.replace("\n", " ")
