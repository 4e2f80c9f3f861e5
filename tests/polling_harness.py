"""Polls of a simulated account, and what is here of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from psycopg import sql

from sync_hostaway.core.db import Connection, fetch_value
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.polling.run import PollResult, poll_accounts
from sync_hostaway.simulator import RunningSimulator

ACCOUNT = 701
MIRRORED = (Resource.LISTINGS, Resource.RESERVATIONS, Resource.CONVERSATIONS, Resource.MESSAGES)


class Polling:
    """Changes at Hostaway, polls, and what has landed."""

    def __init__(self, warehouse: Connection, simulator: RunningSimulator) -> None:
        self.warehouse = warehouse
        self.control = simulator.control
        self._runs = 0

    def poll(self, **options: Any) -> PollResult:
        """Poll the account, whenever it was polled last, and land what that brings."""
        self._runs += 1
        options = {"every": timedelta(0), "lifetime": 60.0, "transform": None, **options}
        return poll_accounts(f"poll__{self._runs}", **options)

    def sync(self, *resources: Resource, mode: Mode = Mode.INCREMENTAL) -> list[SyncResult]:
        return sync_account(self.warehouse, ACCOUNT, mode, resources or None)

    def calls(self) -> int:
        """Calls since this was asked last."""
        total: int = self.control.stats()["total"]
        self.control.reset(only_stats=True)
        return total

    def pause(self, seconds: float = 60.0) -> None:
        self.control.advance_clock(seconds)

    def threads(self) -> list[dict[str, Any]]:
        return self.control.objects("conversations", ACCOUNT, limit=1_000)

    def write(self, thread: int, *, incoming: bool = True, bump: bool = True) -> int:
        """A message to a conversation; returns its id."""
        fields = {"conversationId": thread, "isIncoming": int(incoming)}
        created = self.control.create("messages", fields, account_id=ACCOUNT, emit=False, bump=bump)
        identity: int = created["id"]
        return identity

    def landed(self, resource: str) -> dict[int, dict[str, Any]]:
        """Landed payloads that are not marked deleted, by id."""
        table = sql.Identifier("landing", resource)
        query = sql.SQL("select entity_id, payload from {} where account_id = %s and deleted_at is null").format(table)
        return {int(row["entity_id"]): row["payload"] for row in self.warehouse.execute(query, [ACCOUNT])}

    def state(self) -> dict[str, Any]:
        row = self.warehouse.execute("select * from ops.polls where account_id = %s", [ACCOUNT]).fetchone()
        assert row
        return row

    def events(self) -> list[dict[str, Any]]:
        return self.warehouse.execute("select * from ops.webhook_events order by event_id").fetchall()

    def sees_all(self) -> set[tuple[str, int]]:
        """What is missing here, or older than at Hostaway: reservations, and messages."""
        reservations, messages = self.landed("reservations"), self.landed("messages")
        there = self.control.objects("reservations", ACCOUNT, limit=1_000)
        late = {
            ("reservations", row["id"])
            for row in there
            if reservations.get(row["id"], {}).get("updatedOn") != row["updatedOn"]
        }
        ids = self.control.truth(ACCOUNT)["ids"]["messages"]
        return late | {("messages", identity) for identity in ids if identity not in messages}

    def value(self, query: str) -> Any:
        return fetch_value(self.warehouse, sql.SQL(query))
