"""The warehouse behind a connection pooler: own sessions work, shared ones are refused at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from postgres_proxy import pooler
from sync_hostaway.api.account_session import make_pool
from sync_hostaway.core import session
from sync_hostaway.core.db import advisory_lock, connect, fetch_value
from sync_hostaway.core.exceptions import ConfigurationError, SyncHostawayError, WarehouseUnavailable
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms import dbt_connections

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def looks_again() -> Iterator[None]:
    """What one test's pooler is says nothing of the next one's."""
    session.require_own_session.cache_clear()
    yield
    session.require_own_session.cache_clear()


def through(port: int, dsn: str) -> str:
    return make_conninfo(dsn, host="127.0.0.1", port=port)


def test_a_session_through_a_pooler_is_ours_alone(warehouse_dsn: str) -> None:
    with (
        pooler(warehouse_dsn, "session") as port,
        connect(through(port, warehouse_dsn)) as one,
        connect(through(port, warehouse_dsn)) as other,
    ):
        assert fetch_value(one, sql.SQL("select current_setting('search_path')")) == "public"
        with advisory_lock(one, "test", 1), advisory_lock(other, "test", 1, wait=False) as ours:
            assert not ours
        with advisory_lock(other, "test", 1, wait=False) as ours:
            assert ours


@pytest.mark.parametrize("size", [1, 2, 20])
def test_a_pooler_that_shares_sessions_is_refused_in_one_line(warehouse_dsn: str, size: int) -> None:
    with pooler(warehouse_dsn, "transaction", size) as port:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="pool_mode=session") as refusal:
                connect(through(port, warehouse_dsn))
            assert "\n" not in str(refusal.value)


def test_it_is_refused_while_others_use_it_too_and_leaves_their_sessions_as_they_were(warehouse_dsn: str) -> None:
    with pooler(warehouse_dsn, "transaction", 3) as port, ThreadPoolExecutor(2) as threads:
        dsn, is_over = through(port, warehouse_dsn), False

        def work() -> set[str]:
            found = set()
            with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
                while not is_over:
                    row = connection.execute("select current_setting('search_path')").fetchone()
                    found |= {str(row and row[0])}
            return found

        working = [threads.submit(work) for _ in range(2)]
        try:
            for _ in range(5):
                with pytest.raises(ConfigurationError, match="pool_mode=session"):
                    connect(dsn)
        finally:
            is_over = True
        # Nothing of ours was set in a session that others get next.
        assert set.union(*(each.result() for each in working)) == {'"$user", public'}


@pytest.mark.parametrize("size", [1, 2])
def test_a_pooler_with_too_few_connections_is_refused_and_not_waited_for(
    warehouse_dsn: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_TIMEOUT", 0.3)
    refused = pytest.raises(WarehouseUnavailable, match="gives too few connections")
    with pooler(warehouse_dsn, "session", size) as port, refused:
        connect(through(port, warehouse_dsn))


@pytest.mark.parametrize("open_one", [connect, dbt_connections._opened])
def test_a_pooler_whose_connections_are_in_use_is_not_waited_for_for_minutes(
    warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch, open_one: Callable[[str], Any]
) -> None:
    with pooler(warehouse_dsn, "session", 3) as port, ExitStack() as stack:
        dsn = through(port, warehouse_dsn)
        for _ in range(3):
            stack.enter_context(connect(dsn))
        monkeypatch.setattr(session, "_QUEUE_TIMEOUT", 0.5)
        with pytest.raises(WarehouseUnavailable, match="default_pool_size") as refusal:
            open_one(dsn)
        assert "\n" not in str(refusal.value)


def test_options_that_a_pooler_refuses_are_named_with_the_way_out(warehouse_dsn: str) -> None:
    with pooler(warehouse_dsn, "session") as port, pytest.raises(WarehouseUnavailable) as refusal:
        connect(make_conninfo(through(port, warehouse_dsn), options="-c role=etl"))
    assert "ignore_startup_parameters" in str(refusal.value)


def test_the_pools_of_the_api_server_refuse_it_too(warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pooler(warehouse_dsn, "transaction") as port:
        monkeypatch.setenv("WAREHOUSE_URL", through(port, warehouse_dsn))
        get_settings.cache_clear()
        pool = make_pool()
        pool.timeout = 1
        with pool, pytest.raises((SyncHostawayError, psycopg.OperationalError)), pool.connection():
            pass
