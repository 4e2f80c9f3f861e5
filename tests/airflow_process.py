"""The client of Airflow's REST API, with what only tests ask of Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from sync_hostaway.airflow.client import AirflowApi, DagRun
from sync_hostaway.local.platform import Platform
from waiting import eventually


@dataclass(frozen=True)
class TaskInstance:
    """One task of a run."""

    task_id: str
    state: str | None
    try_number: int


class AirflowControl(AirflowApi):
    """Pauses Dags, follows runs to their ends, reads and clears their tasks."""

    @classmethod
    def of(cls, platform: Platform) -> Self:
        """Logged in as `admin`."""
        return cls(platform.airflow_url, "admin", platform.admin_password)

    def version(self) -> str:
        """Airflow's version."""
        return str(self._call("GET", "/version")["version"])

    def unpause(self, dag_id: str) -> None:
        """Let a Dag's runs start."""
        self._call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Keep a Dag's runs from starting."""
        self._call("PATCH", f"/dags/{dag_id}", {"is_paused": True})

    def wait_for_run(self, dag_id: str, run_id: str, timeout: float) -> DagRun:
        """Wait until a run has finished, well or not.

        :raises AssertionError: when it has not in time; names its tasks.
        """
        try:
            eventually(lambda: self.dag_run(dag_id, run_id).finished, timeout, every=0.2)
        except AssertionError as error:
            tasks = ", ".join(f"{task.task_id} ({task.state})" for task in self.task_instances(dag_id, run_id))
            error.add_note(f"Tasks of {run_id} of {dag_id}: {tasks}")
            raise
        return self.dag_run(dag_id, run_id)

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """The tasks of a run."""
        return [
            TaskInstance(found["task_id"], found["state"], found["try_number"])
            for found in self._all(f"{_path(dag_id, run_id)}/taskInstances", "task_instances")
        ]

    def clear_task_instances(self, dag_id: str, run_id: str, task_ids: list[str] | None = None) -> int:
        """Have tasks of a run done again (all of them when none is named); returns how many."""
        body: dict[str, Any] = {"dry_run": False, "dag_run_id": run_id, "only_failed": False, "reset_dag_runs": True}
        if task_ids:
            body["task_ids"] = task_ids
        return int(self._call("POST", f"/dags/{dag_id}/clearTaskInstances", body)["total_entries"])

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """The log of one try of a task, one event per line."""
        content = self._call("GET", f"{_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{try_number}")["content"]
        return "\n".join(line if isinstance(line, str) else _log_line(line) for line in content)


def _path(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _log_line(line: dict[str, Any]) -> str:
    errors = "".join(f" [{error['exc_type']}: {error['exc_value']}]" for error in line.get("error_detail") or ())
    return f"{line.get('event', line)}{errors}"
