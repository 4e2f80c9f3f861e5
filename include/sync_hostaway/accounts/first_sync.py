"""The automatic first sync of a new account, and the catch-up sync of an account that is active again.

The account's Dag is made when Airflow parses its Dag file, some seconds later: it may not exist when its first run is
requested. So the request is repeated. The process that made the account active repeats it for two minutes;
`hostaway_maintenance` requests the run for accounts without a sync since then; and the daily run of the Dag reads what
was not read before. The run id is the same each time, so repeated requests have no effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from sync_hostaway.core.dag_ids import sync_dag_id
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import RunNotRequested
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.run_trigger import RunTrigger

log = structlog.get_logger(__name__)

_QUERIES = load_queries(Path(__file__).with_name("accounts.sql"))
_REQUEST_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class SyncRun:
    """A Dag run to request."""

    account_id: int
    run_id: str
    conf: dict[str, Any]

    @property
    def dag_id(self) -> str:
        """The account's Dag."""
        return sync_dag_id(self.account_id)

    def as_trigger(self) -> dict[str, Any]:
        """Arguments of Airflow's `TriggerDagRunOperator`."""
        return {"trigger_dag_id": self.dag_id, "trigger_run_id": self.run_id, "conf": self.conf}


def first_sync(account_id: int, registered_at: datetime) -> SyncRun:
    """The first run of an account; one that was purged and registered again has another."""
    return SyncRun(account_id, f"first__{registered_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", {"mode": Mode.FULL.value})


def catch_up(account_id: int, resumed_at: datetime) -> SyncRun:
    """A run that reads the changes since the account could not be read; everything, if it was never read."""
    run_id = f"catch_up__{resumed_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    return SyncRun(account_id, run_id, {"mode": Mode.INCREMENTAL.value})


def requested_sync(account_id: int, mode: Mode, resources: list[Resource] | None = None) -> SyncRun:
    """A run that an operator requests.

    :param resources: None: every resource that is mirrored.
    """
    conf: dict[str, Any] = {"mode": mode.value}
    if resources:
        conf["resources"] = [resource.value for resource in resources]
    return SyncRun(account_id, f"manual__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", conf)


def missing_syncs(connection: Connection) -> list[SyncRun]:
    """The runs of accounts without a sync since they were registered or became active again.

    They are due when the process that made the account active has stopped its requests.
    """
    rows = connection.execute(_QUERIES["accounts_without_sync"], {"timeout_seconds": _REQUEST_TIMEOUT_SECONDS})
    return [
        catch_up(row["account_id"], row["resumed_at"])
        if row["resumed_at"]
        else first_sync(row["account_id"], row["created_at"])
        for row in rows
    ]


def request_sync(trigger: RunTrigger, run: SyncRun) -> bool:
    """Request a run until Airflow accepts it, for two minutes at most; returns whether it did."""
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(RunNotRequested),
            wait=wait_exponential(multiplier=0.5, max=5),
            stop=stop_after_delay(_REQUEST_TIMEOUT_SECONDS),
        ):
            with attempt:
                trigger.request_run(run.dag_id, run.run_id, conf=run.conf)
    except RetryError as error:
        log.warning("sync_not_requested", account_id=run.account_id, error=str(error.last_attempt.exception()))
        return False
    return True
