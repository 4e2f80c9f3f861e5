"""A mirror of accounts 701 and 702, as a first sync and transform leave it, and the API before it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import psycopg
import pytest
from cryptography.fernet import Fernet
from fastapi.testclient import TestClient

from api_helpers import Issue, RecordedRuns
from databases import create_database, drop_database, rename_database
from sync_hostaway.accounts import api_tokens
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.api import account_session as account_rows
from sync_hostaway.api.app import create_app
from sync_hostaway.api.routes import health
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator import RunningSimulator, SimulatorConfig, Sizes, running
from sync_hostaway.simulator.http import pipeline
from sync_hostaway.transforms import run_transform

DATABASE = "w_api"
SECRET_KEY = Fernet.generate_key().decode()
# What the API serves; in the order in which a sync reads them.
RESOURCES = [
    Resource.LISTINGS,
    Resource.RESERVATIONS,
    Resource.CONVERSATIONS,
    Resource.MESSAGES,
    Resource.CALENDAR_DAYS,
]


@pytest.fixture(scope="session")
def mirror_template(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a warehouse with both accounts in its core tables, to copy."""
    name = f"template_{DATABASE}"
    # As in the fixture `simulator`, whose data therefore is the same.
    config = SimulatorConfig(sizes=Sizes(listings=4, reservations=60, conversations=40), token_delay=0.0)
    with (
        pytest.MonkeyPatch.context() as patch,
        running(config) as simulator,
        psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin,
    ):
        create_database(admin, DATABASE, "template_warehouse")
        patch.setenv("SYNC_HOSTAWAY_HOME", str(tmp_path_factory.mktemp("dbt-home")))
        patch.setenv("WAREHOUSE_URL", postgres.dsn(DATABASE))
        patch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", SECRET_KEY)
        patch.setenv("HOSTAWAY_API_URL", simulator.url)
        patch.setattr("sync_hostaway.hostaway.client.TOKEN_SETTLING", 0)
        patch.setenv("AIRFLOW__HOSTAWAY__CALENDAR_DAYS_BACK", "2")
        patch.setenv("AIRFLOW__HOSTAWAY__CALENDAR_DAYS_AHEAD", "40")
        get_settings.cache_clear()
        with connect() as connection:
            for account_id in (701, 702):
                add_account(connection, account_id, f"secret-{account_id}")
                sync_account(connection, account_id, Mode.FULL, RESOURCES)
            run_transform(connection, requested_by="template")
            # Each test's simulator issues its own.
            connection.execute("delete from ops.secrets where name = 'access_token'")
        rename_database(admin, DATABASE, name)
        get_settings.cache_clear()
    return name


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warehouse that is slow for once is no reason to answer 503 in a test."""
    for module in (account_rows, health):
        monkeypatch.setattr(module, "_POOL_TIMEOUT", 60.0)


@pytest.fixture
def warehouse_dsn(
    postgres: EmbeddedPostgres, mirror_template: str, own_settings: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A fresh copy of the mirror, which the settings point to."""
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:
        create_database(admin, DATABASE, mirror_template)
        dsn = postgres.dsn(DATABASE)
        monkeypatch.setenv("WAREHOUSE_URL", dsn)
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", SECRET_KEY)
        get_settings.cache_clear()
        yield dsn
        drop_database(admin, DATABASE)


@pytest.fixture
def issue(warehouse: Connection) -> Issue:
    """Issues an API token and gives its text: `issue(701, Scope.READ_CALENDAR)`; without scopes, all of them."""

    def issue(account_id: int = 701, *scopes: Scope) -> str:
        text, _ = api_tokens.issue(warehouse, account_id, "test", scopes or list(Scope), None)
        return text

    return issue


@pytest.fixture
def recorded_runs() -> RecordedRuns:
    return RecordedRuns()


@pytest.fixture
def client(warehouse_dsn: str, issue: Issue, recorded_runs: RecordedRuns) -> Iterator[TestClient]:
    """The API as account 701's application, with every scope."""
    headers = {"Authorization": f"Bearer {issue(701)}"}
    with TestClient(create_app(recorded_runs), headers=headers, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def answer_now(simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hostaway's `slow` answers come when this is set, however long the test takes until then."""
    now = threading.Event()

    async def wait(_: float) -> None:
        while not now.is_set():
            await asyncio.sleep(0.01)

    monkeypatch.setattr(pipeline, "asyncio", SimpleNamespace(sleep=wait))
    yield now
    now.set()


@pytest.fixture
def reservation(warehouse: Connection) -> int:
    """A reservation with a conversation."""
    row = warehouse.execute(
        "select reservation_id from hostaway.conversations where account_id = 701 order by 1 limit 1"
    ).fetchone()
    assert row
    return int(row["reservation_id"])
