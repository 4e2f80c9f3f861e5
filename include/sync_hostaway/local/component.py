"""One Airflow component: preloads modules that its children need, then runs Airflow's own command.

LocalExecutor forks its workers from the scheduler, and the Dag processor forks one process per file. Modules that all
of them import are imported once here: dbt takes 1.5 s of every task, and Cosmos 0.5 s of every parse.
"""

from __future__ import annotations

import gc
import importlib
import sys
from dataclasses import dataclass

from sync_hostaway.airflow import processes

ENGINE = (
    "airflow.sdk",
    "sync_hostaway.airflow.hook",
    "sync_hostaway.extract.engine",
    "sync_hostaway.events",
    "sync_hostaway.airflow.transform_operator",
)
DBT = ("dbt.cli.main", "dbt.adapters.postgres", "cosmos.airflow.task_group", "cosmos.operators.local")


@dataclass(frozen=True)
class Component:
    """An Airflow process."""

    name: str
    # Its arguments to Airflow's command line.
    command: tuple[str, ...]
    # Modules to import before the start. A missing module is not an error.
    preload: tuple[str, ...]


# No log servers, because API server and tasks are on one machine and read the log files. This saves two processes and
# two ports per platform.
# A stopping API server waits for requests in flight; its default is two minutes.
API_SERVER = Component("api-server", ("api-server", "--worker-timeout", "20"), ("airflow.api_fastapi.main",))
# Tasks are forks of the scheduler, so a project that is parsed there need not be parsed in each task.
SCHEDULER = Component(
    "scheduler",
    ("scheduler", "--skip-serve-logs"),
    ("airflow.jobs.scheduler_job_runner", "sync_hostaway.transforms.dbt_preload"),
)
# Each Dag file is parsed in a fork. With what the files import, an idle platform needs a tenth of a core less.
DAG_PROCESSOR = Component(
    "dag-processor",
    ("dag-processor",),
    (
        "airflow.dag_processing.manager",
        "airflow.sdk.definitions.decorators",
        "sync_hostaway.airflow.dags",
        "sync_hostaway.airflow.notifiers",
        "sync_hostaway.sync_dags.build",
    ),
)
TRIGGERER = Component("triggerer", ("triggerer", "--skip-serve-logs"), ("airflow.jobs.triggerer_job_runner",))
# The API server first: it takes longest.
COMPONENTS = (API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER)
# The process that restarts them, which is no component of Airflow.
SUPERVISOR = "supervisor"


def preload(modules: tuple[str, ...]) -> None:
    """Import modules. A failed import is reported later, by the code that needs the module."""
    # Imported objects stay, so garbage collection during imports only costs time (a tenth of it).
    gc.disable()
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - a component without a preloaded module is slower, not broken
            sys.stderr.write(f"Not preloaded: {name} ({type(error).__name__}: {error})\n")
    # Children share the memory of these objects as long as no garbage collector touches them.
    gc.freeze()
    gc.enable()


def run(component: Component) -> None:
    """Run the component in this process. Returns when it ends."""
    processes.run_command(component.command)
