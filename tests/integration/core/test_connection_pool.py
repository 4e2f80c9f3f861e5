"""The pool of connections that threads of a run share."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Timer
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from sync_hostaway.core.db import connection_pool
from sync_hostaway.core.exceptions import WarehouseUnavailable
from sync_hostaway.core.settings import get_settings

pytestmark = pytest.mark.integration


@pytest.fixture
def limited(warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The connection string of a role that may have one connection."""
    name = f"limited_{uuid4().hex[:8]}"
    with psycopg.connect(warehouse_dsn, autocommit=True) as administrator:
        role = sql.Identifier(name)
        administrator.execute(sql.SQL("create role {} login password 'test' connection limit 1").format(role))
        dsn = make_conninfo(warehouse_dsn, user=name, password="test")
        monkeypatch.setenv("WAREHOUSE_URL", dsn)
        get_settings.cache_clear()
        yield dsn
        administrator.execute(sql.SQL("drop role {}").format(role))


def test_a_thread_waits_while_the_role_has_too_many_connections(limited: str) -> None:
    other = psycopg.connect(limited)
    with connection_pool("test", max_size=2, timeout=10) as pool:
        Timer(0.5, other.close).start()
        with pool.connection() as connection:
            assert connection.execute("select 1 as one").fetchone() == {"one": 1}


def test_the_error_has_the_reason_of_postgresql(limited: str) -> None:
    with (
        psycopg.connect(limited),
        connection_pool("test", max_size=2, timeout=0.5) as pool,
        pytest.raises(WarehouseUnavailable, match="too many connections for role"),
        pool.connection(),
    ):
        pass


def test_a_full_pool_is_no_unreachable_server(warehouse_dsn: str) -> None:
    with (
        connection_pool("test", max_size=1, timeout=0.5) as pool,
        pool.connection(),
        pytest.raises(WarehouseUnavailable, match="became free"),
        pool.connection(),
    ):
        pass


def test_a_new_password_is_used_for_the_next_connection(limited: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection_pool("test", max_size=1, timeout=5) as pool:
        with pool.connection() as connection:
            connection.execute("alter role current_user password 'changed'")
            process = connection.info.backend_pid
            monkeypatch.setenv("WAREHOUSE_URL", make_conninfo(limited, password="changed"))
            get_settings.cache_clear()
            connection.close()
        with pool.connection() as connection:
            assert connection.info.backend_pid != process
