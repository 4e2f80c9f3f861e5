"""A harness to put events into the inbox as the receiver does, and to see what became of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import pytest
from psycopg import sql

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.events import inbox
from sync_hostaway.events.parse import parse_event
from sync_hostaway.events.refetch import FetchRequest, FetchResult, ObjectReader
from sync_hostaway.events.worker import Transform, run_worker
from sync_hostaway.events.worker_result import WorkerResult
from sync_hostaway.simulator import RunningSimulator
from waiting import eventually

# The receiver's own statement: what it writes is what a worker has to understand.
PUT_EVENT = load_queries(Path(inbox.__file__).with_name("inbox.sql"))["put_event"]
# On a slow machine, a worker takes a second to end. What failed is then due once more in the same run.
_TRIES_WAIT = """
create function ops.wait_for_the_test() returns trigger language plpgsql as $$ begin
    new.next_try_at := new.next_try_at + interval '1 day';
    return new;
end $$;
create trigger wait_for_the_test before update on ops.webhook_events
for each row when (new.state = 'pending' and new.attempts = old.attempts + 1) execute function ops.wait_for_the_test()
"""


class EventsHarness:
    """Events, runs of the worker, and what each table holds. Failed events are tried again only after `due_now`."""

    def __init__(self, warehouse: Connection, simulator: RunningSimulator) -> None:
        self.warehouse = warehouse
        self.control = simulator.control
        self._runs = 0
        warehouse.execute(_TRIES_WAIT)

    def receive(self, event: str, data: dict[str, Any], account: int = 701) -> int:
        """Put an event into the inbox, as a delivery from Hostaway would; returns its number."""
        kind = "conversationMessage" if event == "message.received" else "reservation"
        body = json.dumps({"object": kind, "event": event, "accountId": account, "data": data}).encode()
        event_of_body = parse_event(body)
        self.warehouse.execute(PUT_EVENT, {"account_id": account, **asdict(event_of_body)})
        row = self.warehouse.execute(
            "select event_id from ops.webhook_events where account_id = %s and content_hash = %s",
            [account, event_of_body.content_hash],
        ).fetchone()
        return row["event_id"] if row else 0

    def run_worker(self, linger: float = 0.0, transform: Transform | None = None, **options: Any) -> WorkerResult:
        """Run a worker to its end; what it landed stays there."""
        self._runs += 1
        return run_worker(f"test__{self._runs}", linger=linger, transform=transform, **options)

    @contextmanager
    def running_worker(self, hold: int, **options: Any) -> Iterator[None]:
        """A worker in the background, of which one account stays in the middle of its turn; at the end, it has ended.

        :param hold: the account. The block begins when Hostaway has answered about it, and nothing of it lands before
            the block ends.
        """
        read, answered, release = ObjectReader._read, threading.Event(), threading.Event()

        def read_and_stay(reader: ObjectReader, need: FetchRequest) -> FetchResult:
            outcome = read(reader, need)
            if reader._client.account_id == hold:
                answered.set()
                assert release.wait(200)
            return outcome

        with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(1) as pool:
            patched.setattr(ObjectReader, "_read", read_and_stay)
            running = pool.submit(self.run_worker, **options)
            try:
                eventually(lambda: answered.is_set() or running.done())
                assert answered.is_set(), "the worker ended and read nothing of this account"
                yield
            finally:
                release.set()
            running.result(timeout=100)

    def wait_until(self, question: LiteralString) -> None:
        """Wait until PostgreSQL answers a question with true."""
        eventually(lambda: fetch_value(self.warehouse, sql.SQL(question)))

    def wait_until_workers_have_ended(self) -> None:
        """Wait until PostgreSQL has seen the connections of workers end: killed ones keep their locks so long."""
        self.wait_until(
            "select not exists (select from pg_stat_activity"
            " where application_name = 'sync-hostaway delta' and datname = current_database())"
        )

    def now(self) -> datetime:
        """The time by PostgreSQL's clock."""
        now: datetime = fetch_value(self.warehouse, sql.SQL("select clock_timestamp()"))
        return now

    def let_the_worker_retry(self) -> None:
        """From now on, what failed is tried again after the pause that the inbox makes."""
        self.warehouse.execute("drop trigger wait_for_the_test on ops.webhook_events")

    def pause_of(self, event_id: int, began: datetime) -> tuple[timedelta, timedelta]:
        """The shortest and the longest that the pause until an event's next try can be.

        :param began: when the worker that failed at it had not begun yet; it has ended now.
        """
        next_try_at = self.event(event_id)["next_try_at"] - timedelta(days=1)
        return next_try_at - self.now(), next_try_at - began

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
