"""`sync-hostaway sync` and `sync-hostaway transform`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from sync_hostaway.cli.options import AsJson, ThenTransform, account_option, warehouse, warn_if_simulated
from sync_hostaway.cli.progress import graceful_interrupt, sync_progress
from sync_hostaway.core.console import echo, pluralize, print_error, print_json, print_note, print_table
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.context import Progress
from sync_hostaway.extract.dry_run import dry_run_account
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.transforms import TransformResult, pending_loads, run_transform


def sync(
    account: Annotated[int, account_option("Hostaway's account id")],
    mode: Annotated[Mode, typer.Option(help="Read everything, or what changed since the last sync")] = Mode.INCREMENTAL,
    resource: Annotated[
        list[Resource] | None,
        typer.Option(help="Read only this resource; repeatable. Default: those that are switched on for the account"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
            help="Only reservations that changed, and messages of conversations that were active, since then, in UTC",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and compare only: show what would change, and write nothing")
    ] = False,
    then_transform: ThenTransform = False,
    as_json: AsJson = False,
) -> None:
    """Mirror one account now. The exit code is 0 if every resource is complete, or refused by Hostaway."""
    with warehouse() as connection:
        warn_if_simulated()
        results = _sync(connection, account, mode, resource, since, dry_run=dry_run)
        transformed = run_transform(connection, requested_by="cli") if then_transform and not dry_run else None
        waiting = pending_loads(connection)
    complete = all(result.is_complete for result in results)
    if as_json:
        print_json(
            {
                "account_id": account,
                "mode": mode.value,
                "dry_run": dry_run,
                "complete": complete,
                "resources": [_result_json(result) for result in results],
                "transform": transformed.summary() if transformed else None,
                "pending_loads": waiting,
            }
        )
    else:
        print_table(results_table(results))
    for result in results:
        if result.error:
            print_error(f"{result.resource.value} {result.status}: {result.error}")
    if dry_run:
        print_note("Dry run: nothing was written. The same command without --dry-run makes the changes in the table.")
    elif transformed:
        print_note(_transform_text(transformed))
    elif waiting:
        print_note(
            f"{pluralize(waiting, 'load')} of rows landed and are not in the core tables yet. "
            "`sync-hostaway transform` builds them. If Airflow runs, it builds them within minutes."
        )
    if any(result.has_failed for result in results):
        raise typer.Exit(1)


def transform(
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Read every landed row again; tables are filled in place")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build the core tables from the rows that landed since the last transform."""
    with warehouse() as connection:
        result = run_transform(connection, requested_by="cli", full_refresh=full_refresh)
    if as_json:
        print_json(result.summary())
    else:
        echo(_transform_text(result))


def _sync(
    connection: Connection,
    account: int,
    mode: Mode,
    resources: list[Resource] | None,
    since: datetime | None,
    *,
    dry_run: bool,
) -> list[SyncResult]:
    try:
        with graceful_interrupt(connection) as end_if_pressed, sync_progress() as show_progress:

            def on_progress(progress: Progress) -> None:
                show_progress(progress)
                end_if_pressed()

            run = dry_run_account if dry_run else sync_account
            return run(connection, account, mode, resources or None, since=since, on_progress=on_progress)
    except KeyboardInterrupt:
        if dry_run:
            print_note("Interrupted: nothing was written.")
            raise
        print_note(
            "Interrupted. All rows that landed are kept. Within a day, the same command resumes the reservations, "
            "conversations or calendars that it was reading. It reads finished resources again; select the others "
            "with --resource."
        )
        raise


def results_table(results: list[SyncResult]) -> Table:
    """The counts of each resource, as a table for the terminal."""
    table = Table("resource", "status")
    for heading in ("in the source", "read", "new", "changed", "same", "deleted", "in quarantine", "calls"):
        table.add_column(heading, justify="right")
    for result in results:
        counts = result.counts
        table.add_row(
            result.resource.value,
            Text(result.status, "green" if result.is_complete else "red"),
            *(
                "" if number is None else f"{number:,}"
                for number in (
                    result.expected,
                    counts.seen,
                    counts.new,
                    counts.changed,
                    counts.unchanged,
                    counts.deleted,
                    counts.quarantined,
                    result.api_calls,
                )
            ),
        )
    return table


def _result_json(result: SyncResult) -> dict[str, Any]:
    counts = result.counts
    return {
        "resource": result.resource.value,
        "mode": result.mode.value,
        "status": result.status,
        "expected": result.expected,
        "seen": counts.seen,
        "new": counts.new,
        "changed": counts.changed,
        "unchanged": counts.unchanged,
        "deleted": counts.deleted,
        "quarantined": counts.quarantined,
        "api_calls": result.api_calls,
        "error": result.error,
    }


def _transform_text(result: TransformResult) -> str:
    if result.transform_id is None:
        return "The core tables are up to date: no new rows have landed since the last transform."
    deferred = (
        f" {pluralize(result.rows_deferred, 'row')} wait for their parent (ops.deferred_rows)."
        if result.rows_deferred
        else ""
    )
    return f"Core tables built from {pluralize(result.loads, 'load')} in {result.seconds:.1f} s.{deferred}"
