"""A slow account, warehouse or Hostaway takes neither Airflow's threads nor those of other accounts."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import psycopg
import pytest
from anyio import from_thread, to_thread
from anyio.abc import TaskGroup
from fastapi import FastAPI

from api_helpers import Issue, Login, RecordedRuns
from sync_hostaway.accounts import credentials
from sync_hostaway.api.account_session import Pool
from sync_hostaway.api.app import create_app
from sync_hostaway.api.auth import api_token
from sync_hostaway.api.http.bulkheads import Bulkhead
from sync_hostaway.api.http.problems import Problem
from sync_hostaway.core.db import Connection
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

# Seconds in which something answers that does not wait; a busy machine takes longer than an idle one.
PROMPT = 15.0
Ask = Callable[..., Coroutine[Any, Any, httpx.Response]]


def serve(story: Callable[[Ask], Coroutine[Any, Any, None]]) -> None:
    """Our app mounted beside a blocking route of Airflow's, in one event loop, as in its API server."""
    ours = create_app(RecordedRuns())
    server = FastAPI()
    server.mount("/hostaway", ours)

    @server.get("/api/v2/dags")
    def dags() -> str:
        return "served"

    async def run() -> None:
        async with (
            ours.router.lifespan_context(ours),
            httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url="http://test", timeout=120) as client,
        ):

            async def ask(method: str, path: str, token: str | None = None, **options: Any) -> httpx.Response:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                return await client.request(method, path, headers=headers, **options)

            await story(ask)

    anyio.run(run)


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(PROMPT):
        while not condition():
            await anyio.sleep(0.02)


@asynccontextmanager
async def answered_at_the_end(answer_now: threading.Event) -> AsyncIterator[TaskGroup]:
    """A group of requests that wait for Hostaway, which answers at the end of the block.

    A failed assertion ends the block as well. Otherwise the group would wait for threads that nothing can cancel, and
    these would wait for an answer that only the end of the test allows.
    """
    async with anyio.create_task_group() as group:
        try:
            yield group
        finally:
            answer_now.set()


@pytest.mark.parametrize("table", ["hostaway.reservations", "ops.sync_runs"])
def test_a_locked_table_and_one_eager_account_delay_no_other(
    warehouse: Connection, warehouse_dsn: str, issue: Issue, table: str
) -> None:
    eager, other = issue(701), issue(702)
    found: dict[str, Any] = {"answers": []}
    # Who waits for the table.
    waiting = "select 1 from pg_locks where not granted and database = (select oid from pg_database where datname = %s)"

    async def story(ask: Ask) -> None:
        # Connected before the table is locked.
        assert (await ask("GET", "/hostaway/v1/reservations", eager)).status_code == 200
        with psycopg.connect(warehouse_dsn) as locker:
            locker.execute(f"lock table {table} in access exclusive mode")

            async def get() -> None:
                found["answers"].append(await ask("GET", "/hostaway/v1/reservations", eager))

            async with anyio.create_task_group() as group:
                for _ in range(60):
                    group.start_soon(get)
                await until(lambda: warehouse.execute(waiting, ("w_api",)).fetchone() is not None)
                assert to_thread.current_default_thread_limiter().borrowed_tokens == 0
                began = time.monotonic()
                assert (await ask("GET", "/api/v2/dags")).json() == "served"
                found["of airflow"] = time.monotonic() - began
                if table == "hostaway.reservations":
                    answer = await ask("GET", "/hostaway/v1/listings", other)
                    found["other account"] = (answer.status_code, answer.text)
                found["health"] = (await ask("GET", "/hostaway/health")).status_code
                assert len(found["answers"]) < 60
        # The table is free again, and so is the app.
        assert (await ask("GET", "/hostaway/v1/reservations", eager)).status_code == 200

    serve(story)
    assert found["of airflow"] < PROMPT
    if table == "hostaway.reservations":
        assert found["other account"][0] == 200, found["other account"]
    kinds = {(answer.status_code, answer.json()["type"].rsplit(":", 1)[1]) for answer in found["answers"]}
    assert kinds <= {(503, "busy"), (503, "warehouse-busy")}
    assert (503, "warehouse-busy") in kinds
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in found["answers"])


def test_many_requests_with_one_token_delay_the_lookup_of_no_other(
    warehouse: Connection, issue: Issue, answer_now: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, other = issue(701), issue(702)
    verify, lookups = api_token._verify, []

    def wait_for_eager(pool: Pool, presented: str) -> Any:
        if presented == eager:
            lookups.append(presented)
            assert answer_now.wait(60)
        return verify(pool, presented)

    monkeypatch.setattr(api_token, "_verify", wait_for_eager)

    async def story(ask: Ask) -> None:
        async with answered_at_the_end(answer_now) as group:
            for _ in range(60):
                group.start_soon(ask, "GET", "/hostaway/v1/listings", eager)
            await until(lambda: bool(lookups))
            assert (await ask("GET", "/hostaway/v1/listings", other)).status_code == 200

    serve(story)


def test_a_slow_hostaway_at_registration_takes_no_thread_of_airflow(
    warehouse: Connection, simulator: RunningSimulator, login: Login, answer_now: threading.Event
) -> None:
    simulator.control.fault("slow", match={"method": "POST", "resource": "accessTokens"}, times=0)
    operator = login("op")["Authorization"].removeprefix("Bearer ")
    answers: list[httpx.Response] = []

    async def story(ask: Ask) -> None:
        async def register() -> None:
            body = {"client_id": 701, "client_secret": "secret-701"}
            answers.append(await ask("POST", "/hostaway/v1/accounts", operator, json=body))

        async with answered_at_the_end(answer_now) as group:
            for _ in range(20):
                group.start_soon(register)
            await until(lambda: any(answer.status_code == 503 for answer in answers))
            assert to_thread.current_default_thread_limiter().borrowed_tokens == 0
            assert (await ask("GET", "/api/v2/dags")).json() == "served"
            assert (await ask("GET", "/hostaway/v1/accounts", operator)).status_code == 200

    serve(story)
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert any(answer.status_code == 200 for answer in answers)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.json()["type"] for answer in refused} == {"urn:sync-hostaway:problem:busy"}
    assert all(answer.headers["Retry-After"] for answer in refused)


def test_a_registration_does_not_wait_for_hostaway_for_minutes(
    warehouse: Connection, simulator: RunningSimulator, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "_TIME_LIMIT", 0.5)
    simulator.control.fault("slow", seconds=60, match={"method": "POST", "resource": "accessTokens"}, times=0)
    operator = login("op")["Authorization"].removeprefix("Bearer ")

    async def story(ask: Ask) -> None:
        with anyio.fail_after(30):
            body = {"client_id": 703, "client_secret": "secret-703"}
            answer = await ask("POST", "/hostaway/v1/accounts", operator, json=body)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:sync-hostaway:problem:hostaway-unavailable")

    serve(story)
    assert warehouse.execute("select from ops.accounts where account_id = 703").fetchone() is None


def test_routes_that_wait_for_hostaway_leave_places_to_every_other_operator_route(
    warehouse: Connection, simulator: RunningSimulator, login: Login, answer_now: threading.Event
) -> None:
    simulator.control.fault("slow", match={"method": "POST", "resource": "accessTokens"}, times=0)
    operator = login("op")["Authorization"].removeprefix("Bearer ")
    refused: set[str] = set()
    others: dict[str, int] = {}

    async def story(ask: Ask) -> None:
        async def wait_for_hostaway(method: str, path: str, body: dict[str, Any]) -> None:
            if (await ask(method, path, operator, json=body)).status_code == 503:
                refused.add(method)

        async with answered_at_the_end(answer_now) as group:
            for _ in range(6):
                body = {"client_id": 701, "client_secret": "secret-701"}
                group.start_soon(wait_for_hostaway, "POST", "/hostaway/v1/accounts", body)
                group.start_soon(
                    wait_for_hostaway, "PATCH", "/hostaway/v1/accounts/702", {"client_secret": "secret-702"}
                )
            # Both routes have taken their whole share.
            await until(lambda: refused == {"POST", "PATCH"})
            for method, path in (
                ("DELETE", "/hostaway/v1/accounts/999?purge=true&confirm=999"),
                ("POST", "/hostaway/v1/accounts/999/guests/1/erase"),
                ("GET", "/hostaway/v1/accounts"),
                ("GET", "/hostaway/v1/accounts/701/tokens"),
                ("GET", "/hostaway/v1/webhook-events"),
            ):
                others[f"{method} {path}"] = (await ask(method, path, operator)).status_code

    serve(story)
    assert set(others.values()) == {200, 404}, others


def test_one_operator_route_that_waits_for_a_table_leaves_places_to_the_others(
    warehouse: Connection, warehouse_dsn: str, login: Login
) -> None:
    operator = login("op")["Authorization"].removeprefix("Bearer ")
    found: dict[str, int] = {}
    waiting = "select 1 from pg_locks where not granted and relation = 'ops.webhook_events'::regclass"

    async def story(ask: Ask) -> None:
        with psycopg.connect(warehouse_dsn) as locker:
            locker.execute("lock table ops.webhook_events in access exclusive mode")
            async with anyio.create_task_group() as group:
                for _ in range(12):
                    group.start_soon(ask, "GET", "/hostaway/v1/webhook-events", operator)
                await until(lambda: len(warehouse.execute(waiting).fetchall()) >= 4)
                found["tokens"] = (await ask("GET", "/hostaway/v1/accounts/701/tokens", operator)).status_code
                locker.rollback()

    serve(story)
    assert found == {"tokens": 200}


def test_work_after_an_answer_takes_no_thread_of_airflow(
    warehouse: Connection, simulator: RunningSimulator, login: Login
) -> None:
    operator = login("op")["Authorization"].removeprefix("Bearer ")
    borrowed: list[float] = []

    class Looking(RecordedRuns):
        def request_run(self, *arguments: Any, **options: Any) -> str:
            borrowed.append(from_thread.run_sync(lambda: to_thread.current_default_thread_limiter().borrowed_tokens))
            return super().request_run(*arguments, **options)

    async def run() -> None:
        app = create_app(Looking())
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", timeout=60) as client,
        ):
            body = {"client_id": 702, "client_secret": "secret-702"}
            headers = {"Authorization": f"Bearer {operator}"}
            assert (await client.post("/v1/accounts", json=body, headers=headers)).status_code == 200

    anyio.run(run)
    assert borrowed
    assert set(borrowed) == {0}


def test_a_bulkhead_gives_each_key_its_share_and_refuses_when_it_is_full() -> None:
    async def story() -> None:
        bulkhead = Bulkhead(limit=3, share=2, timeout=0.05)
        async with bulkhead.acquire("one"), bulkhead.acquire("one"):
            with pytest.raises(Problem) as refused:
                async with bulkhead.acquire("one"):
                    pass
            assert (refused.value.status, refused.value.kind) == (503, "busy")
            async with bulkhead.acquire("two"):
                with pytest.raises(Problem):
                    async with bulkhead.acquire("three"):
                        pass
            async with bulkhead.acquire("three"):
                pass
        for number in range(1000):
            async with bulkhead.acquire(number):
                pass
        assert len(bulkhead._shares) < 10

    anyio.run(story)
