"""The HTTP API in a real Airflow: one POST adds an account, and no caller gets data of others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from psycopg import sql

from sync_hostaway import migrations
from sync_hostaway.accounts.secrets.store import ACCESS_TOKEN, WEBHOOK_PASSWORD, DatabaseSecretsStore
from sync_hostaway.accounts.snapshot import Snapshot, load_snapshot
from sync_hostaway.core.db import connect
from sync_hostaway.core.home_secrets import Secrets
from sync_hostaway.local.platform import Platform
from sync_hostaway.migrations.api_login import LOGIN
from sync_hostaway.simulator import RunningSimulator, SimulatorConfig, Sizes, running
from waiting import eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
API_KEY = "planted-api-key-of-account-701"
MINT = """
import sys
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
print(create_auth_manager().generate_jwt(SimpleAuthManagerUser(username="operator", role=sys.argv[1])))
"""

Call = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    sizes = Sizes(listings=3, reservations=40, conversations=20)
    with running(SimulatorConfig(accounts={701: API_KEY}, sizes=sizes, token_delay=0.0)) as simulator:
        yield simulator


def migrate(dsn: str) -> None:
    migrations.upgrade(dsn)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, simulator: RunningSimulator) -> Iterator[Platform]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WAREHOUSE_URL", "PUBLIC_BASE_URL"):
            patch.delenv(name, raising=False)
        running = Platform(tmp_path_factory.mktemp("home"), ROOT, api_url=simulator.url)
        running.start(prepare=migrate)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture(scope="module")
def login(platform: Platform) -> Callable[[str], dict[str, str]]:
    """Gives the header of a user with a role of Airflow's."""

    def login(role: str) -> dict[str, str]:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MINT, role],
            env=platform.env(),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return {"Authorization": f"Bearer {done.stdout.split()[-1]}"}

    return login


@pytest.fixture(scope="module")
def operator(platform: Platform, login: Callable[[str], dict[str, str]]) -> Call:
    """Calls the API as an operator; headers that are given win."""
    own = login("op")

    def call(method: str, path: str, **options: Any) -> requests.Response:
        headers = {**own, **options.pop("headers", {})}
        return requests.request(
            method, f"{platform.airflow_url}/hostaway{path}", headers=headers, timeout=60, **options
        )

    return call


@pytest.fixture(scope="module")
def mirrored(platform: Platform, operator: Call) -> dict[str, Any]:
    """Account 701 as one POST brought it in: its state when the first sync was complete and transformed."""
    answer = operator("POST", "/v1/accounts", json={"client_id": 701, "client_secret": API_KEY, "name": "Seaside"})
    assert answer.status_code == 201, answer.text

    def complete() -> dict[str, Any] | None:
        state: dict[str, Any] = operator("GET", "/v1/accounts/701").json()
        statuses = {resource["resource"]: resource["status"] for resource in state["resources"]}
        is_done = len(statuses) >= 5 and set(statuses.values()) == {"complete"}
        return state if is_done and state["lag_seconds"] is not None else None

    return eventually(complete, 180, every=0.2)


def test_one_post_makes_the_dag_and_runs_the_first_full_sync(platform: Platform, mirrored: dict[str, Any]) -> None:
    with platform.api() as api:
        [run] = [found for found in api.dag_runs("hostaway_sync__701") if found.run_id.startswith("first__")]
        assert run.conf == {"mode": "full"}
        eventually(lambda: api.dag_run("hostaway_sync__701", run.run_id).state == "success", 90)
    assert {resource["mode"] for resource in mirrored["resources"]} == {"full"}


def test_the_webhook_is_registered_automatically(operator: Call, mirrored: dict[str, Any]) -> None:
    assert eventually(lambda: operator("GET", "/v1/accounts/701").json()["webhook"]["state"] == "registered", 90)


def test_an_application_reads_its_account_with_a_token(
    platform: Platform, operator: Call, mirrored: dict[str, Any]
) -> None:
    body = {"name": "Site", "scopes": ["read:reservations"]}
    issued = operator("POST", "/v1/accounts/701/tokens", json=body).json()
    as_app = {"Authorization": f"Bearer {issued['token']}"}

    def reservations() -> list[dict[str, Any]] | None:
        answer = operator("GET", "/v1/reservations", headers=as_app)
        # Until a first transform has made the tables there is no data yet.
        assert answer.status_code in (200, 503), answer.text
        found: list[dict[str, Any]] | None = answer.json().get("reservations")
        return found

    # A token may ask ten times a second.
    eventually(reservations, 90, every=0.2)
    with connect(platform.warehouse_dsn()) as connection:
        query = "select usename from pg_stat_activity where application_name = 'sync-hostaway api'"
        assert LOGIN in {row["usename"] for row in connection.execute(query)}
    assert operator("GET", "/v1/accounts", headers=as_app).status_code == 401


def test_who_may_not_manage_connections_gets_nothing(
    platform: Platform, operator: Call, login: Callable[[str], dict[str, str]]
) -> None:
    body, viewer = {"client_id": 702, "client_secret": "x"}, login("viewer")
    for method, options in (("GET", {}), ("POST", {"json": body})):
        assert operator(method, "/v1/accounts", headers={"Authorization": ""}, **options).status_code == 401
        assert operator(method, "/v1/accounts", headers={"Authorization": "Bearer x.y.z"}, **options).status_code == 401
        assert operator(method, "/v1/accounts", headers=viewer, **options).status_code == 403
    password = {"username": "admin", "password": platform.admin_password}
    token = requests.post(f"{platform.airflow_url}/auth/token", json=password, timeout=30).json()["access_token"]
    assert operator("GET", "/v1/accounts", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_airflow_keeps_no_secret_of_ours(platform: Platform, mirrored: dict[str, Any]) -> None:
    with connect(platform.warehouse_dsn()) as connection:
        store = DatabaseSecretsStore(connection, Secrets.ensure(platform.home).hostaway_secret_keys.split(","))
        secrets = {
            "API key": API_KEY,
            "access token": json.loads(store.get(701, ACCESS_TOKEN) or "")["value"],
            "webhook password": store.get(701, WEBHOOK_PASSWORD) or "",
            "Fernet key": Secrets.ensure(platform.home).hostaway_secret_keys,
            "warehouse's password": Secrets.ensure(platform.home).postgres_password,
            "password of the API's login": Secrets.ensure(platform.home).api_login_password,
        }
    assert all(len(secret) > 15 for secret in secrets.values())
    # XComs, rendered fields, run conf, serialized Dags and the audit log are all in Airflow's database.
    with psycopg.connect(platform.postgres.dsn("airflow")) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        places = {}
        for (table,) in tables:
            query = sql.SQL("select coalesce(string_agg(to_jsonb(whole)::text, ' '), '') from {} as whole")
            [(places[table],)] = connection.execute(query.format(sql.Identifier(table))).fetchall()
    assert {"xcom", "rendered_task_instance_fields", "dag_run", "serialized_dag", "log"} <= places.keys()
    assert "hostaway_sync__701" in places["xcom"] + places["dag_run"]
    logs = [file for file in platform.home.root.rglob("*.log") if file.is_file()]
    assert any("hostaway_sync__701" in str(file) for file in logs)
    places |= {str(file): file.read_text(encoding="utf-8", errors="replace") for file in logs}
    leaks = {place: name for place, text in places.items() for name, secret in secrets.items() if secret in text}
    assert leaks == {}


def test_a_purge_leaves_nothing_here_and_no_webhook_there(
    platform: Platform, operator: Call, mirrored: dict[str, Any]
) -> None:
    eventually(lambda: operator("GET", "/v1/accounts/701").json()["webhook"]["state"] == "registered", 90)

    def purge() -> dict[str, Any] | None:
        answer = operator("DELETE", "/v1/accounts/701", params={"purge": "true", "confirm": "Seaside"})
        # hostaway_nightly may be running, and is not interrupted.
        assert answer.ok or answer.json()["type"].endswith(":busy"), answer.text
        return answer.json() if answer.ok else None

    purged = eventually(purge, 240)
    assert purged["rows"]["landing.reservations"] == 40
    assert purged["left"] == []
    assert operator("GET", "/v1/accounts/701").status_code == 404
    with connect(platform.warehouse_dsn()) as connection:
        assert connection.execute("select 1 from hostaway.reservations").fetchone() is None
    # What the Dags are made from; Airflow drops its Dag a minute or two later.
    eventually(lambda: (load_snapshot(platform.home.root / "accounts.json") or Snapshot()).accounts == [], 60)
