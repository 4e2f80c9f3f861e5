"""The `sync-hostaway` command."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import structlog
import typer
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from sync_hostaway import migrations
from sync_hostaway.accounts.command import accounts_app, guests_app, secrets_app, tokens_app
from sync_hostaway.cli_parts import complain, counted, err, out, say_if_simulated, show, warehouse
from sync_hostaway.cli_progress import ended_by_ctrl_c, sync_progress
from sync_hostaway.exceptions import SyncHostawayError
from sync_hostaway.hostaway.endpoints import Mode, Resource
from sync_hostaway.local.command import app as local_app
from sync_hostaway.settings import get_settings, refuse_unknown_names
from sync_hostaway.simulator.command import simulator
from sync_hostaway.sync.context import Progress
from sync_hostaway.sync.engine import SyncResult, sync_account
from sync_hostaway.text import visible
from sync_hostaway.transform import build_docs, run_transform
from sync_hostaway.webhooks.command import webhooks_app


class Commands(TyperGroup):
    """Errors we know end a command, whichever it is, with one clear line and exit code 1: no traceback, no secret."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SyncHostawayError as error:
            complain(type(error).__name__, str(error))
        except psycopg.Error as error:
            complain("The warehouse", _without_rows(error))
        raise typer.Exit(1)


app = typer.Typer(
    cls=Commands, help="Mirror Hostaway accounts into PostgreSQL.", no_args_is_help=True, add_completion=False
)
app.add_typer(accounts_app, name="accounts")
app.add_typer(tokens_app, name="tokens")
app.add_typer(guests_app, name="guests")
app.add_typer(secrets_app, name="secrets")
app.add_typer(local_app, name="local")
app.add_typer(webhooks_app, name="webhooks")
app.command("simulator")(simulator)


@app.callback()
def main(verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show log lines")] = False) -> None:
    """Mirror Hostaway accounts into PostgreSQL."""
    refuse_unknown_names()
    processors = [each for each in structlog.get_config()["processors"] if each is not _visible_values]
    structlog.configure(
        processors=[*processors[:-1], _visible_values, processors[-1]],
        # On a terminal, bars and tables say what matters; a log is read when something was wrong.
        wrapper_class=structlog.make_filtering_bound_logger(
            "info" if verbose else "error" if err.is_terminal else "warning"
        ),
        # Looked up for each line: while bars are shown, rich stands in for it, and keeps the lines above them.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


@app.command()
def migrate() -> None:
    """Bring the schemas ops and landing to the newest version. Safe to run twice, and by two processes at once."""
    out.print(f"The warehouse is at revision {migrations.upgrade(get_settings().warehouse_dsn)}.")


@app.command()
def sync(
    account: Annotated[int, typer.Option(help="Hostaway's account id", min=1)],
    mode: Annotated[Mode, typer.Option(help="Everything, or what changed")] = Mode.INCREMENTAL,
    resource: Annotated[
        list[Resource] | None,
        typer.Option(help="Only this one; repeatable. Without it, those that are switched on for the account"),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
            help="Only reservations and threads that changed at or after this moment, in UTC",
        ),
    ] = None,
) -> None:
    """Mirror one account now. The exit code is 0 only when every resource was complete."""
    with warehouse() as connection:
        say_if_simulated()
        try:
            with ended_by_ctrl_c(connection) as end_if_pressed, sync_progress() as show_progress:

                def on_progress(progress: Progress) -> None:
                    show_progress(progress)
                    end_if_pressed()

                results = sync_account(
                    connection, account, mode, resource or None, since=since, on_progress=on_progress
                )
        except KeyboardInterrupt:
            err.print(
                "Interrupted: what has landed stays. For a day, the same command goes on with reservations, threads or "
                "calendars that were under way; what was done is read again unless --resource leaves it out.",
                soft_wrap=True,
            )
            raise
    show(_results_table(results))
    for result in results:
        if result.error:
            complain(f"{result.resource.value} {result.verdict}", result.error)
    if not all(result.is_complete for result in results):
        raise typer.Exit(1)


@app.command()
def transform() -> None:
    """Build the core tables from what has landed since the last transform."""
    with warehouse() as connection:
        result = run_transform(connection, requested_by="cli")
    loads, rows = counted(result.loads, "load"), counted(result.rows_held, "row")
    out.print(f"{loads} transformed, {rows} held back, in {result.seconds:.1f} s.")


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running")] = False,
    listings: Annotated[int, typer.Option(min=0)] = 50,
    reservations: Annotated[int, typer.Option(min=0)] = 1_000,
    threads: Annotated[int, typer.Option(min=0)] = 1_000,
) -> None:
    """Mirror two accounts through Airflow, end to end, and show what landed. Sizes are per account of the simulator."""
    from sync_hostaway.local.demo import run_demo
    from sync_hostaway.local.simulated import DemoSize

    if not run_demo(DemoSize(listings, reservations, threads), keep=keep):
        raise typer.Exit(1)


@app.command("demo-event")
def demo_event() -> None:
    """Change a reservation at the demo's Hostaway, and show how long it takes until the core tables have it."""
    from sync_hostaway.local.demo_event import run_demo_event

    run_demo_event(lambda text: out.print(text, soft_wrap=True, markup=False, highlight=False))


@app.command()
def docs() -> None:
    """Build the documentation of the tables, one page, into docs/dbt."""
    with warehouse() as connection:
        page = build_docs(Path("docs/dbt"), connection)
    out.print(f"Open {page}", soft_wrap=True, markup=False)


def _visible_values(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A log line in which no text of a stranger acts on the terminal."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = visible(value)
    return event


def _without_rows(error: psycopg.Error) -> str:
    """What PostgreSQL says, without the details, which may quote a row. libpq's own words may quote the URL."""
    is_away = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    said = error.diag.message_primary or ("the connection was lost" if is_away else "it cannot be used")
    return f"{said} ({type(error).__name__})"


def _results_table(results: list[SyncResult]) -> Table:
    table = Table("resource", "verdict")
    for heading in ("in the source", "seen", "new", "changed", "same", "in quarantine", "calls"):
        table.add_column(heading, justify="right")
    for result in results:
        counts = result.counts
        table.add_row(
            result.resource.value,
            Text(result.verdict, "green" if result.is_complete else "red"),
            *(
                "" if number is None else f"{number:,}"
                for number in (
                    result.expected,
                    counts.seen,
                    counts.new,
                    counts.changed,
                    counts.unchanged,
                    counts.quarantined,
                    result.api_calls,
                )
            ),
        )
    return table
