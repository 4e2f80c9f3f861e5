"""No query about one account reads a large table to its end: its time must not grow with the other accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from benchmarks import generated, marts
from cryptography.fernet import Fernet
from fastapi.testclient import TestClient

from api_helpers import RecordedRuns
from landing_harness import LandingHarness
from sync_hostaway.accounts import api_tokens
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.airflow import auth_manager
from sync_hostaway.api.app import create_app
from sync_hostaway.core.db import connect
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.transforms import run_transform
from sync_hostaway.ui.app import create_app as create_page

pytestmark = pytest.mark.integration

LARGE = [
    *(f"landing.{name}" for name in ("reservations", "conversations", "messages", "calendar_days")),
    *(f"hostaway.{name}" for name in ("reservations", "conversations", "messages", "calendar_days")),
    *(f"hostaway.{name}" for name in ("guests", "reservation_guests")),
    *(f"marts.{name}" for name in ("listing_nights", "reservation_history", "message_response")),
    *(f"ops.{name}" for name in ("sync_runs", "loads", "webhook_events", "conversation_reads")),
]
ACCOUNTS, ACCOUNT = 40, 20
SHAPE = generated.Shape(listings=5, reservations=100, messages=4, days=30, days_back=100, span=130)
"""Small, and large enough that PostgreSQL prefers an index for a fortieth of a table."""


Work = Iterator[tuple[str, Callable[[], Any]]]
"""Names, and what is done under them. Each has connections of its own: their end brings PostgreSQL's counts."""


@pytest.fixture
def harness(harness: LandingHarness, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> LandingHarness:
    """40 generated accounts with a history of syncs, and account 701 of the simulator, which is not synced yet."""
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", Fernet.generate_key().decode())
    get_settings.cache_clear()
    generated.land(harness.connection, ACCOUNTS, SHAPE)
    harness.transform()
    generated.add_syncs(harness.connection, days=10)
    harness.connection.execute(
        "insert into ops.webhook_events (account_id, content_hash, state, event, object, object_id, finished_at) "
        "select 1 + n % 40, sha256(n::text::bytea), 'done', 'reservation.updated', 'reservation', n, now() "
        "from generate_series(1, 8000) as n"
    )
    harness.connection.execute(
        "insert into ops.loads (account_id, resource, sync_run_id, transform_id, transformed_at) "
        "select account_id, resource, sync_run_id, (select max(transform_id) from ops.transforms), now() "
        "from ops.sync_runs"
    )
    harness.connection.execute(
        "insert into ops.conversation_reads (account_id, conversation_id, stamp, run_key, messages) "
        "select account_id, conversation_id, '', '', 4 from hostaway.conversations"
    )
    add_account(harness.connection, 701, "secret-701")
    harness.connection.execute("vacuum analyze")
    return harness


def reads_to_the_end(harness: LandingHarness) -> dict[str, int]:
    """How often each large table was read to its end."""
    query = "select schemaname || '.' || relname as name, seq_scan from pg_stat_user_tables"
    return {name: reads for name, reads in harness.rows(query) if name in LARGE}


def test_no_query_of_one_account_reads_a_large_table_to_its_end(
    harness: LandingHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.connection.close()
    before, found = reads_to_the_end(harness), {}
    for name, work in (*syncs_and_transforms(harness), *analysis(harness), *requests(monkeypatch)):
        work()
        after = reads_to_the_end(harness)
        found[name] = {table: after[table] - before[table] for table in LARGE if after[table] != before[table]}
        before = after
    read = [f"{name}: {table}" for name, tables in found.items() for table in tables]
    assert not read, "\n".join(read)


def syncs_and_transforms(harness: LandingHarness) -> Work:
    def sync(mode: Mode) -> Callable[[], Any]:
        def work() -> None:
            with connect() as connection:
                assert all(result.is_complete for result in sync_account(connection, 701, mode))

        return work

    def transform(number: int, *, with_marts: bool) -> Callable[[], Any]:
        def work() -> None:
            with connect() as connection:
                chosen = generated.Chosen([ACCOUNT], [f"{ACCOUNT * 100_000 + 1}"])
                generated.change_reservations(connection, chosen, number)
            run_transform(harness.dsn, requested_by="test", marts=with_marts)

        return work

    def analyze_while_loads_are_claimed() -> None:
        """What autovacuum does when it comes in the middle of a transform."""
        with connect() as connection:
            connection.execute(
                "update ops.loads set transform_id = (select max(transform_id) from ops.transforms) "
                "where transformed_at is null"
            )
            connection.execute("analyze ops.loads")

    yield "full sync", sync(Mode.FULL)
    yield "statistics of claimed loads", analyze_while_loads_are_claimed
    yield "transform of a first sync", lambda: run_transform(harness.dsn, requested_by="test", marts=False)
    yield "sync in which nothing changed", sync(Mode.INCREMENTAL)
    yield "transform of one reservation", transform(1, with_marts=False)
    yield "transform of one reservation with marts", transform(2, with_marts=True)


def analysis(harness: LandingHarness) -> Work:
    for name in marts.QUERIES:
        yield f"marts.{name}", partial(harness.rows, marts.query(name, ACCOUNT))


def requests(monkeypatch: pytest.MonkeyPatch) -> Work:
    async def user_of(_token: str) -> Any:
        return SimpleNamespace(get_name=lambda: "operator")

    monkeypatch.setattr(auth_manager, "user_of", user_of)
    monkeypatch.setattr(auth_manager, "may_manage", lambda *_: True)
    monkeypatch.setattr(auth_manager, "readable_dags", lambda _user, dag_ids: dag_ids)
    with connect() as connection:
        token, _ = api_tokens.issue(connection, ACCOUNT, "test", list(Scope), None)

    def ask(make: Callable[[Any], Any], path: str) -> Callable[[], Any]:
        def work() -> None:
            with TestClient(make(RecordedRuns()), headers={"Authorization": f"Bearer {token}"}) as client:
                answer = client.get(path)
                assert answer.status_code == 200, answer.text

        return work

    listing, reservation = ACCOUNT * 100 + 1, ACCOUNT * 100_000 + 1
    for path in (
        f"/v1/calendar/{listing}",
        "/v1/listings",
        f"/v1/reservations/{reservation}",
        "/v1/reservations",
        f"/v1/reservations?listing_id={listing}&status=new",
        "/v1/reservations?updated_since=2026-01-01T00:00:00Z",
        f"/v1/conversations/{reservation}/messages",
        f"/v1/accounts/{ACCOUNT}",
    ):
        yield f"GET {path}", ask(create_app, path)
    for path in (f"/accounts/{ACCOUNT}", f"/accounts/{ACCOUNT}/data"):
        yield f"page {path}", ask(create_page, path)
