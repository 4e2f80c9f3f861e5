"""Which warehouse and which key: one answer for the preparation, the tasks and the command line."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sync_hostaway.cli.local import app
from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.core.home import Home
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local import ports, processes
from sync_hostaway.local.access import platform
from sync_hostaway.local.component import COMPONENTS, SUPERVISOR
from sync_hostaway.local.health import ComponentStatus, PlatformStatus
from sync_hostaway.local.platform import Platform
from sync_hostaway.local.postgres import EmbeddedPostgres, PostgresStatus

ELSEWHERE = "postgresql://me:hush@db.example/warehouse"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    home.make()
    ports.choose(home, "airflow")
    ports.choose(home, "postgres")
    return home


def test_the_embedded_warehouse_has_the_homes_key(home: Home) -> None:
    environment = platform().env()
    assert environment["WAREHOUSE_URL"] == EmbeddedPostgres(home.root).dsn("warehouse") == get_settings().warehouse_dsn
    assert environment["AIRFLOW__HOSTAWAY__SECRET_KEYS"] == ",".join(get_settings().fernet_keys())


@pytest.mark.parametrize("name", ["WAREHOUSE_URL", "AIRFLOW__HOSTAWAY__WAREHOUSE_URL"])
def test_a_warehouse_elsewhere_has_its_own_key(home: Home, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, ELSEWHERE)
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", "new,old")
    get_settings.cache_clear()
    running = platform()
    assert running.warehouse_dsn() == running.env()["WAREHOUSE_URL"] == ELSEWHERE
    assert running.env()["AIRFLOW__HOSTAWAY__SECRET_KEYS"] == "new,old"


@pytest.mark.parametrize("keys", [None, "", " , "])
def test_a_warehouse_elsewhere_without_a_key_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch, keys: str | None
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", ELSEWHERE)
    if keys is not None:
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", keys)
    get_settings.cache_clear()
    running = platform()
    with pytest.raises(ConfigurationError, match="AIRFLOW__HOSTAWAY__SECRET_KEYS") as refused:
        running.start()
    assert "hush" not in str(refused.value)
    assert running.status().stopped
    with pytest.raises(ConfigurationError):
        running.env()


def test_the_status_says_where_the_password_is_and_not_the_password(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = ComponentStatus("postgres", running=True, pid=1, uptime=1.0)
    up = PlatformStatus((postgres,), healthy=True, airflow_url="http://127.0.0.1:8291", home=home.root)
    monkeypatch.setattr(Platform, "status", lambda _: up)
    platform()._setup().write_files()
    shown = CliRunner().invoke(app, ["status"]).stdout
    assert "http://127.0.0.1:8291" in shown
    found = re.search(r"Log in as (\w+); the password is in (\S+)", shown)
    assert found is not None
    assert json.loads(Path(found[2]).read_text(encoding="utf-8"))[found[1]] == platform().admin_password
    assert platform().admin_password not in shown


@pytest.mark.parametrize("is_supervised", [True, False])
def test_the_status_lists_the_supervisor_and_tells_when_it_is_missing(
    home: Home, monkeypatch: pytest.MonkeyPatch, *, is_supervised: bool
) -> None:
    for component in COMPONENTS:
        processes.write_record(home, component.name, os.getpid())
    if is_supervised:
        processes.write_record(home, SUPERVISOR, os.getpid())
    monkeypatch.setattr(EmbeddedPostgres, "status", lambda _: PostgresStatus(running=True, pid=1, port=1, uptime=1.0))
    now = platform().status()
    assert now.running
    assert now.is_supervised is is_supervised
    assert [part.running for part in now.components if part.name == SUPERVISOR] == [is_supervised]
    shown = CliRunner().invoke(app, ["status"]).stdout
    assert SUPERVISOR in shown
    assert ("The supervisor does not run" in shown) is not is_supervised
    listed = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)["components"]
    assert {part["name"]: part["running"] for part in listed}[SUPERVISOR] is is_supervised


def test_the_api_of_the_settings_is_the_tasks(home: Home) -> None:
    assert "HOSTAWAY_API_URL" not in Platform(home.root, home.root).env()
    env = Platform(home.root, home.root, api_url="http://127.0.0.1:9").env()
    assert env["HOSTAWAY_API_URL"] == "http://127.0.0.1:9"
