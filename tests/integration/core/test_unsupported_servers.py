"""A standby and a database that cannot hold every text are refused with one line, by every way to the warehouse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from sync_hostaway import migrations
from sync_hostaway.core.db import connect
from sync_hostaway.core.exceptions import ConfigurationError, SyncHostawayError, WarehouseUnavailable
from sync_hostaway.core.session import prepare_async
from sync_hostaway.local import postgres as embedded
from sync_hostaway.local.postgres import EmbeddedPostgres

pytestmark = pytest.mark.integration


def _as_the_receiver(dsn: str) -> None:
    async def open_one() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            await prepare_async(connection)

    asyncio.run(open_one())


WAYS: list[Callable[[str], object]] = [connect, migrations.upgrade, _as_the_receiver]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedPostgres]:
    """A server whose data may become that of a standby."""
    monkeypatch.setitem(embedded.SERVER, "wal_level", "replica")
    with EmbeddedPostgres(tmp_path / "home") as server:
        yield server


def refusals(dsn: str) -> list[SyncHostawayError]:
    found = []
    for way in WAYS:
        with pytest.raises(SyncHostawayError) as caught:
            way(dsn)
        found.append(caught.value)
    return found


def test_a_standby_is_refused(server: EmbeddedPostgres) -> None:
    server.stop()
    # It waits for a primary, and answers what only reads.
    (server.data / "standby.signal").touch()
    server.start()
    for error in refusals(server.dsn("warehouse")):
        assert isinstance(error, WarehouseUnavailable)
        assert "is a read-only standby" in str(error)
        assert "\n" not in str(error)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_a_database_that_is_not_utf8_is_refused(server: EmbeddedPostgres, encoding: str) -> None:
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(f"create database odd encoding '{encoding}' locale_provider libc locale 'C' template template0")
    for error in refusals(server.dsn("odd")):
        assert isinstance(error, ConfigurationError)
        assert f"odd has the encoding {encoding}" in str(error)
        assert "encoding 'UTF8'" in str(error)
