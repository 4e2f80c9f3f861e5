"""The `sync-hostaway` command."""

from __future__ import annotations

import io
import sys
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from sync_hostaway import migrations
from sync_hostaway.cli.accounts import accounts_app, guests_app, secrets_app, tokens_app
from sync_hostaway.cli.alerts import alerts_app
from sync_hostaway.cli.api_login import api_login
from sync_hostaway.cli.doctor import doctor
from sync_hostaway.cli.env import env
from sync_hostaway.cli.errors import Commands, err_level
from sync_hostaway.cli.exports import export_app
from sync_hostaway.cli.local import app as local_app
from sync_hostaway.cli.logs import configure_logs
from sync_hostaway.cli.options import AsJson, complete_account, warehouse, warn_if_simulated
from sync_hostaway.cli.plan import plan
from sync_hostaway.cli.progress import graceful_interrupt, sync_progress
from sync_hostaway.cli.transcripts import import_transcripts_command
from sync_hostaway.cli.webhooks import webhooks_app
from sync_hostaway.core.console import echo, err, pluralize, print_error, print_json, print_note, print_table
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings, refuse_unknown_names
from sync_hostaway.extract.context import Progress
from sync_hostaway.extract.dry_run import dry_run_account
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.hostaway.values import LARGEST_ID
from sync_hostaway.simulator.command import simulator
from sync_hostaway.transforms import TransformResult, build_docs, pending_loads, run_transform
from sync_hostaway.transforms.documentation import publish_documentation

app = typer.Typer(
    cls=Commands,
    help="Mirror Hostaway accounts into PostgreSQL.",
    no_args_is_help=True,
    # Typer's own traceback shows the values of local variables, which may be secrets.
    pretty_exceptions_enable=False,
)
app.add_typer(accounts_app, name="accounts")
app.add_typer(tokens_app, name="tokens")
app.add_typer(guests_app, name="guests")
app.add_typer(secrets_app, name="secrets")
app.add_typer(local_app, name="local")
app.add_typer(webhooks_app, name="webhooks")
app.command("api-login")(api_login)
app.add_typer(alerts_app, name="alerts")
app.add_typer(export_app, name="export")
app.command("import-transcripts")(import_transcripts_command)
app.command("simulator")(simulator)
app.command("doctor")(doctor)
app.command("plan")(plan)
app.command("env")(env)


class LogFormat(StrEnum):
    """The formats of log lines."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """Log levels, most verbose first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sync-hostaway {version('sync-hostaway')}")
        raise typer.Exit


@app.callback()
def main(
    ctx: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show log lines; the same as --log-level info")] = (
        False
    ),
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show log lines and, for an error, the traceback; the same as --log-level debug"),
    ] = False,
    log_level: Annotated[
        LogLevel | None,
        typer.Option(
            envvar="LOG_LEVEL",
            case_sensitive=False,
            help="Minimum level of log lines on stderr. Default: error on a terminal, else warning",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        LogFormat,
        typer.Option(envvar="LOG_FORMAT", case_sensitive=False, help="Log lines as text, or each as a JSON object"),
    ] = LogFormat.TEXT,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit")
    ] = False,
) -> None:
    """Mirror Hostaway accounts into PostgreSQL."""
    for stream in (sys.stdout, sys.stderr):
        # With LANG=C or PYTHONIOENCODING, some names cannot be encoded. Those are shown in ASCII.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # On a terminal, bars and tables show the progress, so only errors are logged.
    level = err_level(ctx.params) or ("error" if err.is_terminal else "warning")
    configure_logs(level, as_json=log_format is LogFormat.JSON)
    refuse_unknown_names()


@app.command()
def migrate() -> None:
    """Migrate the schemas ops and landing to the newest version. Safe to repeat, also in two processes at once."""
    echo(f"The warehouse is at revision {migrations.upgrade(get_settings().warehouse_dsn)}.")


@app.command()
def sync(
    account: Annotated[
        int, typer.Option(help="Hostaway's account id", min=1, max=LARGEST_ID, autocompletion=complete_account)
    ],
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
    then_transform: Annotated[
        bool, typer.Option("--transform", help="Then build the core tables, as `sync-hostaway transform` does")
    ] = False,
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
                "transform": _transform_json(transformed) if transformed else None,
                "pending_loads": waiting,
            }
        )
    else:
        print_table(_results_table(results))
    for result in results:
        if result.error:
            print_error(f"{result.resource.value} {result.status}: {result.error}")
    if dry_run:
        print_note("Dry run: nothing was written. The same command without --dry-run makes the changes in the table.")
    elif transformed:
        print_note(_told(transformed))
    elif waiting:
        print_note(
            f"{pluralize(waiting, 'load')} of rows landed and are not in the core tables yet. "
            "`sync-hostaway transform` builds them. If Airflow runs, it builds them within minutes."
        )
    if any(result.has_failed for result in results):
        raise typer.Exit(1)


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


@app.command()
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
        print_json(_transform_json(result))
    else:
        echo(_told(result))


def _told(result: TransformResult) -> str:
    if result.transform_id is None:
        return "The core tables are up to date: no new rows have landed since the last transform."
    deferred = (
        f" {pluralize(result.rows_deferred, 'row')} wait for their parent (ops.deferred_rows)."
        if result.rows_deferred
        else ""
    )
    return f"Core tables built from {pluralize(result.loads, 'load')} in {result.seconds:.1f} s.{deferred}"


def _transform_json(result: TransformResult) -> dict[str, Any]:
    return result.summary()


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running")] = False,
    listings: Annotated[int, typer.Option(min=0)] = 50,
    reservations: Annotated[int, typer.Option(min=0)] = 1_000,
    conversations: Annotated[int, typer.Option(min=0)] = 1_000,
) -> None:
    """Mirror two simulated accounts through Airflow, and show the result. The sizes are per account."""
    from sync_hostaway.demo.run import run_demo
    from sync_hostaway.local.simulator_process import DemoSize

    if not run_demo(DemoSize(listings, reservations, conversations), keep=keep):
        raise typer.Exit(1)


@app.command("demo-event")
def demo_event() -> None:
    """Change a reservation in the simulator, and measure the time until the core tables show it."""
    from sync_hostaway.demo.event import run_demo_event

    run_demo_event(echo)


@app.command()
def docs(
    folder: Annotated[Path | None, typer.Option(help="Folder of the page; default: docs/dbt of the project")] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Build the page Docs > Hostaway tables in Airflow's UI instead of a file")
    ] = False,
) -> None:
    """Build one page that documents all tables."""
    with warehouse() as connection:
        if publish:
            publish_documentation(connection)
            echo("Airflow's UI shows it below Docs > Hostaway tables.")
            return
        page = build_docs(connection, folder)
    echo(f"Open {page}")


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


def _results_table(results: list[SyncResult]) -> Table:
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
