"""Shared fixtures: one PostgreSQL per test session, one fresh migrated database per test that asks."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import sleep

import hypothesis
import psycopg
import pytest
import structlog
from cryptography.fernet import Fernet

from api_helpers import Login
from databases import Server, create_database, drop_database, running_server
from sync_hostaway import migrations
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.settings import SHORT_NAMES, get_settings
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator import RunningSimulator, SimulatorConfig, Sizes, running

# Workers of pytest-xdist have it, and rich keeps the width it finds when it is imported.
os.environ.pop("COLUMNS", None)
# An example that takes long says something about the machine, and nothing about the code. And the same ones every time:
# a test that fails now and then says nothing about the change it failed on.
hypothesis.settings.register_profile(
    "any machine", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests need comes with the project: a test that is skipped is a gap, and is shown as one."""
    skipped = len(terminalreporter.stats.get("skipped", []))
    if skipped:
        terminalreporter.write_line(f"{skipped} skipped: what they test may not work.", yellow=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin no test in the last minute of a day in UTC: on another day, a sync reads again what it has read."""
    now = datetime.now(UTC)
    left = datetime.combine(now.date() + timedelta(days=1), time.min, UTC) - now
    if left < timedelta(minutes=1):
        sleep(left.total_seconds())


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No test sees the settings of the machine, nor those of another test."""
    for name in list(os.environ):
        if name in SHORT_NAMES.values() or name.startswith("AIRFLOW__HOSTAWAY__"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SYNC_HOSTAWAY_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()
    # A command that ran in this process has pointed the log at the stderr of its own test.
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The PostgreSQL of this session, with a migrated database `template_warehouse` to copy."""
    with running_server(tmp_path_factory.mktemp("postgres")) as server:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            for name in ("template_warehouse", "airflow_of_tests"):
                drop_database(connection, name)
            connection.execute("create database template_warehouse")
        migrations.upgrade(server.dsn("template_warehouse"))
        yield server


@pytest.fixture
def embedded_postgres(postgres: Server) -> EmbeddedPostgres:
    """The PostgreSQL of this session, for tests that ask about its process or its home."""
    if not isinstance(postgres, EmbeddedPostgres):
        pytest.skip("needs the embedded server, and TEST_POSTGRES_URL names another")
    return postgres


@pytest.fixture
def warehouse_dsn(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A fresh migrated warehouse, which the settings point to."""
    name = f"w_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        create_database(connection, name, "template_warehouse")
        dsn = postgres.dsn(name)
        monkeypatch.setenv("WAREHOUSE_URL", dsn)
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", Fernet.generate_key().decode())
        get_settings.cache_clear()
        yield dsn
        drop_database(connection, name)


@pytest.fixture
def warehouse(warehouse_dsn: str) -> Iterator[Connection]:
    """A connection to the fresh warehouse."""
    with connect(warehouse_dsn) as connection:
        yield connection


@pytest.fixture
def sizes() -> Sizes:
    """Of each account of the simulator."""
    return Sizes(listings=4, reservations=60, conversations=40)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch, sizes: Sizes) -> Iterator[RunningSimulator]:
    """A small Hostaway with accounts 701 and 702, which the settings point to."""
    with running(SimulatorConfig(sizes=sizes, token_delay=0.0)) as server:
        monkeypatch.setenv("HOSTAWAY_API_URL", server.url)
        monkeypatch.setattr("sync_hostaway.hostaway.client.TOKEN_SETTLING", 0)
        monkeypatch.setattr("sync_hostaway.hostaway.client.MAX_RETRY_WAIT", 0.05)
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__CALENDAR_DAYS_BACK", "2")
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__CALENDAR_DAYS_AHEAD", "7")
        get_settings.cache_clear()
        yield server


@pytest.fixture
def account(warehouse: Connection, simulator: RunningSimulator) -> int:
    """Account 701 of the simulator, registered in the fresh warehouse."""
    add_account(warehouse, 701, "secret-701")
    return 701


@pytest.fixture(scope="session")
def airflow_database(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A migrated database of Airflow, for reading only; returns the environment that leads to it."""
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute("create database airflow_of_tests")
    home = tmp_path_factory.mktemp("airflow")
    (home / "airflow.cfg").touch()
    url = postgres.dsn("airflow_of_tests").replace("postgresql://", "postgresql+psycopg2://", 1)
    environment = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": uuid.uuid4().hex * 2,
    }
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "airflow", "db", "migrate"],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        timeout=180,
    )
    # Otherwise a test would find the rows of another one. A copy of the database does not get this setting.
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute("alter database airflow_of_tests set default_transaction_read_only = on")
    return environment


@pytest.fixture(scope="session")
def airflow_copy(postgres: Server, airflow_database: dict[str, str]) -> Iterator[Callable[[], dict[str, str]]]:
    """Copies the migrated database of Airflow; returns the environment that leads to the copy.

    A test whose Airflow writes takes a copy. Every process of Airflow writes, for example Dags and runs.
    """
    made: list[str] = []
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:

        def copy() -> dict[str, str]:
            made.append(f"airflow_{uuid.uuid4().hex[:12]}")
            create_database(admin, made[-1], "airflow_of_tests")
            url = postgres.dsn(made[-1]).replace("postgresql://", "postgresql+psycopg2://", 1)
            return {**airflow_database, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url}

        yield copy
        for name in made:
            drop_database(admin, name)


@pytest.fixture
def airflow(airflow_database: dict[str, str]) -> Iterator[Path]:
    """Airflow in this process, which can only read its database; returns its home."""
    with airflow_in_this_process(airflow_database) as home:
        yield home


@pytest.fixture
def airflow_that_writes(airflow_copy: Callable[[], dict[str, str]]) -> Iterator[Path]:
    """Airflow in this process, with a database of its own; returns its home."""
    with airflow_in_this_process(airflow_copy()) as home:
        yield home


@contextmanager
def airflow_in_this_process(environment: dict[str, str]) -> Iterator[Path]:
    """Airflow as its API server has it: configured, with a database; returns its home."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        for name, value in environment.items():
            patch.setenv(name, value)
        # What Airflow's own servers and commands say of themselves, so that its database is among the places it reads.
        patch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
        warnings.simplefilter("ignore")
        from airflow import settings

        settings.configure_vars()
        settings.configure_orm()
        yield Path(environment["AIRFLOW_HOME"])
        settings.dispose_orm()


@pytest.fixture
def login(airflow: Path) -> Login:
    """Logs a role of Airflow's simple auth manager in; returns the header to send."""
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    manager = create_auth_manager()

    def login(role: str, seconds: int = 600) -> dict[str, str]:
        user = SimpleAuthManagerUser(username=f"{role}-person", role=role)
        return {"Authorization": f"Bearer {manager.generate_jwt(user, expiration_time_in_seconds=seconds)}"}

    return login
