"""The ledger of transforms: the loads of each transform, and when they are done.

A transform claims every load that is not done, reads only the rows of these loads, and marks them as done in the
transaction that closes it. If it fails or is killed, its loads do not change, and the next transform claims them again.
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
from sync_hostaway.transforms.invocation import ModelRun

_log = structlog.get_logger()
# An arbitrary number: no other code in the warehouse may take the same advisory lock.
TRANSFORM_LOCK_KEY = 7_402_002
_SQL = load_queries(Path(__file__).with_suffix(".sql"))
# For the receiver, which uses asynchronous connections.
IS_TRANSFORM_RUNNING_QUERY = _SQL["is_transform_running"]


@dataclass(frozen=True)
class Claim:
    """A transform that has begun."""

    transform_id: int
    loads: int = 0
    resources: tuple[str, ...] = ()


@dataclass(frozen=True)
class PendingWork:
    """The pending work."""

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
    """The number of loads that no transform has finished."""
    return int(fetch_value(connection, _SQL["pending_loads"]))


def oldest_pending_seconds(connection: Connection) -> float:
    """The age of the oldest pending load; 0 if there is none."""
    return float(fetch_value(connection, _SQL["oldest_pending"]))


def marts_are_behind(connection: Connection) -> bool:
    """Whether core tables have changed since the marts were built."""
    return bool(fetch_value(connection, _SQL["marts_are_behind"]))


def is_transform_running(connection: Connection) -> bool:
    """Whether a transform is running: another one would have to wait."""
    return bool(fetch_value(connection, IS_TRANSFORM_RUNNING_QUERY, {"key": TRANSFORM_LOCK_KEY}))


@contextmanager
def transform_lock(connection: Connection) -> Iterator[None]:
    """Wait for the lock that permits one transform at a time in a warehouse, and hold it.

    The session holds the lock: it is released when the process ends.
    """
    key = {"key": TRANSFORM_LOCK_KEY}
    connection.execute(_SQL["lock"], key)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(_SQL["unlock"], key)


def find_pending_work(connection: Connection, *, project_hash: str, photos: bool, marts: bool) -> PendingWork:
    """Find the pending work for a project in its present state.

    :param marts: whether marts that are older than the core tables count as pending work.
    """
    loads = pending_loads(connection)
    last = connection.execute(_SQL["last_success"]).fetchone()
    is_there = fetch_value(connection, _SQL["core_exists"])
    full_rebuild = not is_there or last is None or _needs_full_rebuild(connection, project_hash)
    # With pending loads, a transform runs in any case, and checks this itself.
    nothing_lands = not loads and not full_rebuild
    return PendingWork(
        loads=loads,
        full_rebuild=full_rebuild,
        photos_setting_changed=last is not None and last["photos"] != photos,
        deferred_rows_are_loadable=nothing_lands
        and any(deferred["is_loadable"] for deferred in connection.execute(_SQL["deferred_resources"])),
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
            hint="Another version of the dbt project has transformed since this version read every row, and the two "
            "alternated within a day: unchanged rows are not read again today. Stop the other version; "
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
    """Begin a transform. It claims every load that is not done, unless it is for a selection of models.

    :param full_rebuild: read every landed row, not only the claimed loads.
    :param builds_marts: whether the marts are built, too.
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
    """Resources whose rows a transform may change: those of its loads, and those of deferred rows that may load."""
    due = set(claim.resources)
    for deferred in connection.execute(_SQL["deferred_resources"]):
        # Rows that load now may be the parents of other deferred rows.
        if deferred["is_loadable"] or f"{deferred['parent']}s" in due:
            due.add(deferred["resource"])
    return due


def resources_with_deferred_rows(connection: Connection) -> list[str]:
    """Resources that have deferred rows, whether or not they may load."""
    return list(fetch_value(connection, _SQL["resources_with_deferred_rows"]))


def changed_models(connection: Connection, transform_id: int) -> set[str]:
    """Tables that this transform, or one since the last build of the marts, has changed."""
    rows = connection.execute(_SQL["changed_models"], {"transform_id": transform_id})
    return {row["name"] for row in rows}


def change_types(connection: Connection, columns: Sequence[tuple[str, str, str]]) -> None:
    """Change the columns of the core tables to the types of the current project, in one transaction.

    Values that do not fit the new type are null until the transform has read their rows again.

    :param columns: model, column and type, from the contracts of the project.
    :raises psycopg.Error: naming the objects that depend on such a column and cannot be kept.
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
    """PostgreSQL's type and modifier for written types such as `numeric(12, 3)`.

    Before version 17, only the description of a query's columns has the modifier.
    """
    # The types are those of the project's contracts, which dbt creates tables from.
    query = f"select {', '.join(f'null::{name}' for name in types)}"
    result = connection.execute(query).pgresult
    return {name: (result.ftype(place), result.fmod(place)) for place, name in enumerate(types)} if result else {}


def succeed(connection: Connection, claim: Claim, runs: list[ModelRun], *, finishes_loads: bool) -> int:
    """Close a transform and its loads, and store the deferred rows. Returns their number."""
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
    """Close a failed transform. Its loads do not change."""
    parameters = {"transform_id": claim.transform_id, "models": _models(runs), "error": error}
    connection.execute(_SQL["fail"], parameters)


def note_refused(connection: Connection, requested_by: str, project_hash: str, error: str, *, photos: bool) -> None:
    """Store a transform that failed before it could begin, so that operators see it. Loads do not change.

    Without pending loads nothing is stored: no later transform would show that the cause is gone.
    """
    with transform_lock(connection):
        if pending_loads(connection):
            claim = begin(
                connection, requested_by=requested_by, project_hash=project_hash, photos=photos, selection=None
            )
            fail(connection, claim, [], error)


def _models(runs: list[ModelRun]) -> Jsonb:
    return Jsonb([asdict(run) for run in runs])
