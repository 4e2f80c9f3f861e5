"""Dry run of a sync: reads from Hostaway, compares with landing, and writes nothing.

It uses the functions and statements of a real sync. Rows that a sync would write go to temporary tables of the session;
landed rows that it would change are copied there first. The functions read landing through views that prefer the rows
of these tables, so that messages are found through conversations that have not landed. The session is read-only:
PostgreSQL rejects every write to a table that is not temporary.

A dry run takes permits of the rate limiter like a real sync. An expired access token is renewed and stored.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from psycopg import sql

from sync_hostaway.accounts.registry import client_for, get_account
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import CredentialsRejected, SyncHostawayError
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.context import Progress, SyncContext
from sync_hostaway.extract.engine import SYNC_FUNCTIONS, SyncResult, incomplete_error, status_of
from sync_hostaway.extract.refusals import REFUSALS, refusal_of
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.hostaway.values import as_utc
from sync_hostaway.landing import writer
from sync_hostaway.landing.writer import LandingWriter

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_WRITER_QUERIES = load_queries(Path(writer.__file__).with_suffix(".sql"))

# Syncs read the payloads of these to find messages and calendars; payloads of other resources are not kept.
_READ_BY_SYNCS = (Resource.LISTINGS, Resource.RESERVATIONS, Resource.CONVERSATIONS)
_CALENDARS = sql.Identifier("pg_temp", "read_calendars")


def dry_run_account(
    connection: Connection,
    account_id: int,
    mode: Mode,
    resources: Iterable[Resource] | None = None,
    *,
    since: datetime | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[SyncResult]:
    """As `sync_account`, but nothing is written: no row, no log, no checkpoint, no state of the account.

    The counts of the results are the rows that would be new, changed, deleted and quarantined. Other syncs are not
    blocked.
    :raises AccountError: when the account is not registered or not active, or one of its options is wrong.
    """
    wanted = set(get_account(connection, account_id).settings.resources if resources is None else resources)
    run_key, statuses = f"dry_run__{uuid.uuid4()}", dict[Resource, str]()
    results: list[SyncResult] = []
    with _read_only(connection):
        for resource in (resource for resource in SYNC_FUNCTIONS if resource in wanted):
            with client_for(connection, account_id, Priority(mode.value)) as client:
                ctx = _DryRun(connection, client, resource, mode, run_key, 0, since and as_utc(since), on_progress)
                ctx.statuses = statuses
                result, error = _dry_run(ctx)
            statuses[resource] = result.status
            results.append(result)
            if isinstance(error, CredentialsRejected):
                break
    return results


def dry_run_resource(
    connection: Connection,
    account_id: int,
    resource: Resource,
    mode: Mode,
    *,
    since: datetime | None = None,
) -> SyncResult:
    """A dry run of one resource. Parents through which its rows are found are read first."""
    found_through = {
        Resource.MESSAGES: [Resource.CONVERSATIONS],
        Resource.CALENDAR_DAYS: [Resource.LISTINGS, Resource.RESERVATIONS],
        Resource.RESERVATION_FINANCE: [Resource.RESERVATIONS],
        Resource.RESERVATION_LOGS: [Resource.RESERVATIONS],
    }
    wanted = [*found_through.get(resource, []), resource]
    return dry_run_account(connection, account_id, mode, wanted, since=since)[-1]


def _dry_run(ctx: _DryRun) -> tuple[SyncResult, SyncHostawayError | None]:
    error: SyncHostawayError | None = None
    try:
        error = incomplete_error(ctx, SYNC_FUNCTIONS[ctx.resource](ctx))
    except REFUSALS as raised:
        error = refusal_of(ctx, raised) or raised
    except SyncHostawayError as raised:
        error = raised
    text = str(error) if error else None
    calls, status = ctx.client.stats.calls, status_of(ctx, error)
    return SyncResult(ctx.account_id, ctx.resource, ctx.mode, status, ctx.expected, ctx.counts, calls, text), error


@contextmanager
def _read_only(connection: Connection) -> Iterator[None]:
    """A read-only session with temporary tables; afterwards the session is as before."""
    connection.execute(_WRITER_QUERIES["create_batch"])
    for resource in Resource:
        names = {"table": _table(resource), "rows": _rows(resource), "view": _view(resource)}
        for query in ("create_rows", "create_view"):
            connection.execute(_QUERIES[query].format(**names))
    tables = {"reservations": _table(Resource.RESERVATIONS), "rows": _rows(Resource.RESERVATIONS)}
    connection.execute(_QUERIES["create_calendars"].format(view=_CALENDARS, **tables))
    connection.execute(_QUERIES["refuse_writes"])
    try:
        yield
    finally:
        if not connection.closed and not connection.broken:
            connection.execute(_QUERIES["allow_writes"])
            for resource in Resource:
                connection.execute(_QUERIES["drop_rows"].format(rows=_rows(resource)))


class _DryRunWriter(LandingWriter):
    """A `LandingWriter` that writes to the temporary tables; rows that it may change are copied there before."""

    def _prepare(self) -> None:
        self._table, self._landed = _rows(self._resource), _view(self._resource)

    def mark_deleted_unseen(self, seen: Sequence[str], parent_ids: Sequence[int] | None, before: datetime) -> int:
        """How many rows would be marked as deleted."""
        self._copy_rows([row.entity_id for row in self.unseen(seen, parent_ids, before)])
        return super().mark_deleted_unseen(seen, parent_ids, before)

    def mark_deleted(self, entity_ids: Sequence[str], observed_at: datetime) -> int:
        """How many rows would be marked as deleted, because Hostaway does not have them."""
        self._copy_rows(entity_ids)
        return super().mark_deleted(entity_ids, observed_at)

    def cascade_deletes(self, parents: Resource) -> int:
        """How many rows would be marked as deleted, because their parent is."""
        query = _QUERIES["orphans"].format(table=self._landed, parents=self._table_of(parents))
        self._copy_rows([row["entity_id"] for row in self._connection.execute(query, self._params)])
        return super().cascade_deletes(parents)

    def _table_of(self, resource: Resource) -> sql.Identifier:
        return _view(resource)

    def _copy_rows(self, entity_ids: Sequence[str]) -> None:
        query = _QUERIES["copy_rows"].format(table=_table(self._resource), rows=self._table)
        self._connection.execute(query, {**self._params, "entity_ids": list(entity_ids)})

    def _write_batch(self, params: dict[str, Any]) -> tuple[int, int]:
        # Most rows of a batch are unchanged and are not copied.
        self._connection.execute(_WRITER_QUERIES["drop_unchanged"].format(table=self._landed), params)
        rows = self._connection.execute(_QUERIES["batch_ids"]).fetchall()
        self._copy_rows([row["entity_id"] for row in rows])
        if self._resource not in _READ_BY_SYNCS:
            self._connection.execute(_QUERIES["clear_payloads"].format(rows=self._table), params)
        return super()._write_batch(params)

    def _open_load(self) -> int:
        return 0

    def _close_load(self, load_id: int, new: int, changed: int) -> None:
        """No load has been opened."""

    def _quarantine(self, *_: object) -> None:
        """The quarantine stays as it is; the counts include its rows."""

    def _mark_suspect(self, refused: list[Any]) -> None:
        self._copy_rows([entry.entity_id for entry in refused if entry.entity_id])
        super()._mark_suspect(refused)


@dataclass
class _DryRun(SyncContext):
    """A `SyncContext` that changes nothing.

    :param statuses: of the resources of this dry run so far.
    """

    writer_class: ClassVar[type[LandingWriter]] = _DryRunWriter
    writes: ClassVar[bool] = False
    statuses: dict[Resource, str] = field(default_factory=dict)

    def start_read(self, plan: str, stale_after: timedelta) -> str:
        """Every dry run starts from the beginning."""
        return self.run_key

    def execute(self, query: str, **params: Any) -> None:
        """Statements without a result write: none is executed."""

    def rows(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """As in a sync, without the checkpoints of another run."""
        return [] if query == "checkpoints" else super().rows(query, **params)

    def value(self, query: str, **params: Any) -> Any:
        """As in a sync; the status of the parents is not in the sync log."""
        if query == "status_of":
            return self.statuses.get(Resource(params["parents"]))
        return super().value(query, **params)

    @property
    def tables(self) -> dict[str, sql.Identifier]:
        """The views in place of the tables."""
        return {resource.value: _view(resource) for resource in Resource} | {"read_calendars": _CALENDARS}


def _table(resource: Resource) -> sql.Identifier:
    return sql.Identifier("landing", resource.value)


def _rows(resource: Resource) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"dry_run_{resource.value}")


def _view(resource: Resource) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"landed_{resource.value}")
