"""What the tests of the API share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

Issue = Callable[..., str]
"""Issues an API token and gives its text."""

Login = Callable[..., dict[str, str]]
"""Logs a role of Airflow in and gives the header to send."""


class AskedRuns:
    """Stands where Airflow does: keeps what it is asked for."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    def request_run(
        self, dag_id: str, run_id: str, *, conf: dict[str, Any] | None = None, run_after: datetime | None = None
    ) -> str:
        self.runs.append(dag_id)
        return "queued"

    def is_waiting(self, dag_id: str, until: datetime) -> bool:
        return False
