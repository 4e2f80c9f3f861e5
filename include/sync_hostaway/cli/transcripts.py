"""`sync-hostaway import-transcripts`: conversations that another system kept as text files."""

from __future__ import annotations

import codecs
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.progress import Progress
from rich.table import Column, Table

from sync_hostaway.cli.options import AsJson, ThenTransform, account_option, warehouse
from sync_hostaway.core.console import cell, echo, err, pluralize, print_json, print_note, print_table
from sync_hostaway.transcripts.importer import ImportReport, Options, import_transcripts
from sync_hostaway.transcripts.stamps import DateOrder
from sync_hostaway.transforms import run_transform

# Lines of problems in the table; --json has all.
_SHOWN = 100


def import_transcripts_command(
    folder: Annotated[
        Path, typer.Argument(help="The folder with conversations/LISTING/GUEST_DATE_conversation.txt", exists=True)
    ],
    account: Annotated[
        int | None, account_option("Account of all files. Default: the account that has a listing of the folder's name")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what would be imported, and write nothing")
    ] = False,
    then_transform: ThenTransform = False,
    dates: Annotated[DateOrder, typer.Option(help="What 05/06/2025 means. auto: as other dates of the file tell")] = (
        DateOrder.AUTO
    ),
    time_zone: Annotated[str, typer.Option(help="Time zone of times that name none, such as Europe/Berlin")] = "UTC",
    encoding: Annotated[
        str | None,
        typer.Option(help="Encoding of the files, such as cp1251. Default: UTF-8, else guessed", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import conversations that another system kept as text files.

    Files are only read, and a second import of the same files changes nothing. What was not understood is listed with
    file and line. The exit code is 1 if no file could be imported. docs/transcripts.md describes the files.
    """  # fmt: skip
    options = Options(account, _encoding(encoding), dates, _zone(time_zone), dry_run)
    with warehouse() as connection:
        with Progress(console=err, disable=not err.is_terminal, transient=True) as bars:
            task = bars.add_task("transcripts", total=None)
            report = import_transcripts(
                connection, folder, options, on_file=lambda done: bars.update(task, completed=done)
            )
        if then_transform and not dry_run:
            run_transform(connection, requested_by="cli")
    if as_json:
        print_json(report.as_json())
    else:
        _show(report, transformed=then_transform)
    if not report.files:
        raise typer.Exit(1)


def _show(report: ImportReport, *, transformed: bool) -> None:
    table = Table("file", Column("line", justify="right"), Column("not understood", overflow="fold"), "imported")
    for problem in report.problems[:_SHOWN]:
        table.add_row(
            cell(problem.file), cell(problem.line), cell(problem.reason), "yes" if problem.is_imported else "no"
        )
    if report.problems:
        print_table(table)
    if len(report.problems) > _SHOWN:
        print_note(f"{len(report.problems) - _SHOWN:,} more: --json prints all.")
    echo(
        f"{pluralize(report.files, 'transcript')}: {report.new:,} new, {report.changed:,} changed, "
        f"{report.unchanged:,} unchanged; {report.not_imported:,} not imported. "
        f"{pluralize(report.messages, 'message')}. Linked to a listing: {report.with_listing:,}; "
        f"to a reservation and its guest: {report.with_reservation:,}."
    )
    if report.dry_run:
        print_note("Dry run: nothing was written.")
    elif report.new + report.changed and not transformed:
        print_note("`sync-hostaway transform` brings them into the tables. If Airflow runs, it does so within minutes.")


def _encoding(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise typer.BadParameter(f"Python has no encoding {name!r}", param_hint="--encoding") from None


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"there is no time zone {name!r}", param_hint="--time-zone") from None
