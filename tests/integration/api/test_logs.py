"""Logs of the API tell where something failed, and quote no row, no payload and no request."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from api_helpers import Login, RecordedRuns
from sync_hostaway.api.account_session import make_auth_pool, make_pool
from sync_hostaway.api.app import create_app
from sync_hostaway.api.routes import accounts, listings
from sync_hostaway.core.db import Connection
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events.inbox import Inbox

pytestmark = pytest.mark.integration

MARKER = "planted-marker"


class _Row(BaseModel):
    city: int


def _chained(city: str) -> None:
    try:
        int(city)
    except ValueError as error:
        raise RuntimeError(f"cannot read {city}") from error


@pytest.mark.parametrize(
    ("fail", "named"),
    [
        (int, "ValueError"),
        (lambda city: _Row(city=city), "ValidationError"),
        (lambda city: json.loads("{" + city), "JSONDecodeError"),
        (lambda city: {}[city], "KeyError"),
        (lambda city: city.encode("ascii").decode("utf-16"), "UnicodeDecodeError"),
        (_chained, "RuntimeError, because of ValueError"),
    ],
)
def test_a_route_that_fails_over_a_row_does_not_quote_it(
    client: TestClient,
    warehouse: Connection,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    fail: Callable[[str], Any],
    named: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    warehouse.execute("update hostaway.listings set city = %s", [MARKER + "!"])
    monkeypatch.setattr(listings, "page_of", lambda found, *_: fail(found[0]["city"]))
    answer = client.get("/v1/listings")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:sync-hostaway:problem:internal-error")
    written = capfd.readouterr()
    told = written.out + written.err + caplog.text + answer.text
    assert MARKER not in told
    assert "api_error" in told
    assert named in told
    assert "listings.py" in told, "it says where"


def test_what_fails_after_the_answer_does_not_quote_its_rows(
    warehouse_dsn: str, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server logs such an exception with its message and its causes."""

    def fail(*_: object) -> None:
        _chained(MARKER)

    monkeypatch.setattr(accounts, "_end", fail)
    with TestClient(create_app(RecordedRuns()), headers=login("op")) as client:
        with pytest.raises(RuntimeError) as caught:
            client.patch("/v1/accounts/701", json={"state": "disabled"})
        assert MARKER not in "".join(traceback.format_exception(caught.value))


FAILING = [
    ("insert into hostaway_t values (-1, %s)", [MARKER]),
    ("insert into hostaway_t values (null, %s)", [MARKER]),
    ("insert into hostaway_t select 5, %s from generate_series(1, 2)", [MARKER]),
    ("select %s::date", [MARKER]),
    ("select %s::jsonb", ["{" + MARKER]),
]
TABLE = "create temp table hostaway_t (id int primary key check (id > 0), name text)"


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize("make", [make_pool, make_auth_pool])
def test_no_error_of_the_apis_connections_quotes_a_value(make: Callable[[], Any]) -> None:
    with make() as pool, pool.connection() as connection:
        connection.execute(TABLE)
        for statement, values in FAILING:
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(statement, values)
            assert MARKER not in str(caught.value), statement


@pytest.mark.usefixtures("warehouse")
def test_no_error_of_the_receivers_connections_quotes_a_value() -> None:
    async def told() -> list[str]:
        inbox = Inbox(get_settings())
        await inbox.open()
        said = []
        try:
            async with inbox._pool.connection() as connection:
                await connection.execute(TABLE)
                for statement, values in FAILING:
                    try:
                        await connection.execute(statement, values)
                    except psycopg.Error as error:
                        said.append(str(error))
        finally:
            await inbox.close()
        return said

    said = asyncio.run(told())
    assert len(said) == len(FAILING)
    assert MARKER not in " ".join(said)
