"""The inbox as the receiver uses it: checks credentials, and stores each delivery in one transaction.

It has its own connections and short timeouts: Hostaway repeats a delivery after 503, and the API server must not block
while the database is down.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL
from psycopg_pool import AsyncConnectionPool

from sync_hostaway.accounts.webhook_endpoints import digest
from sync_hostaway.core.db import QuietAsyncConnection, load_queries
from sync_hostaway.core.libpq import connection_string
from sync_hostaway.core.session import prepare_async
from sync_hostaway.core.settings import Settings
from sync_hostaway.events.account_inbox import HAS_PENDING_DELTA_LOADS_QUERY
from sync_hostaway.events.lease import HAS_ACTIVE_WORKER_QUERY
from sync_hostaway.events.parse import ParsedEvent
from sync_hostaway.events.run_requests import Work
from sync_hostaway.transforms.ledger import IS_TRANSFORM_RUNNING_QUERY, TRANSFORM_LOCK_KEY

_QUERIES = load_queries(Path(__file__).with_name("inbox.sql"))
_NO_ENDPOINT_DIGEST = digest(b"")
# Seconds to wait for a free connection, and for a query with everything around it. A delivery takes two queries, and
# Hostaway waits for 20 s.
_POOL_TIMEOUT = 7.0
_QUERY_TIMEOUT = 8.0
# Connections of each API server process; a delivery requests one for milliseconds.
CONNECTIONS = 5
# With more waiting requests than this, further ones would time out.
_LONGEST_QUEUE = 200

T = TypeVar("T")


class Inbox:
    """Checks credentials and stores events. Use it in the event loop in which it was opened.

    Every method raises `TimeoutError` or an error of psycopg when the database fails. The event was then not stored, or
    it is unknown whether it was.
    """

    def __init__(self, settings: Settings) -> None:
        self._pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            connection_string(settings.warehouse_dsn, "sync-hostaway webhooks", connect_timeout=5),
            configure=prepare_async,
            connection_class=QuietAsyncConnection,
            kwargs={"autocommit": True, "row_factory": dict_row},
            name="sync-hostaway webhooks",
            open=False,
            min_size=1,
            max_size=CONNECTIONS,
            # Finds a connection that was lost with the server before a delivery uses it.
            check=AsyncConnectionPool.check_connection,
            timeout=_POOL_TIMEOUT,
            max_waiting=_LONGEST_QUEUE,
            # After this time the pool stops reconnecting, and the next delivery reconnects at once. With the default of
            # five minutes, deliveries would get 503 long after an outage.
            reconnect_timeout=2.0,
        )

    async def open(self) -> None:
        """Start to connect, without waiting: the database may be down."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    async def authenticate(self, endpoint_key: str, login: bytes, password: bytes) -> int | None:
        """The account that may deliver under a key with these credentials; None when they are wrong.

        An unknown key takes the same time as a wrong password.
        """
        found = await self._fetch(_QUERIES["endpoint_of_key"], {"endpoint_key": endpoint_key})
        endpoint = found or {"login": "", "password_digest": _NO_ENDPOINT_DIGEST, "old_password_digest": None}
        given = digest(password)
        is_login = hmac.compare_digest(digest(login), digest(endpoint["login"].encode()))
        is_password = hmac.compare_digest(given, endpoint["password_digest"])
        is_old_password = hmac.compare_digest(given, endpoint["old_password_digest"] or endpoint["password_digest"])
        return found["account_id"] if found and is_login & (is_password | is_old_password) else None

    async def put(self, account_id: int, events: Sequence[ParsedEvent]) -> None:
        """Store the events of a delivery, all or none, and commit."""
        await _within(_QUERY_TIMEOUT, self._put([{"account_id": account_id, **asdict(event)} for event in events]))

    async def poll_work(self) -> Work:
        """Whether a worker has work, and whether it is claimed."""
        is_due = await self._is(_QUERIES["has_due"])
        if not is_due and not await self._is(HAS_PENDING_DELTA_LOADS_QUERY):
            return Work.NONE
        if await self._is(HAS_ACTIVE_WORKER_QUERY) or (
            not is_due and await self._is(IS_TRANSFORM_RUNNING_QUERY, key=TRANSFORM_LOCK_KEY)
        ):
            return Work.CLAIMED
        return Work.UNCLAIMED

    async def _is(self, query: SQL, **params: Any) -> bool:
        row = await self._fetch(query, params)
        return bool(row and next(iter(row.values())))

    async def _fetch(self, query: SQL, params: dict[str, Any] | None) -> DictRow | None:
        return await _within(_QUERY_TIMEOUT, self._fetch_unbounded(query, params))

    async def _put(self, rows: list[dict[str, Any]]) -> None:
        async with self._pool.connection() as connection, connection.transaction():
            await connection.cursor().executemany(_QUERIES["put_event"], rows)

    async def _fetch_unbounded(self, query: SQL, params: dict[str, Any] | None) -> DictRow | None:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(query, params)
            return await cursor.fetchone() if cursor.description else None


async def _within(seconds: float, work: Awaitable[T]) -> T:
    """The result of the coroutine.

    :raises TimeoutError: when it takes longer. The coroutine is cancelled, but not awaited, unlike in
        `asyncio.timeout`: cancelling a query hangs, too, if the server hangs.
    """
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        raise TimeoutError("The database does not respond")
    return task.result()
