"""Interface to request Dag runs. `sync_hostaway.airflow.run_trigger` implements it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

QUEUED = "queued"


class RunTrigger(Protocol):
    """Requests Dag runs. Every method raises `RunNotRequested` when Airflow does not accept the request."""

    def request_run(
        self, dag_id: str, run_id: str, *, conf: dict[str, Any] | None = None, run_after: datetime | None = None
    ) -> str:
        """Request a run, unless a run with that id exists.

        :param conf: the Dag's params.
        :param run_after: when it may start; None: at once.
        :returns: the run's state: `queued` for a new run, and for a run that has not started.
        """

    def is_waiting(self, dag_id: str, until: datetime) -> bool:
        """Return whether a queued run exists that may start until that moment.

        Such a run will see everything that was committed before this call.
        """

    def request_parse(self, account_id: int) -> None:
        """Make Airflow parse the Dag file of an account now, if it can. It only saves time and never fails."""
