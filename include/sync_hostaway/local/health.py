"""Health of the platform: which of its processes run, and what Airflow's health check reports."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sync_hostaway.airflow.client import AirflowApi
from sync_hostaway.core.exceptions import AirflowApiError
from sync_hostaway.core.home import Home, tail
from sync_hostaway.local import processes
from sync_hostaway.local.component import API_SERVER, COMPONENTS, SUPERVISOR
from sync_hostaway.local.errors import ComponentDied
from sync_hostaway.local.postgres import PostgresStatus

METADATABASE = "metadatabase"
_PARTS = (METADATABASE, "scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True)
class ComponentStatus:
    """One process of the platform.

    :param uptime: seconds since its start.
    """

    name: str
    running: bool
    pid: int | None
    uptime: float | None


@dataclass(frozen=True)
class PlatformStatus:
    """The platform as it is now."""

    components: tuple[ComponentStatus, ...]
    healthy: bool
    airflow_url: str | None
    home: Path

    @property
    def running(self) -> bool:
        """Whether PostgreSQL and all of Airflow run. They also work without the supervisor, until one of them ends."""
        return all(component.running for component in self.components if component.name != SUPERVISOR)

    @property
    def is_supervised(self) -> bool:
        """Whether the supervisor runs, which restarts the others."""
        return any(component.running for component in self.components if component.name == SUPERVISOR)

    @property
    def stopped(self) -> bool:
        """Whether no process runs."""
        return not any(component.running for component in self.components)


def component_states(home: Home, postgres: PostgresStatus) -> tuple[ComponentStatus, ...]:
    """Every process of the platform: PostgreSQL, Airflow's components, the supervisor."""
    parts = [ComponentStatus("postgres", postgres.running, postgres.pid, postgres.uptime)]
    for name in (*(component.name for component in COMPONENTS), SUPERVISOR):
        process = processes.running(home, name)
        uptime = time.time() - process.create_time() if process else None
        parts.append(ComponentStatus(name, process is not None, process.pid if process else None, uptime))
    return tuple(parts)


def unhealthy(home: Home, api: AirflowApi) -> list[str]:
    """Return the parts that are not healthy (yet)."""
    try:
        health = api.health()
    except AirflowApiError:
        return [API_SERVER.name]
    return [part for part in _PARTS if not _is_healthy(home, part, health.get(part, {}))]


def raise_if_one_died(home: Home) -> None:
    """Check that no component has ended.

    :raises ComponentDied: with the end of its log.
    """
    for component in COMPONENTS:
        if processes.running(home, component.name) is None:
            log = home.log(component.name)
            raise ComponentDied(f"Airflow's {component.name} ended unexpectedly. The end of {log}:\n{tail(log)}")


def _is_healthy(home: Home, part: str, reported: dict[str, str]) -> bool:
    if reported.get("status") != "healthy":
        return False
    heartbeat = reported.get(f"latest_{part}_heartbeat")
    record = processes.read_record(home, part.replace("_", "-"))
    # A component that was killed counts as healthy for half a minute: its heartbeat must be of this process.
    return heartbeat is None or record is None or datetime.fromisoformat(heartbeat).timestamp() > record.created
