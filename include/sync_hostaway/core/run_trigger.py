"""What asks Airflow for Dag runs. The ways to Airflow are in `sync_hostaway.airflow.run_trigger`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

QUEUED = "queued"


class RunTrigger(Protocol):
    """The way to Airflow. Every method raises `RunNotRequested` when Airflow does not take the question."""

    def request_run(
        self, dag_id: str, run_id: str, *, conf: dict[str, Any] | None = None, run_after: datetime | None = None
    ) -> str:
        """Ask for a run, unless one of that id exists.

        :param conf: the Dag's params.
        :param run_after: when it may start; None: at once.
        :returns: the run's state: `queued` for a new one, and for one that has not begun.
        """

    def is_waiting(self, dag_id: str, until: datetime) -> bool:
        """Whether there is a run that has not begun, and may begin until then.

        It will see everything that was committed before somebody saw it waiting.
        """

    def request_parse(self) -> None:
        """Have Airflow read the Dag files of the accounts now, where it can be asked. A convenience: never fails."""
