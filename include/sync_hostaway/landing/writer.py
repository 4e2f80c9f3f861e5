"""Writes pages of raw rows into a landing table, each batch in one transaction with its load.

COPY into a temporary table, drop unchanged and older rows, upsert the rest: 13,000 rows a second on two cores. An
unchanged row costs one index look-up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from psycopg import sql

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.resources import Resource
from sync_hostaway.hostaway.endpoints import SINGLE_READ_FIELDS
from sync_hostaway.hostaway.values import as_date, as_timestamp, entity_id, log_source
from sync_hostaway.landing import payload_schemas
from sync_hostaway.landing.quarantine import QuarantineEntry, put_entries
from sync_hostaway.landing.redaction import erasures_of

_QUERIES = load_queries(Path(__file__).with_name("writer.sql"))
# Other resources have no change stamp. latestActivityOn of listings changes later than prices and texts.
_SOURCE_STAMP = {
    Resource.RESERVATIONS: "updatedOn",
    Resource.MESSAGES: "updatedOn",
    Resource.REVIEWS: "updatedOn",
    Resource.EXPENSES: "updatedOn",
    Resource.OWNER_STATEMENTS: "updatedOn",
    Resource.TAX_SETTINGS: "updatedOn",
    Resource.RESERVATION_LOGS: "updatedOn",
}

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass
class Counts:
    """Counts of the rows of a batch or a run.

    :param quarantined: rows that could not land.
    :param with_warnings: rows that landed with an unreadable value.
    """

    seen: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    quarantined: int = 0
    deleted: int = 0
    with_warnings: int = field(default=0, compare=False)

    def add(self, other: Counts) -> None:
        """Add another batch's counts."""
        self.seen += other.seen
        self.new += other.new
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.quarantined += other.quarantined
        self.deleted += other.deleted
        self.with_warnings += other.with_warnings


@dataclass(frozen=True)
class Fetched:
    """Parsed rows of one response.

    :param observed_at: when the request was sent.
    :param parent_id: listing of calendar days, conversation of messages.
    :param single: whether each row is the response to a request for this object, which has more fields than a list.
    """

    rows: Sequence[Any]
    observed_at: datetime
    parent_id: int | None = None
    single: bool = False


class UnseenRow(NamedTuple):
    """A landed row that a read did not see."""

    entity_id: str
    parent_id: int | None


class _Row(NamedTuple):
    """The columns of `landing_batch`, in order."""

    entity_id: str
    parent_id: int | None
    payload: str
    payload_hash: bytes
    source_updated_at: datetime | None
    observed_at: datetime
    read_singly: bool


class LandingWriter:
    """Lands rows of one account, resource and run over one connection.

    The caller owns the transaction, so that it can commit its own changes together with the rows.
    """

    def __init__(self, connection: Connection, account_id: int, resource: Resource, sync_run_id: int | None) -> None:
        self._connection = connection
        self._account_id = account_id
        self._resource = resource
        self._sync_run_id = sync_run_id
        self._table = self._landed = self._table_of(resource)
        self._prepare()

    def _prepare(self) -> None:
        self._connection.execute(_QUERIES["create_batch"])

    def _table_of(self, resource: Resource) -> sql.Identifier:
        return sql.Identifier("landing", resource.value)

    def land(self, fetched: Iterable[Fetched]) -> Counts:
        """Land the rows of some responses, as one load. Needs an open transaction.

        :raises InactiveAccount: when the account was purged in the meantime; nothing lands then.
        """
        good: dict[str, _Row] = {}
        entries: list[QuarantineEntry] = []
        filled: set[str] = set()
        counts = Counts()
        erased = erasures_of(self._connection, self._account_id)
        for response in fetched:
            for received in response.rows:
                counts.seen += 1
                row = erased.redact(self._resource, received, response.parent_id) if erased else received
                if reason := payload_schemas.validation_error(self._resource, row):
                    entries.append(self._quarantine_entry(row, response, "rejected", reason))
                    continue
                landable = self._row(row, response)
                good[landable.entity_id] = _newer(good.get(landable.entity_id), landable)
                if not response.single:
                    filled.update(name for name, value in row.items() if not _is_nothing(value))
                if reasons := payload_schemas.validation_warnings(self._resource, row):
                    entries.append(self._quarantine_entry(row, response, "accepted", "; ".join(reasons)))
        counts.quarantined = sum(entry.is_rejected for entry in entries)
        counts.with_warnings = len(entries) - counts.quarantined
        self._quarantine(entries, list(good))
        if good:
            counts.new, counts.changed = self._write(good.values(), filled)
            counts.unchanged = len(good) - counts.new - counts.changed
        self._mark_suspect([entry for entry in entries if entry.is_rejected and entry.entity_id not in good])
        return counts

    def unseen(self, seen: Sequence[str], parent_ids: Sequence[int] | None, before: datetime) -> list[UnseenRow]:
        """The rows that `mark_deleted_unseen` would mark as deleted."""
        params = {**self._params, "seen": list(seen), "parent_ids": parent_ids, "before": before}
        query = _QUERIES["unseen"].format(table=self._landed, is_unseen=_QUERIES["is_unseen"])
        rows = self._connection.execute(query, params).fetchall()
        return [UnseenRow(**row) for row in rows]

    def count_active(self, parent_ids: Sequence[int] | None) -> int:
        """The number of landed rows of some parents, or of the account, that are not marked as deleted."""
        query = _QUERIES["count_active"].format(table=self._landed)
        return int(fetch_value(self._connection, query, {**self._params, "parent_ids": parent_ids}))

    def mark_deleted_unseen(self, seen: Sequence[str], parent_ids: Sequence[int] | None, before: datetime) -> int:
        """Mark rows as deleted that a complete read did not see; returns how many. Needs an open transaction.

        :param seen: entity ids that the read saw.
        :param parent_ids: only rows of these parents; None for the whole account.
        :param before: start of the read; rows that another process landed since are not marked.
        """
        params = {**self._params, "seen": list(seen), "parent_ids": parent_ids, "before": before}
        return self._update("mark_deleted_unseen", params, is_unseen=_QUERIES["is_unseen"])

    def mark_deleted(self, entity_ids: Sequence[str], observed_at: datetime) -> int:
        """Mark rows as deleted that Hostaway has deleted; returns how many.

        Needs an open transaction.

        :param observed_at: when the request was sent; rows that another process read since are not marked.
        """
        params = {**self._params, "entity_ids": list(entity_ids), "observed_at": observed_at}
        return self._update("mark_deleted", params)

    def cascade_deletes(self, parents: Resource) -> int:
        """Mark rows as deleted whose parent is; returns how many. Needs an open transaction."""
        return self._update("cascade_deletes", self._params, parents=self._table_of(parents))

    def _update(self, query: str, params: dict[str, Any], **parts: sql.Composable) -> int:
        load_id = self._open_load()
        statement = _QUERIES[query].format(table=self._table, **parts)
        updated = self._connection.execute(statement, {**params, "load_id": load_id}).rowcount
        self._close_load(load_id, 0, updated)
        return updated

    def _open_load(self) -> int:
        return int(fetch_value(self._connection, _QUERIES["open_load"], self._params))

    def _close_load(self, load_id: int, new: int, changed: int) -> None:
        close = "close_load" if new or changed else "drop_load"
        self._connection.execute(_QUERIES[close], {"load_id": load_id, "rows_new": new, "rows_changed": changed})

    def _quarantine_entry(self, row: Any, response: Fetched, severity: str, reason: str) -> QuarantineEntry:
        payload = _encode(row)
        return QuarantineEntry(
            self._entity_id(row, response.parent_id),
            severity,
            reason,
            payload,
            _hash(payload),
            self._stamp(row),
            response.observed_at,
        )

    def _row(self, row: dict[str, Any], response: Fetched) -> _Row:
        payload = _encode(row)
        return _Row(
            entity_id=self._entity_id(row, response.parent_id) or "",
            parent_id=response.parent_id,
            payload=payload,
            payload_hash=_hash(_encode(self._as_listed(row)) if response.single else payload),
            source_updated_at=self._stamp(row),
            observed_at=response.observed_at,
            read_singly=response.single,
        )

    def _as_listed(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row of a single read in the form of its list, so that both forms have the same hash."""
        hidden = SINGLE_READ_FIELDS.get(self._resource, {})
        shown = {name: value for name, value in row.items() if name not in hidden}
        return shown | {name: value for name, value in hidden.items() if name in row and value is not None}

    def _stamp(self, row: Any) -> datetime | None:
        stamp = _SOURCE_STAMP.get(self._resource)
        return as_timestamp(row.get(stamp)) if stamp and isinstance(row, dict) else None

    @property
    def _params(self) -> dict[str, Any]:
        return {"account_id": self._account_id, "resource": self._resource.value, "sync_run_id": self._sync_run_id}

    def _entity_id(self, row: Any, parent_id: int | None) -> str | None:
        if not isinstance(row, dict):
            return None
        if self._resource is Resource.CALENDAR_DAYS:
            return f"{parent_id}:{as_date(row.get('date'))}"
        if self._resource is Resource.RESERVATION_LOGS and (identity := entity_id(row)):
            # An id is unique only within its source.
            return f"{log_source(row)}:{identity}"
        return entity_id(row)

    def _write(self, rows: Iterable[_Row], filled: Iterable[str]) -> tuple[int, int]:
        """Write rows; returns how many are new and how many changed.

        :param filled: fields that at least one row of the lists among the responses has.
        """
        params = {
            **self._params,
            "single_fields": sorted(SINGLE_READ_FIELDS.get(self._resource, ())),
            "filled": sorted(filled),
        }
        with self._connection.cursor() as cursor, cursor.copy(_QUERIES["copy_batch"]) as copy:
            for row in rows:
                copy.write_row(row)
        return self._write_batch(params)

    def _write_batch(self, params: dict[str, Any]) -> tuple[int, int]:
        self._connection.execute(_QUERIES["drop_unchanged"].format(table=self._table), params)
        self._connection.execute(_QUERIES["drop_older"].format(table=self._table), params)
        for query in ("drop_unchanged_partial", "restore_single_read_fields"):
            statement = _QUERIES[query].format(table=self._table, fields_kept=_QUERIES["fields_kept"])
            self._connection.execute(statement, params)
        if not fetch_value(self._connection, _QUERIES["count_batch"]):
            return 0, 0
        load_id = self._open_load()
        written = self._connection.execute(
            _QUERIES["upsert"].format(table=self._table), {**params, "load_id": load_id}
        ).fetchone()
        new, changed = (written["rows_new"], written["rows_changed"]) if written else (0, 0)
        self._close_load(load_id, new, changed)
        self._connection.execute(_QUERIES["empty_batch"])
        return new, changed

    def _quarantine(self, entries: list[QuarantineEntry], landed_ids: list[str]) -> None:
        put_entries(self._connection, self._params, entries, landed_ids)

    def _mark_suspect(self, rejected: list[QuarantineEntry]) -> None:
        """Mark landed rows as suspect: a later version was quarantined."""
        known = [entry for entry in rejected if entry.entity_id]
        if known:
            params = {
                **self._params,
                "entity_ids": [entry.entity_id for entry in known],
                "stamps": [entry.source_updated_at for entry in known],
                "observed": [entry.observed_at for entry in known],
            }
            self._update("mark_suspect", params)


def _is_nothing(value: Any) -> bool:
    # As ops.is_nothing.
    return value is None or value in ("", [], {})


def _newer(known: _Row | None, row: _Row) -> _Row:
    # As drop_older in writer.sql.
    if known is None:
        return row
    return max(known, row, key=lambda it: (min(it.source_updated_at or _LONG_AGO, it.observed_at), it.observed_at))


def _encode(row: Any) -> str:
    # Sorted keys: the same content has the same hash, in any order of its keys.
    try:
        return orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # an integer over 64 bits, from the tolerant decoder
        return json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _hash(payload: str) -> bytes:
    return hashlib.blake2b(payload.encode(), digest_size=16).digest()
