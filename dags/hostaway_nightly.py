"""hostaway_nightly: the whole dbt project with its tests, each model and each test a task of the Airflow UI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import dag, get_current_context, task
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior

from sync_hostaway.airflow.dags import (
    DEFAULT_ARGS,
    TAG,
    start_of_oldest,
)
from sync_hostaway.airflow.pools import DBT_POOL
from sync_hostaway.airflow.transform_operator import acquire_dbt_lock, lead_dbt_to_warehouse, release_dbt_lock
from sync_hostaway.transforms import manifest_for_dag

PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"


@dag(
    description="Builds and tests every model",
    doc_md="""
Builds every model again, with changed views, and runs every data test. Grants on the tables and objects that depend on
them stay.

One dbt process does the work (`dbt_producer_watcher`). The other tasks show the results of its models and tests.

`documentation` builds the page *Docs > Hostaway tables* of this UI.

**Triage**

* A model failed: its task shows PostgreSQL's message. Clear it, or run `hostaway_transform`.
* A test failed: the model has rows that break a rule. The task's log has the query that finds them.
* `transform` failed: landed rows could not be transformed; see `hostaway_transform`.
""",
    schedule="30 3 * * *",
    start_date=start_of_oldest(),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    tags=[TAG, "dbt"],
    default_args=DEFAULT_ARGS,
)
def hostaway_nightly() -> None:
    @task(pool=DBT_POOL)
    def transform() -> dict[str, Any]:
        from sync_hostaway.transforms import run_transform

        return run_transform(requested_by=get_current_context()["run_id"]).summary()

    build = DbtTaskGroup(
        group_id="build",
        project_config=ProjectConfig(
            dbt_project_path=PROJECT, manifest_path=manifest_for_dag(PROJECT), install_dbt_deps=False
        ),
        profile_config=ProfileConfig(
            profile_name="sync_hostaway",
            target_name="warehouse",
            profiles_yml_filepath=PROJECT / "profiles.yml",
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.AFTER_EACH, emit_datasets=False
        ),
        execution_config=ExecutionConfig(
            # One dbt process for all models. One process per model takes seven times as long on two cores.
            execution_mode=ExecutionMode.WATCHER,
            invocation_mode=InvocationMode.DBT_RUNNER,
            setup_operator_args={
                "pool": DBT_POOL,
                "retries": 0,
                # The pool excludes other transforms of Airflow. The lock also excludes a transform from a shell.
                "pre_execute": acquire_dbt_lock,
                "post_execute": release_dbt_lock,
            },
        ),
        operator_args={"interceptors": [lead_dbt_to_warehouse]},
        default_args={"retries": 2},
    )

    @task(pool=DBT_POOL)
    def documentation() -> None:
        from sync_hostaway.core.db import connect
        from sync_hostaway.transforms.documentation import publish_documentation

        with connect(application="sync-hostaway documentation") as connection:
            publish_documentation(connection)

    transformed = transform()
    transformed >> build
    # Beside the build, so that a test that fails does not keep the documentation from being current.
    transformed >> documentation()


hostaway_nightly()
