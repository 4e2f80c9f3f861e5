"""One transform, from claiming the loads to closing them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import structlog
from structlog.contextvars import bound_contextvars

from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.exceptions import ForeignObjects, TransformFailed
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms import ledger
from sync_hostaway.transforms.invocation import ModelRun, profile_environment, run_dbt
from sync_hostaway.transforms.lists import tables_without_change
from sync_hostaway.transforms.manifest import (
    contract_columns,
    list_tables,
    mart_tables,
    models_reading,
    relations_showing,
)
from sync_hostaway.transforms.ownership import refuse_foreign_relations
from sync_hostaway.transforms.project import build_hash, find_project
from sync_hostaway.transforms.readers import grant_to_readers
from sync_hostaway.transforms.statistics import analyze_grown_tables

log = structlog.get_logger(__name__)
_SYNC_LOG = "sync_logs"
# As in profiles.yml
_THREADS = 4


@dataclass(frozen=True)
class TransformResult:
    """The result of a transform; `transform_id` is None if there was no work.

    `changed_relations` are the core tables and marts, as `schema.name`, whose rows have changed since the last build of
    the marts. It is empty unless this transform built the marts.
    """

    transform_id: int | None = None
    loads: int = 0
    rows_deferred: int = 0
    seconds: float = 0.0
    models: list[ModelRun] = field(default_factory=list)
    changed_relations: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """The result as plain values, for a Dag run's XCom."""
        return {
            "transform_id": self.transform_id,
            "loads": self.loads,
            "rows_deferred": self.rows_deferred,
            "seconds": round(self.seconds, 2),
            "rows": self.rows,
        }

    @property
    def rows(self) -> dict[str, int]:
        """Rows written per model."""
        return {run.name: run.rows for run in self.models if run.rows is not None}


def run_transform(
    connection_or_dsn: Connection | str | None = None,
    *,
    requested_by: str,
    full_refresh: bool = False,
    marts: bool = True,
    project_dir: Path | None = None,
) -> TransformResult:
    """Build the core tables from all landed rows.

    Returns at once if there is no work, and waits for a running transform. If the project has changed since the last
    successful transform, views are built and every row is read again, so that the tables match the project; unchanged
    rows are not rewritten.

    :param connection_or_dsn: an autocommit connection for exclusive use, or a libpq URL; without it,
        the warehouse of the settings.
    :param requested_by: the caller, for the ledger.
    :param full_refresh: fill the tables again from every landed row.
    :param marts: build the marts, too. Urgent transforms do not.
    :param project_dir: the dbt project; without it, the one beside this package.
    :raises ForeignObjects: when relations that are not ours have names of models; nothing was changed then.
    :raises TransformFailed: naming the failed models. The loads stay pending.
    """
    with bound_contextvars(run=requested_by):
        result = _run_transform(
            connection_or_dsn,
            requested_by=requested_by,
            full_refresh=full_refresh,
            marts=marts,
            project_dir=project_dir,
        )
        log.info(
            "transform_finished",
            transform_id=result.transform_id,
            loads=result.loads,
            models=len(result.models),
            rows_deferred=result.rows_deferred,
            seconds=round(result.seconds, 2),
        )
        return result


def _run_transform(
    connection_or_dsn: Connection | str | None,
    *,
    requested_by: str,
    full_refresh: bool,
    marts: bool,
    project_dir: Path | None,
) -> TransformResult:
    started = time.monotonic()
    project = find_project(project_dir)
    hashed = build_hash(project)
    photos = get_settings().photos

    with _connection(connection_or_dsn) as connection:
        try:
            refuse_foreign_relations(connection, project)
        except ForeignObjects as error:
            ledger.note_refused(connection, requested_by, hashed, str(error), photos=photos)
            raise
        if not full_refresh and not ledger.find_pending_work(
            connection, project_hash=hashed, photos=photos, marts=marts
        ):
            grant_to_readers(connection)
            return TransformResult(seconds=time.monotonic() - started)
        environment = profile_environment(connection)
        with ledger.transform_lock(connection):
            # Another transform may have done the work during the wait.
            work = ledger.find_pending_work(connection, project_hash=hashed, photos=photos, marts=marts)
            if not full_refresh and not work:
                return TransformResult(seconds=time.monotonic() - started)
            selection = None if full_refresh or work.more_than_sync_log else _SYNC_LOG
            claim = ledger.begin(
                connection,
                requested_by=requested_by,
                project_hash=hashed,
                photos=photos,
                selection=selection,
                full_rebuild=work.full_rebuild or full_refresh,
                builds_marts=selection is None and (marts or work.full_rebuild or full_refresh),
            )
            runs: list[ModelRun] = []
            with _failure_noted(connection, claim, runs):
                analyze_grown_tables(connection, claim)
                if work.full_rebuild or full_refresh:
                    ledger.change_types(connection, contract_columns(project, environment))
                resources = set() if selection or work.full_rebuild else ledger.affected_resources(connection, claim)
                due = models_reading(project, environment, resources)
                skipped = tables_without_change(connection, list_tables(project, environment, due))
                due = [name for name in due if name not in skipped]
                if marts and selection is None:
                    due += mart_tables(project, environment)
                variables = json.dumps({"deferred_resources": ledger.resources_with_deferred_rows(connection)})
                for step in _steps(work, due, full_refresh=full_refresh):
                    result = run_dbt([*step, "--vars", variables], project_dir=project, environment=environment)
                    runs += result.runs
                    if not result.success:
                        raise TransformFailed(f"Transform {claim.transform_id}: {'; '.join(result.failures())}")
                rows_deferred = ledger.succeed(connection, claim, runs, finishes_loads=selection is None)
                changed = (
                    ledger.changed_models(connection, claim.transform_id) if marts and selection is None else set()
                )
            grant_to_readers(connection)
    relations = relations_showing(project, environment, changed)
    return TransformResult(claim.transform_id, claim.loads, rows_deferred, time.monotonic() - started, runs, relations)


def _steps(work: ledger.PendingWork, due: list[str], *, full_refresh: bool) -> list[list[str]]:
    """The dbt commands of a transform.

    :param due: models with rows to read.
    """
    # Often PostgreSQL is on this machine. More models than cores at a time slow down the one that others wait for.
    everything = ["run", "--threads", str(min(_THREADS, max(2, os.cpu_count() or 1)))]
    if full_refresh:
        return [["seed"], [*everything, "--full-refresh"]]
    chosen = [*([_SYNC_LOG] if work.sync_log_is_behind else []), *due]
    steps = [everything if work.full_rebuild else ["run", "--select", *chosen]] if work.full_rebuild or chosen else []
    if work.photos_setting_changed:
        steps.insert(0, ["run", "--full-refresh", "--select", "listing_photos"])
    # Seeds are part of the project: a change of them causes a full rebuild.
    return [["seed"], *steps] if work.full_rebuild else steps


@contextmanager
def _failure_noted(connection: Connection, claim: ledger.Claim, runs: list[ModelRun]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # Without a connection, the next transform closes this one.
        with suppress(psycopg.OperationalError):
            ledger.fail(connection, claim, runs, str(error) or type(error).__name__)
        raise


@contextmanager
def _connection(source: Connection | str | None) -> Iterator[Connection]:
    if isinstance(source, psycopg.Connection):
        yield source
    else:
        with connect(source, application="sync-hostaway transform") as connection:
            yield connection
