"""The ledger of transforms: which loads one works on, and when they are done.

A transform claims every load that is not done, works on these alone, and marks them done in the transaction that closes
it. One that fails or is killed leaves its loads as they were, and the next claims them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
from psycopg.types.json import Jsonb

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.exceptions import TransformFailed
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms.invocation import ModelRun

_log = structlog.get_logger()
# Any constant will do as long as nothing else in the warehouse takes the same advisory lock.
TRANSFORM_LOCK_KEY = 7_402_002
_SQL = load_queries(Path(__file__).with_suffix(".sql"))
# For the receiver, whose connections are of another kind.
IS_TRANSFORM_RUNNING_QUERY = _SQL["is_transform_running"]
_KEEP_DAYS = 30
# Syncs of more than a year, so that a month compares with the same month of the year before
_KEEP_RUNS_DAYS = 400
_CLEAN_UP_QUERIES = (
    "close_abandoned_runs",
    "delete_old_deltas",
    "delete_old_runs",
    "delete_settled_quarantine",
    "delete_old_loads",
    "delete_old_transforms",
)


@dataclass(frozen=True)
class Claim:
    """A transform that has begun."""

    transform_id: int
    loads: int = 0
    resources: tuple[str, ...] = ()


@dataclass(frozen=True)
class PendingWork:
    """What there is to do."""

    loads: int
    full_rebuild: bool
    photos_setting_changed: bool
    deferred_rows_are_loadable: bool
    sync_log_is_behind: bool
    marts_are_behind: bool = False

    @property
    def more_than_sync_log(self) -> bool:
        return (
            bool(self.loads)
            or self.full_rebuild
            or self.photos_setting_changed
            or self.deferred_rows_are_loadable
            or self.marts_are_behind
        )

    def __bool__(self) -> bool:
        return self.more_than_sync_log or self.sync_log_is_behind


def pending_loads(connection: Connection) -> int:
    """Number of loads that no transform has finished."""
    return int(fetch_value(connection, _SQL["pending_loads"]))


def oldest_pending_seconds(connection: Connection) -> float:
    """How long the oldest of them has been waiting; 0 when none waits."""
    return float(fetch_value(connection, _SQL["oldest_pending"]))


def marts_are_behind(connection: Connection) -> bool:
    """Whether core tables have changed since the marts were built."""
    return bool(fetch_value(connection, _SQL["marts_are_behind"]))


def is_transform_running(connection: Connection) -> bool:
    """Whether a transform is running: another one would have to wait."""
    return bool(fetch_value(connection, IS_TRANSFORM_RUNNING_QUERY, {"key": TRANSFORM_LOCK_KEY}))


@contextmanager
def transform_lock(connection: Connection) -> Iterator[None]:
    """Hold the lock that lets one transform at a time into a warehouse, as soon as it is free.

    The session holds the lock: it is released when the process ends.
    """
    key = {"key": TRANSFORM_LOCK_KEY}
    connection.execute(_SQL["lock"], key)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(_SQL["unlock"], key)


def find_pending_work(connection: Connection, *, project_hash: str, photos: bool, marts: bool = True) -> PendingWork:
    """See what there is to do for a project in its present state.

    :param marts: whether marts that are older than the core tables count as something to do.
    """
    loads = pending_loads(connection)
    last = connection.execute(_SQL["last_success"]).fetchone()
    is_there = fetch_value(connection, _SQL["core_exists"])
    full_rebuild = not is_there or last is None or _needs_full_rebuild(connection, project_hash)
    # With loads there is a transform anyhow, which looks for itself.
    nothing_lands = not loads and not full_rebuild
    return PendingWork(
        loads=loads,
        full_rebuild=full_rebuild,
        photos_setting_changed=last is not None and last["photos"] != photos,
        deferred_rows_are_loadable=nothing_lands
        and any(held["is_loadable"] for held in connection.execute(_SQL["deferred_resources"])),
        sync_log_is_behind=not full_rebuild and bool(fetch_value(connection, _SQL["sync_log_is_behind"])),
        marts_are_behind=marts and marts_are_behind(connection),
    )


def _needs_full_rebuild(connection: Connection, project_hash: str) -> bool:
    state = connection.execute(_SQL["project_state"], {"project_hash": project_hash}).fetchone()
    if state is None or state["is_new"]:
        return True
    if state["another_version_ran_since"] and state["versions_alternate"]:
        _log.warning(
            "project_versions_alternate",
            project_hash=project_hash,
            hint="Another version of the dbt project has transformed since this one read every row, and two of them "
            "took turns within a day: rows that have not changed are not read again today. Stop the other version; "
            "`sync-hostaway transform --full-refresh` reads every row at once",
        )
        return False
    return bool(state["another_version_ran_since"])


def begin(
    connection: Connection,
    *,
    requested_by: str,
    project_hash: str,
    photos: bool,
    selection: str | None,
    full_rebuild: bool = False,
    builds_marts: bool = False,
) -> Claim:
    """Begin a transform; unless it is for a selection of models, it claims every load that is not done.

    :param full_rebuild: have the models read everything that ever landed, not just the claimed loads.
    :param builds_marts: whether the marts are brought up to date, too.
    """
    parameters = {
        "requested_by": requested_by,
        "project_hash": project_hash,
        "photos": photos,
        "selection": selection,
        "full_rebuild": full_rebuild,
        "builds_marts": builds_marts,
    }
    with connection.transaction():
        connection.execute(_SQL["close_abandoned"])
        transform_id = fetch_value(connection, _SQL["begin"], parameters)
        if selection:
            return Claim(transform_id)
        claimed = connection.execute(_SQL["claim"], {"transform_id": transform_id}).fetchone()
    return Claim(transform_id, claimed["loads"], tuple(claimed["resources"])) if claimed else Claim(transform_id)


def affected_resources(connection: Connection, claim: Claim) -> set[str]:
    """Resources of which a transform may change rows: those it claimed loads of, and those it may release rows of."""
    due = set(claim.resources)
    for held in connection.execute(_SQL["deferred_resources"]):
        # What is released may be what other rows wait for.
        if held["is_loadable"] or f"{held['parent']}s" in due:
            due.add(held["resource"])
    return due


def changed_models(connection: Connection, transform_id: int) -> set[str]:
    """Tables that changed since the marts were built before a transform, by this one and by those in between."""
    rows = connection.execute(_SQL["changed_models"], {"transform_id": transform_id})
    return {row["name"] for row in rows}


def change_types(connection: Connection, columns: Sequence[tuple[str, str, str]]) -> None:
    """Give the core tables' columns the types of the current project; all of them, or none.

    Values that the new type does not take become null until the transform has read their rows again.

    :param columns: model, column and type, as the contracts of the project have them.
    :raises psycopg.Error: naming what depends on such a column and would not outlive the change.
    """
    models, names, types = ([column[part] for column in columns] for part in range(3))
    rows = connection.execute(_SQL["columns"], {"models": models, "columns": names, "types": types}).fetchall()
    wanted = _resolved(connection, sorted({row["data_type"] for row in rows}))
    changed = [row for row in rows if wanted[row["data_type"]] != (row["type_id"], row["modifier"])]
    with connection.transaction():
        for table in sorted({row["table_id"] for row in changed}):
            columns_of_table = [row for row in changed if row["table_id"] == table]
            parameters = {
                "table": table,
                "columns": [row["column_name"] for row in columns_of_table],
                "types": [row["data_type"] for row in columns_of_table],
            }
            connection.execute(_SQL["change_types"], parameters)


def _resolved(connection: Connection, types: Sequence[str]) -> dict[str, tuple[int, int]]:
    """What PostgreSQL makes of types as they are written, `numeric(12, 3)` say: type and modifier.

    Before version 17 nothing but the description of a query's columns tells a modifier.
    """
    # The types are those of the project's contracts, which dbt creates tables from.
    query = f"select {', '.join(f'null::{name}' for name in types)}"
    result = connection.execute(query).pgresult
    return {name: (result.ftype(place), result.fmod(place)) for place, name in enumerate(types)} if result else {}


def succeed(connection: Connection, claim: Claim, runs: list[ModelRun], *, finishes_loads: bool) -> int:
    """Close a transform and its loads, and note the rows that wait for a parent. Returns how many wait."""
    parameters = {"transform_id": claim.transform_id, "models": _models(runs)}
    with connection.transaction():
        if finishes_loads:
            connection.execute(_SQL["defer_rows"])
            connection.execute(_SQL["complete_loads"], parameters)
        rows_deferred = fetch_value(connection, _SQL["succeed"], parameters)
        if rows_deferred is None:
            raise TransformFailed(f"Transform {claim.transform_id} was taken over by another one")
    return int(rows_deferred)


def fail(connection: Connection, claim: Claim, runs: list[ModelRun], error: str) -> None:
    """Close a transform that did not succeed; its loads stay as they are."""
    parameters = {"transform_id": claim.transform_id, "models": _models(runs), "error": error}
    connection.execute(_SQL["fail"], parameters)


def _models(runs: list[ModelRun]) -> Jsonb:
    return Jsonb([asdict(run) for run in runs])


def clean_up(connection: Connection) -> dict[str, int]:
    """Close syncs whose process was killed, and delete entries older than the retention. Returns rows per query."""
    parameters = {
        "days": _KEEP_DAYS,
        "days_of_runs": _KEEP_RUNS_DAYS,
        "days_of_payloads": get_settings().webhook_retention_days,
    }
    with connection.transaction():
        return {name: connection.execute(_SQL[name], parameters).rowcount for name in _CLEAN_UP_QUERIES}
