"""What the tests of the API share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sync_hostaway.exceptions import RunNotRequested

Issue = Callable[..., str]
"""Issues an API token and gives its text."""

Login = Callable[..., dict[str, str]]
"""Logs a role of Airflow in and gives the header to send."""


class AskedRuns:
    """Stands where Airflow does: refuses as often as it is told to, then keeps what it is asked for.

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
            raise RunNotRequested(f"Airflow has not read the Dag {dag_id} yet")
        self.runs.append((dag_id, run_id, conf))
        return "queued"

    def is_waiting(self, dag_id: str, until: datetime) -> bool:
        return False
