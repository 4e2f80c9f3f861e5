"""A hand to put events into the inbox as the receiver does, and to see what became of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, LiteralString

from psycopg import sql

from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.sync.delta.drain import DrainResult, drain
from sync_hostaway.warehouse import Connection, fetch_value, load_queries
from sync_hostaway.webhooks import inbox
from sync_hostaway.webhooks.events import read_event
from waiting import eventually

# The receiver's own statement: what it writes is what a drain has to understand.
PUT_EVENT = load_queries(Path(inbox.__file__).with_name("inbox.sql"))["put_event"]


class Hand:
    """Events, drains and what is where."""

    def __init__(self, warehouse: Connection, simulator: RunningSimulator) -> None:
        self.warehouse = warehouse
        self.control = simulator.control
        self._runs = 0

    def receive(self, event: str, data: dict[str, Any], account: int = 701) -> int:
        """Put an event into the inbox, as a delivery from Hostaway would; returns its number."""
        kind = "conversationMessage" if event == "message.received" else "reservation"
        body = json.dumps({"object": kind, "event": event, "accountId": account, "data": data}).encode()
        event_of_body = read_event(body)
        self.warehouse.execute(PUT_EVENT, {"account_id": account, **asdict(event_of_body)})
        row = self.warehouse.execute(
            "select event_id from ops.webhook_events where account_id = %s and content_hash = %s",
            [account, event_of_body.content_hash],
        ).fetchone()
        return row["event_id"] if row else 0

    def drain(self, linger: float = 0.0) -> DrainResult:
        """Run a drain to its end; what it landed stays there."""
        self._runs += 1
        return drain(f"test__{self._runs}", linger=linger, transform=None)

    @contextmanager
    def draining(self) -> Iterator[None]:
        """A drain in the background; at the end, it has ended."""
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.drain)
            yield
            running.result(timeout=60)

    def wait_for_calls(self, kind: str, number: int) -> None:
        """Wait until the simulator has begun to serve so many calls."""
        eventually(lambda: self.control.calls(kind, 701) >= number)

    def wait_until(self, question: LiteralString) -> None:
        """Wait until PostgreSQL answers a question with true."""
        eventually(lambda: fetch_value(self.warehouse, sql.SQL(question)))

    def seconds_until_try(self, event_id: int) -> float:
        """How long the event waits, from now on."""
        row = self.warehouse.execute(
            "select extract(epoch from next_try_at - clock_timestamp())::float as seconds from ops.webhook_events"
            " where event_id = %s",
            [event_id],
        ).fetchone()
        return row["seconds"] if row else 0.0

    def event(self, event_id: int) -> dict[str, Any]:
        row = self.warehouse.execute("select * from ops.webhook_events where event_id = %s", [event_id]).fetchone()
        assert row
        return row

    def states(self, account: int = 701) -> list[str]:
        rows = self.warehouse.execute(
            "select state from ops.webhook_events where account_id = %s order by event_id", [account]
        )
        return [row["state"] for row in rows]

    def due_now(self) -> None:
        """Let no event wait for its next try."""
        self.warehouse.execute("update ops.webhook_events set next_try_at = clock_timestamp() where state = 'pending'")

    def landed(self, resource: str, entity_id: object, account: int = 701) -> dict[str, Any] | None:
        """The landed payload, None when there is none or it is marked deleted."""
        row = self.warehouse.execute(
            sql.SQL(
                "select payload from landing.{} where account_id = %s and entity_id = %s and deleted_at is null"
            ).format(sql.Identifier(resource)),
            [account, str(entity_id)],
        ).fetchone()
        return row["payload"] if row else None

    def ids(self, resource: str, account: int = 701) -> list[int]:
        """Ids at the source."""
        found: list[int] = self.control.truth(account)["ids"][resource]
        return found
