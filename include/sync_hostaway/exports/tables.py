"""Writes core tables and marts to Parquet or CSV files. The memory does not depend on the number of rows.

The rows are those of the tables: values that are masked or erased there are so in the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.rows import tuple_row

from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.exports.folder import new_folder

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
# Rows in memory at a time. A row of `reservations` has about 5 kB, most of it in pms_meta.
_BATCH = 5_000


class Format(StrEnum):
    """File formats."""

    PARQUET = "parquet"
    CSV = "csv"


@dataclass(frozen=True)
class Table:
    """A core table or a mart.

    :param estimated_rows: from PostgreSQL's statistics; 0 if there are none.
    """

    schema: str
    name: str
    has_account: bool
    estimated_rows: int

    @property
    def full_name(self) -> str:
        """Schema and name: `hostaway.listings`."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Written:
    """A file that was written."""

    table: str
    file: str
    rows: int
    bytes: int


OnRows = Callable[[Table, int], None]


def export_tables(
    connection: Connection,
    folder: Path,
    *,
    file_format: Format = Format.PARQUET,
    names: Sequence[str] = (),
    account_id: int | None = None,
    on_rows: OnRows = lambda _table, _rows: None,
) -> list[Written]:
    """Write a file per table. All files show the same moment.

    :param folder: new or empty; see `new_folder`.
    :param names: `listings` or `hostaway.listings`; empty: every core table and mart.
    :param account_id: only rows of this account; tables without accounts are left out. None: every row.
    :param on_rows: called with each table and its rows until now.
    :raises InvalidValue: when a table does not exist, or the folder has files.
    """
    with connection.transaction():
        connection.execute(_QUERIES["begin"])
        tables = _selected(connection, names)
        if account_id is not None:
            tables = [table for table in tables if table.has_account]
        write = _write_csv if file_format is Format.CSV else _write_parquet
        written = []
        with new_folder(folder) as unfinished:
            for table in tables:
                file = unfinished / f"{table.full_name}.{file_format.value}"
                rows = write(connection, table, _query(connection, table, account_id), file, on_rows)
                on_rows(table, rows)
                written.append(Written(table.full_name, file.name, rows, file.stat().st_size))
        return written


def _selected(connection: Connection, names: Sequence[str]) -> list[Table]:
    known = [Table(**row) for row in connection.execute(_QUERIES["tables"])]
    if not known:
        raise InvalidValue("There are no core tables yet: `sync-hostaway transform` builds them")
    unknown = [name for name in names if not any(name in (table.name, table.full_name) for table in known)]
    if unknown:
        raise InvalidValue(f"No such table: {', '.join(unknown)}. There are {', '.join(t.full_name for t in known)}")
    return [table for table in known if not names or table.name in names or table.full_name in names]


def _columns(connection: Connection, table: Table) -> list[tuple[str, str]]:
    relation = sql.Identifier(table.schema, table.name).as_string(connection)
    return [(row["name"], row["type"]) for row in connection.execute(_QUERIES["columns"], {"relation": relation})]


def _query(connection: Connection, table: Table, account_id: int | None) -> sql.Composed:
    # JSON as text. `infinity` and years that Python does not have become null, as everywhere in this project.
    columns = sql.SQL(", ").join(_column(name, kind) for name, kind in _columns(connection, table))
    query = _QUERIES["rows" if account_id is None else "rows_of_account"]
    relation = sql.Identifier(table.schema, table.name)
    return query.format(columns=columns, table=relation, account_id=sql.Literal(account_id))


def _column(name: str, kind: str) -> sql.Composed:
    forms = {
        "jsonb": "{name}::text as {name}",
        "date": "case when {name} between '0001-01-01' and '9999-12-31' then {name} end as {name}",
        "timestamp with time zone": (
            "case when {name} between '0001-01-02 00:00+00' and '9999-12-30 00:00+00' then {name} end as {name}"
        ),
    }
    if kind in forms:
        return sql.SQL(forms[kind]).format(name=sql.Identifier(name))
    return sql.Composed([sql.Identifier(name)])


def _write_csv(connection: Connection, table: Table, query: sql.Composed, file: Path, on_rows: OnRows) -> int:
    with connection.cursor() as cursor, file.open("wb") as target:
        # PostgreSQL sends a message per row.
        with cursor.copy(_QUERIES["copy_csv"].format(rows=query)) as copy:
            for number, row in enumerate(copy):
                target.write(row)
                if number and number % _BATCH == 0:
                    on_rows(table, number)
        return cursor.rowcount


def _write_parquet(connection: Connection, table: Table, query: sql.Composed, file: Path, on_rows: OnRows) -> int:
    # pyarrow takes long to import, and only this needs it.
    from sync_hostaway.exports.parquet import parquet_writer

    done = 0
    with parquet_writer(file, _columns(connection, table)) as write:
        for rows in _batches(connection, query):
            write(rows)
            done += len(rows)
            on_rows(table, done)
    return done


def _batches(connection: Connection, query: sql.Composed) -> Iterator[list[tuple[Any, ...]]]:
    with connection.cursor("export", row_factory=tuple_row) as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(_BATCH):
            yield rows
