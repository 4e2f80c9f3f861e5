"""The dbt project of an analyst, built on top of the core tables and marts."""

from __future__ import annotations

from pathlib import Path

from sync_hostaway.core.db import connect
from sync_hostaway.core.exceptions import ConfigurationError, TransformFailed
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms.invocation import ModelRun, profile_environment, run_dbt
from sync_hostaway.transforms.project import find_project

_TARGET = "analytics"


def own_project() -> Path | None:
    """The folder in `AIRFLOW__HOSTAWAY__ANALYTICS_PROJECT`; None when it is not set.

    :raises ConfigurationError: when it has no dbt project.
    """
    folder = get_settings().analytics_project
    if folder and not (folder / "dbt_project.yml").is_file():
        raise ConfigurationError(f"AIRFLOW__HOSTAWAY__ANALYTICS_PROJECT: {folder} has no dbt_project.yml")
    return folder.resolve() if folder else None


def build_own_project(dsn: str | None = None) -> list[ModelRun]:
    """Build and test the models of that project, in the schema `analytics` unless the project sets another one.

    Its dbt_project.yml must have `profile: sync_hostaway`. Our tables are not built or changed, and no transform waits
    for it.

    :param dsn: libpq URL; without it, the warehouse of the settings.
    :raises ConfigurationError: when no project is set, or the folder has none.
    :raises TransformFailed: naming the models and tests that failed.
    """
    project = own_project()
    if project is None:
        raise ConfigurationError("AIRFLOW__HOSTAWAY__ANALYTICS_PROJECT is not set")
    with connect(dsn, application="sync-hostaway analytics") as connection:
        environment = profile_environment(connection)
    outcome = run_dbt(
        ["build", "--target", _TARGET], project_dir=project, environment=environment, profiles_dir=find_project()
    )
    if not outcome.success:
        raise TransformFailed(f"{project}: {'; '.join(outcome.failures())}")
    return outcome.runs
