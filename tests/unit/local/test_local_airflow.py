"""Airflow's environment: complete, cut off from the caller's Airflow, silent towards the outside."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync_hostaway.core.exceptions import ConfigurationError, HomeNotUsable
from sync_hostaway.core.home import Home, read_json
from sync_hostaway.core.home_secrets import Secrets
from sync_hostaway.local.airflow import EXECUTOR, AirflowSetup
from sync_hostaway.local.processes import MARKER

SHORT = {
    "HOME": "SYNC_HOSTAWAY_HOME",
    "SECRET_KEYS": "AIRFLOW__HOSTAWAY__SECRET_KEYS",
    "API_URL": "HOSTAWAY_API_URL",
    "ACCOUNTS": "HOSTAWAY_ACCOUNTS",
}


@pytest.fixture
def setup(tmp_path: Path) -> AirflowSetup:
    home = Home.at(tmp_path / "h")
    home.make()
    return AirflowSetup(
        home=home,
        project_root=tmp_path / "project",
        port=20001,
        airflow_dsn="postgresql://u:p@127.0.0.1:1/airflow",
        warehouse_dsn="postgresql://u:p@127.0.0.1:1/warehouse",
        secret_keys="the-key",
        secrets=Secrets.ensure(home),
    )


def test_everything_is_inside_the_home(setup: AirflowSetup) -> None:
    environment = setup.environment({})
    home = str(setup.home.root)
    for name in (
        "AIRFLOW_HOME",
        "SYNC_HOSTAWAY_HOME",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
        MARKER,
    ):
        assert environment[name].startswith(home), name


def test_the_callers_airflow_stays_outside(setup: AirflowSetup) -> None:
    foreign = {
        "AIRFLOW_HOME": "/elsewhere",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": "redis://elsewhere",
        "_AIRFLOW__AS_LIBRARY": "1",
        "PYTHONPATH": "/elsewhere",
        "PYTHONHOME": "/elsewhere",
        "PGHOSTADDR": "192.0.2.1",
        "DBT_PROFILES_DIR": "/elsewhere",
    }
    environment = setup.environment(foreign)
    assert not {"PYTHONPATH", "PYTHONHOME", "PGHOSTADDR", "DBT_PROFILES_DIR", "_AIRFLOW__AS_LIBRARY"} & set(environment)
    assert "AIRFLOW__CELERY__BROKER_URL" not in environment
    assert environment["AIRFLOW__CORE__EXECUTOR"] == EXECUTOR


def test_our_own_settings_pass_through(setup: AirflowSetup) -> None:
    wanted = {
        "PUBLIC_BASE_URL": "https://example.com",
        "AIRFLOW__HOSTAWAY__PHOTOS": "false",
        "AIRFLOW_CONN_HOSTAWAY_701": "{}",
        "PATH": "/bin",
    }
    assert wanted.items() <= setup.environment(wanted).items()


@pytest.mark.parametrize("prefix", ["", "AIRFLOW__HOSTAWAY__"])
def test_the_platform_decides_where_tasks_work(setup: AirflowSetup, prefix: str) -> None:
    names = ("HOME", "AIRFLOW_PORT", "WAREHOUSE_URL", "SECRET_KEYS", "API_URL", "ACCOUNTS")
    callers = {f"{prefix}{name}" if prefix else SHORT.get(name, name): "caller's" for name in names}
    environment = replace(setup, api_url="http://127.0.0.1:9").environment(callers | {"HOME": "/home/me"})
    assert environment["HOME"] == "/home/me"
    assert "caller's" not in environment.values()
    assert environment["WAREHOUSE_URL"] == setup.warehouse_dsn
    assert environment["AIRFLOW__HOSTAWAY__SECRET_KEYS"] == "the-key"
    assert environment["HOSTAWAY_API_URL"] == "http://127.0.0.1:9"


def test_no_component_gets_api_keys(setup: AirflowSetup) -> None:
    keys = {"HOSTAWAY_ACCOUNTS": "701:hush", "AIRFLOW__HOSTAWAY__ACCOUNTS": "701:hush"}
    assert not any("hush" in value for value in setup.environment(keys).values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW__COSMOS__ENABLE_TELEMETRY", "False"),
        ("DBT_SEND_ANONYMOUS_USAGE_STATS", "false"),
        ("DO_NOT_TRACK", "1"),
        ("SCARF_ANALYTICS", "false"),
    ],
)
def test_nothing_is_reported(setup: AirflowSetup, name: str, value: str) -> None:
    assert setup.environment({name: "on"})[name] == value


def test_loopback_never_goes_through_a_proxy(setup: AirflowSetup) -> None:
    environment = setup.environment({"HTTP_PROXY": "http://proxy:1", "no_proxy": "example.com"})
    assert environment["no_proxy"] == "example.com,127.0.0.1,localhost"
    assert environment["NO_PROXY"] == "127.0.0.1,localhost"
    assert environment["HTTP_PROXY"] == "http://proxy:1"


SOCKS = {"ALL_PROXY": "socks5h://proxy:1080", "all_proxy": "socks5h://proxy:1080"}


@pytest.mark.parametrize(
    ("api_url", "others"),
    [
        # A simulator on this machine: no proxy is used.
        ("http://127.0.0.1:9", {}),
        # HTTPS_PROXY counts before ALL_PROXY.
        (None, {"https_proxy": "http://proxy:3128"}),
        (None, {"HTTPS_PROXY": "proxy:3128"}),
    ],
)
def test_a_proxy_on_which_tasks_would_fail_is_left_out_if_it_is_not_used(
    setup: AirflowSetup, monkeypatch: pytest.MonkeyPatch, api_url: str | None, others: dict[str, str]
) -> None:
    environment = replace(setup, api_url=api_url).environment({**SOCKS, **others})
    assert not SOCKS.keys() & environment.keys()
    assert others.items() <= environment.items()
    for name in (*SOCKS, *others, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        if name.lower().endswith("_proxy"):
            monkeypatch.setenv(name, value)
    # The client of Airflow's tasks
    httpx.Client().close()


@pytest.mark.parametrize(
    "value",
    ["socks5://proxy:1080", "socks4://proxy", "socks9://proxy", "http://proxy:port", "http://:3128", "http://[::1"],
)
def test_a_proxy_on_which_tasks_would_fail_is_refused_if_it_is_used(setup: AirflowSetup, value: str) -> None:
    for caller in ({"ALL_PROXY": value}, {"https_proxy": value, "http_proxy": "http://proxy:1"}):
        with pytest.raises(ConfigurationError, match="HTTP proxies only") as refused:
            setup.environment(caller)
        assert value not in str(refused.value)


def test_the_bundle_is_the_project(setup: AirflowSetup) -> None:
    (bundle,) = json.loads(setup.environment({})["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert bundle["name"] == "hostaway"
    assert bundle["kwargs"] == {"path": str(setup.project_root)}


def test_the_password_is_ours(setup: AirflowSetup) -> None:
    setup.write_files()
    assert read_json(setup.home.airflow / "passwords.json") == {"admin": setup.secrets.admin_password}
    assert setup.secrets.admin_password not in (setup.home.airflow / "airflow.cfg").read_text()


@example("$HOME")
@example("a${HOME}b")
@example("100 $ or $x")
@given(st.text("$ {}HOMEx_%'\"", min_size=1, max_size=12))
def test_a_folder_is_refused_or_used_as_it_is_called(name: str) -> None:
    """Airflow replaces variables in all that it is configured with."""
    with TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        home = Home.at(Path(temporary) / name)
        setup = AirflowSetup(home, Path(temporary), 20001, "", "", "", Secrets.ensure(home))
        try:
            environment = setup.environment({"HOME": "/home/me"})
        except HomeNotUsable:
            assert "$" in name
            return
        for variable in list(os.environ):
            patch.delenv(variable)
        for variable, value in environment.items():
            patch.setenv(variable, value)
        assert os.path.expandvars(environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"]) == f"{home.airflow}/logs"


def test_an_ordinary_folder_with_a_dollar_is_no_reason_to_refuse(setup: AirflowSetup) -> None:
    priced = replace(setup, project_root=Path("/srv/5$ a day"))
    assert priced.environment({})["AIRFLOW__CORE__DAGS_FOLDER"] == "/srv/5$ a day/dags"
