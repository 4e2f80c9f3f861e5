"""The `sync-hostaway` command."""

from __future__ import annotations

import io
import sys
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from sync_hostaway import migrations
from sync_hostaway.cli.accounts import accounts_app
from sync_hostaway.cli.alerts import alerts_app
from sync_hostaway.cli.api_login import api_login
from sync_hostaway.cli.doctor import doctor
from sync_hostaway.cli.env import env
from sync_hostaway.cli.errors import Commands, err_level
from sync_hostaway.cli.exports import export_app
from sync_hostaway.cli.guests import guests_app
from sync_hostaway.cli.local import app as local_app
from sync_hostaway.cli.logs import configure_logs
from sync_hostaway.cli.options import warehouse
from sync_hostaway.cli.plan import plan
from sync_hostaway.cli.secrets import secrets_app
from sync_hostaway.cli.sync import sync, transform
from sync_hostaway.cli.tokens import tokens_app
from sync_hostaway.cli.transcripts import import_transcripts_command
from sync_hostaway.cli.webhooks import webhooks_app
from sync_hostaway.core.console import echo, err
from sync_hostaway.core.files import keep_owner_rights
from sync_hostaway.core.settings import get_settings, refuse_unknown_names
from sync_hostaway.simulator.command import simulator
from sync_hostaway.transforms import build_docs
from sync_hostaway.transforms.documentation import publish_documentation

app = typer.Typer(
    cls=Commands,
    help="Mirror Hostaway accounts into PostgreSQL.",
    no_args_is_help=True,
    # Typer's own traceback shows the values of local variables, which may be secrets.
    pretty_exceptions_enable=False,
)
# The groups of `--help`, which shows groups that have only subcommands last.
_MIRROR, _MANAGE, _DATA, _INSTALL, _TRY = "Mirror", "Manage", "Data", "Install", "Try it"
app.command("sync", rich_help_panel=_MIRROR)(sync)
app.command("transform", rich_help_panel=_MIRROR)(transform)
app.command("plan", rich_help_panel=_MIRROR)(plan)
app.command("doctor", rich_help_panel=_MIRROR)(doctor)
app.add_typer(accounts_app, name="accounts", rich_help_panel=_MANAGE)
app.add_typer(tokens_app, name="tokens", rich_help_panel=_MANAGE)
app.add_typer(guests_app, name="guests", rich_help_panel=_MANAGE)
app.add_typer(secrets_app, name="secrets", rich_help_panel=_MANAGE)
app.add_typer(webhooks_app, name="webhooks", rich_help_panel=_MANAGE)
app.add_typer(alerts_app, name="alerts", rich_help_panel=_MANAGE)
app.add_typer(export_app, name="export", rich_help_panel=_DATA)
app.command("import-transcripts", rich_help_panel=_DATA)(import_transcripts_command)
app.command("env", rich_help_panel=_INSTALL)(env)
app.command("api-login", rich_help_panel=_INSTALL)(api_login)
app.add_typer(local_app, name="local", rich_help_panel=_INSTALL)
app.command("simulator", rich_help_panel=_TRY)(simulator)


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


def _print_version(is_requested: bool) -> None:
    if is_requested:
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
    keep_owner_rights()
    # On a terminal, bars and tables show the progress, so only errors are logged.
    level = err_level(ctx.params) or ("error" if err.is_terminal else "warning")
    configure_logs(level, as_json=log_format is LogFormat.JSON)
    refuse_unknown_names()


@app.command(rich_help_panel=_INSTALL)
def migrate() -> None:
    """Migrate the schemas ops and landing to the newest version. Safe to repeat, also in two processes at once."""
    echo(f"The warehouse is at revision {migrations.upgrade(get_settings().warehouse_dsn)}.")


@app.command(rich_help_panel=_TRY)
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


@app.command("demo-event", rich_help_panel=_TRY)
def demo_event() -> None:
    """Change a reservation in the simulator, and measure the time until the core tables show it."""
    from sync_hostaway.demo.event import run_demo_event

    run_demo_event(echo)


@app.command(rich_help_panel=_DATA)
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
