"""Follows Dag runs until the rows are in the core tables, or until an error shows that they will not arrive."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from sync_hostaway.airflow.client import AirflowApi, DagRun
from sync_hostaway.core.dag_ids import TRANSFORM_DAG_ID, sync_dag_id
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import LocalPlatformError, TransformFailed
from sync_hostaway.demo.report import EchoText, ProgressLines
from sync_hostaway.transforms import pending_loads

QUERIES = load_queries(Path(__file__).with_name("progress.sql"))


@dataclass(frozen=True)
class Timeouts:
    """Seconds."""

    dags: float = 60.0
    syncs: float = 3600.0
    transforms: float = 1800.0
    pause: float = 0.3


TIMEOUTS = Timeouts()


@dataclass(frozen=True)
class Watch:
    """Triggers the Dags, and follows their runs in Airflow and in the warehouse."""

    api: AirflowApi
    warehouse: Connection
    echo: EchoText
    timeouts: Timeouts = TIMEOUTS

    def trigger_syncs(self, account_ids: list[int]) -> dict[int, str]:
        """Request a full sync of each account. Returns the run ids.

        :raises AirflowApiError: when Airflow does not show the Dags.
        """
        dags = {TRANSFORM_DAG_ID, *(sync_dag_id(account_id) for account_id in account_ids)}
        self.api.wait_for_dags(dags, self.timeouts.dags)
        stamp = _run_id()
        for account_id in account_ids:
            self.api.trigger_dag_run(sync_dag_id(account_id), {"mode": "full"}, run_id=stamp)
            self.echo(f"Triggered {sync_dag_id(account_id)}.")
        return dict.fromkeys(account_ids, stamp)

    def syncs(self, run_ids: dict[int, str]) -> bool:
        """Follow the runs of accounts until they end. Returns whether all of them succeeded."""
        lines = ProgressLines(self.echo)
        unfinished = dict(run_ids)
        succeeded = True
        deadline = time.monotonic() + self.timeouts.syncs
        while True:
            ended = {a: run for a, i in unfinished.items() if (run := self.api.dag_run(sync_dag_id(a), i)).finished}
            lines.update(self._progress(run_ids))
            for account_id, run in ended.items():
                del unfinished[account_id]
                succeeded = succeeded and run.state == "success"
                self.echo(Text.assemble(f"{run.dag_id}: ", (run.state, "green" if run.state == "success" else "red")))
            if not unfinished:
                return succeeded
            if time.monotonic() > deadline:
                names = ", ".join(sync_dag_id(account_id) for account_id in unfinished)
                self.echo(f"Not finished after {self.timeouts.syncs:.0f} s: {names}")
                return False
            time.sleep(self.timeouts.pause)

    def transforms(self, since: datetime) -> None:
        """Wait until no load is pending. If no transform is requested, request one, once.

        :raises TransformFailed: as soon as one has failed.
        :raises LocalPlatformError: when loads are still pending after the timeout.
        """
        is_noted = is_requested = False
        deadline = time.monotonic() + self.timeouts.transforms
        while True:
            # The runs are read first: a run that ends between the two reads has left no load pending.
            runs = self.api.dag_runs(TRANSFORM_DAG_ID)
            pending = pending_loads(self.warehouse)
            active = [run for run in runs if not run.finished]
            if not pending and not active:
                self.echo("Core tables are up to date.")
                return
            self._raise_if_one_failed(since)
            if not active and is_requested:
                raise LocalPlatformError(
                    f"{pending} loads wait for a transform, but no run of {TRANSFORM_DAG_ID} takes them: "
                    f"{_states(runs)}. Its log is in Airflow."
                )
            if not active:
                self.echo(f"No run of {TRANSFORM_DAG_ID} is active, but loads wait; requesting one.")
                self.api.trigger_dag_run(TRANSFORM_DAG_ID, run_id=_run_id())
                is_requested = True
            elif not is_noted:
                self.echo("dbt builds the core tables.")
                is_noted = True
            if time.monotonic() > deadline:
                raise LocalPlatformError(
                    f"{pending} loads still wait for a transform after {self.timeouts.transforms:.0f} s. "
                    f"Runs of {TRANSFORM_DAG_ID}: {_states(runs)}. Is the Dag paused?"
                )
            time.sleep(self.timeouts.pause)

    def _progress(self, run_ids: dict[int, str]) -> list[dict[str, Any]]:
        parameters = {"accounts": list(run_ids), "run_keys": list(set(run_ids.values()))}
        return self.warehouse.execute(QUERIES["run_progress"], parameters).fetchall()

    def _raise_if_one_failed(self, since: datetime) -> None:
        failed = self.warehouse.execute(QUERIES["failed_transforms"], {"since": since}).fetchall()
        if failed:
            # Airflow retries later, but dbt will report the same error.
            raise TransformFailed(f"{failed[-1]['error']} (the log is in Airflow, under {TRANSFORM_DAG_ID})")


def _run_id() -> str:
    return f"demo__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}__{uuid.uuid4().hex[:8]}"


def _states(runs: list[DagRun]) -> str:
    return ", ".join(f"{run.run_id} {run.state}" for run in runs[-3:]) or "none"
