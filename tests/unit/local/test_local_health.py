"""Health: a heartbeat of a process that is gone proves nothing."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_hostaway.airflow.client import AirflowApi
from sync_hostaway.core.home import Home
from sync_hostaway.local import processes
from sync_hostaway.local.errors import ComponentDied
from sync_hostaway.local.health import raise_if_one_died, unhealthy

PARTS = ("scheduler", "dag_processor", "triggerer")


class Reports(AirflowApi):
    """An API server that reports heartbeats of one moment."""

    def __init__(self, heartbeat: datetime) -> None:
        super().__init__("http://127.0.0.1:1", "admin", "x")
        self._parts = {p: {"status": "healthy", f"latest_{p}_heartbeat": heartbeat.isoformat()} for p in PARTS}

    def health(self) -> dict[str, Any]:
        return {"metadatabase": {"status": "healthy"}, **self._parts}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path)
    home.make()
    for part in PARTS:
        processes.write_record(home, part.replace("_", "-"), os.getpid())
    return home


def test_heartbeats_of_now_are_healthy(home: Home) -> None:
    assert unhealthy(home, Reports(datetime.now(UTC) + timedelta(seconds=5))) == []


def test_heartbeats_from_before_the_start_are_not(home: Home) -> None:
    assert unhealthy(home, Reports(datetime.now(UTC) - timedelta(days=9))) == list(PARTS)


def test_a_server_that_does_not_answer_is_not_healthy(home: Home) -> None:
    assert unhealthy(home, AirflowApi("http://127.0.0.1:1", "admin", "x")) == ["api-server"]


def test_a_dead_component_shows_the_end_of_its_log(home: Home) -> None:
    home.log("api-server").write_text("first\nno room on board\n")
    with pytest.raises(ComponentDied, match=r"api-server ended unexpectedly(.|\n)*no room on board"):
        raise_if_one_died(home)
