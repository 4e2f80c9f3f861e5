"""What the tests of the API share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi.testclient import TestClient

from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import RunNotRequested
from sync_hostaway.simulator import RunningSimulator

# What the test client answers, which is of the version of httpx that it brings.
Answer = Any

Issue = Callable[..., str]
"""Issues an API token and gives its text."""

Login = Callable[..., dict[str, str]]
"""Logs a role of Airflow in and gives the header to send."""


class RecordedRuns:
    """Takes the place of Airflow: refuses as often as the test sets, then stores the requested runs.

    `runs`: Dag, run id and conf of each.
    """

    def __init__(self) -> None:
        self.refusals = 0
        self.runs: list[tuple[str, str, Any]] = []

    def request_run(
        self, dag_id: str, run_id: str, *, conf: dict[str, Any] | None = None, run_after: datetime | None = None
    ) -> str:
        if self.refusals:
            self.refusals -= 1
            raise RunNotRequested(f"Airflow has not parsed the Dag {dag_id} yet")
        self.runs.append((dag_id, run_id, conf))
        return "queued"

    def is_waiting(self, dag_id: str, until: datetime) -> bool:
        return False

    def request_parse(self, account_id: int) -> None:
        """Airflow reads its files when it likes."""


def send(client: TestClient, reservation: int, key: str, text: str = "Your room is ready.", **fields: Any) -> Answer:
    """Ask for a message to the guest of a reservation."""
    body = {"reservation_id": reservation, "message": text, "channel_type": "channel", **fields}
    return client.post("/v1/send-message", json=body, headers={"Idempotency-Key": key})


def outbox(warehouse: Connection) -> dict[str, Any]:
    """The only entry."""
    row = warehouse.execute("select * from ops.outbox").fetchone()
    assert row
    return row


def posts(simulator: RunningSimulator) -> int:
    """How often Hostaway was asked to send a message."""
    return simulator.control.calls("messages.create", 701)


def appear(
    simulator: RunningSimulator, conversation_id: int, *, seconds_ago: float, text: str = "Your room is ready."
) -> int:
    """Hostaway has carried out a request that it did not answer; returns the message's id."""
    stamp = f"{datetime.now(UTC) - timedelta(seconds=seconds_ago):%Y-%m-%d %H:%M:%S}"
    values = {"conversationId": conversation_id, "body": text, "isIncoming": 0}
    created = simulator.control.create("messages", {**values, "insertedOn": stamp, "date": stamp}, account_id=701)
    return int(created["id"])


def a_minute_later(warehouse: Connection, minutes: int = 1) -> None:
    """Every try was made that much earlier."""
    warehouse.execute(
        "update ops.outbox set tried_at = tried_at - %(by)s, created_at = created_at - %(by)s, "
        "settled_at = settled_at - %(by)s",
        {"by": timedelta(minutes=minutes)},
    )
