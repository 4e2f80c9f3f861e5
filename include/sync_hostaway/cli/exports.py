"""`sync-hostaway export …`: tables and training data as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID
from rich.table import Column, Table

from sync_hostaway.cli.options import AsJson, account_option, warehouse
from sync_hostaway.core.console import cell, echo, err, pluralize, print_error, print_json, print_table
from sync_hostaway.exports.tables import Format, export_tables
from sync_hostaway.exports.tables import Table as CoreTable
from sync_hostaway.exports.training_data import export_training_data

export_app = typer.Typer(help="Write tables, and training data for language models, to files.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="A folder that is new or empty", show_default=False, file_okay=False)]
OneAccount = Annotated[int | None, account_option("Only this account. Default: all")]


@export_app.command("tables")
def tables(
    folder: Folder,
    file_format: Annotated[Format, typer.Option("--format", help="Format of the files")] = Format.PARQUET,
    table: Annotated[
        list[str] | None,
        typer.Option(help="Only this table, such as listings or marts.channel_mix; repeatable. Default: all"),
    ] = None,
    account: OneAccount = None,
    as_json: AsJson = False,
) -> None:
    """Write the core tables and marts to Parquet or CSV, a file per table. All files show the same moment.

    Values that are masked or erased in the tables are so in the files. A later erasure does not change files.
    """
    with warehouse() as connection, _table_bars() as show:
        written = export_tables(
            connection, folder, file_format=file_format, names=table or (), account_id=account, on_rows=show
        )
    if as_json:
        print_json([asdict(one) for one in written])
        return
    right = Column("rows", justify="right"), Column("bytes", justify="right")
    shown = Table("table", *right, Column("file", overflow="fold"))
    for one in written:
        shown.add_row(one.table, f"{one.rows:,}", f"{one.bytes:,}", cell(folder / one.file))
    print_table(shown)


@export_app.command("training-data")
def training_data(
    folder: Folder,
    account: OneAccount = None,
    redact: Annotated[
        bool, typer.Option("--redact/--no-redact", help="Replace personal data and secrets with placeholders")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Write conversations and pairs of question and answer as JSON lines, split by guest, with a manifest.

    Personal data and secrets are replaced; erased guests are left out. docs/exports.md describes the files.
    """
    with warehouse() as connection, _bars() as bars:
        task = bars.add_task("conversations", total=None)
        manifest = export_training_data(
            connection,
            folder,
            account_id=account,
            redact=redact,
            on_conversations=lambda done: bars.update(task, completed=done),
        )
    if as_json:
        print_json(manifest)
        return
    for name, file in manifest["files"].items():
        echo(f"{folder / name}: {pluralize(file['rows'], 'line')}")
    replaced = ", ".join(f"{count:,} {kind}" for kind, count in manifest["redaction"].items())
    echo(f"Replaced: {replaced or 'nothing'}.")
    if not redact:
        print_error("The files contain personal data and secrets of guests, because of --no-redact.")


@contextmanager
def _bars() -> Iterator[Progress]:
    with Progress(console=err, disable=not err.is_terminal, transient=True) as bars:
        yield bars


@contextmanager
def _table_bars() -> Iterator[Callable[[CoreTable, int], None]]:
    """Show a bar per table. The length is PostgreSQL's estimate of its rows."""
    known: dict[str, TaskID] = {}
    with _bars() as bars:

        def show(table: CoreTable, rows: int) -> None:
            if table.full_name not in known:
                known[table.full_name] = bars.add_task(table.full_name, total=max(table.estimated_rows, rows) or None)
            bars.update(known[table.full_name], completed=rows)

        yield show
