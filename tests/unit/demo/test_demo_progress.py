"""Watching ends: with what was asked for, or with the reason why it does not come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from rich.text import Text

from sync_hostaway.airflow.client import AirflowApi, DagRun
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import LocalPlatformError, TransformFailed
from sync_hostaway.demo.progress import QUERIES, Timeouts, Watch

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeAirflow:
    """Runs of one Dag; a run that is triggered behaves as told."""

    def __init__(self, *states: str, triggered: str = "success") -> None:
        self.states = list(states)
        self.triggered = triggered
        self.asked: list[str] = []

    def dag_runs(self, dag_id: str) -> list[DagRun]:
        return [DagRun(dag_id, f"run-{n}", state, {}) for n, state in enumerate(self.states)]

    def trigger_dag_run(self, dag_id: str, conf: object = None, run_id: str = "") -> None:
        self.asked.append(run_id)
        self.states.append(self.triggered)


class FakeWarehouse:
    """Pending loads, which a second trigger may take, and failed transforms."""

    def __init__(self, airflow: FakeAirflow, pending: int, *, taken_when_asked: bool = True, failed: str = "") -> None:
        self.airflow, self.pending, self.taken, self.failed = airflow, pending, taken_when_asked, failed
        self.rows: list[dict[str, Any]] = []

    def execute(self, query: object, params: object = None) -> FakeWarehouse:
        if query is QUERIES["failed_transforms"]:
            self.rows = [{"error": self.failed}] if self.failed else []
        else:
            taken = self.taken and self.airflow.asked
            self.rows = [{"loads": 0 if taken else self.pending}]
        return self

    def fetchone(self) -> dict[str, Any] | None:
        return self.rows[0] if self.rows else None

    def fetchall(self) -> list[dict[str, Any]]:
        return self.rows


def watch(
    airflow: FakeAirflow, warehouse: FakeWarehouse, said: list[str] | None = None, *, timeouts: float = 60.0
) -> None:
    heard = said if said is not None else []

    def echo(text: str | Text) -> None:
        heard.append(str(text))

    seconds = Timeouts(transforms=timeouts, pause=0.01)
    Watch(cast(AirflowApi, airflow), cast(Connection, warehouse), echo, seconds).transforms(NOW)


def test_nothing_pending_is_the_end() -> None:
    said: list[str] = []
    airflow = FakeAirflow("success", "success")
    watch(airflow, FakeWarehouse(airflow, 0), said)
    assert airflow.asked == []
    # How many runs dbt took is in the report: runs of the Dag that found nothing to do are none of them.
    assert said == ["Core tables are up to date."]


@pytest.mark.parametrize("states", [(), ("failed",), ("success", "success")])
def test_a_run_is_requested_once_for_loads_without_one(states: tuple[str, ...]) -> None:
    said: list[str] = []
    airflow = FakeAirflow(*states)
    watch(airflow, FakeWarehouse(airflow, 3), said)
    assert len(airflow.asked) == 1
    assert any("No run of hostaway_transform is active, but loads wait" in line for line in said)


def test_loads_that_stay_pending_are_an_error() -> None:
    airflow = FakeAirflow(triggered="failed")
    with pytest.raises(LocalPlatformError, match=r"3 loads wait .* run-0 failed"):
        watch(airflow, FakeWarehouse(airflow, 3, taken_when_asked=False))
    assert len(airflow.asked) == 1


def test_a_run_that_never_starts_is_given_up() -> None:
    airflow = FakeAirflow("queued")
    with pytest.raises(LocalPlatformError, match=r"still wait .* run-0 queued"):
        watch(airflow, FakeWarehouse(airflow, 3), timeouts=0.1)
    assert airflow.asked == []


def test_a_failed_transform_ends_it_at_once() -> None:
    airflow = FakeAirflow("running")
    with pytest.raises(TransformFailed, match=r"model \[/x\] is broken"):
        watch(airflow, FakeWarehouse(airflow, 3, failed="model [/x] is broken"))


def test_two_runs_never_share_an_id() -> None:
    first, second = FakeAirflow(), FakeAirflow()
    for airflow in (first, second):
        watch(airflow, FakeWarehouse(airflow, 1))
    assert first.asked != second.asked
