"""The `sync-hostaway` command."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import structlog
import typer
from cryptography.fernet import Fernet
from rich.console import Console
from rich.table import Table

from sync_hostaway import migrations
from sync_hostaway.accounts import registry
from sync_hostaway.exceptions import SyncHostawayError
from sync_hostaway.hostaway.endpoints import Mode, Resource
from sync_hostaway.local.command import app as local_app
from sync_hostaway.settings import get_settings
from sync_hostaway.simulator.command import simulator
from sync_hostaway.sync.engine import SyncResult, sync_account
from sync_hostaway.sync.progress import sync_progress
from sync_hostaway.transform import build_docs, run_transform
from sync_hostaway.warehouse import Connection, connect

app = typer.Typer(help="Mirror Hostaway accounts into PostgreSQL.", no_args_is_help=True, add_completion=False)
accounts_app = typer.Typer(help="The accounts that are mirrored.", no_args_is_help=True)
secrets_app = typer.Typer(help="Keys that encrypt stored secrets.", no_args_is_help=True)
app.add_typer(accounts_app, name="accounts")
app.add_typer(secrets_app, name="secrets")
app.add_typer(local_app, name="local")
app.command("simulator")(simulator)

out = Console()
err = Console(stderr=True)

P = ParamSpec("P")
R = TypeVar("R")

AccountId = Annotated[int, typer.Argument(help="Hostaway's account id", min=1)]
Secret = Annotated[str | None, typer.Option("--secret", help="API key; read from standard input when left out")]


@app.callback()
def main(verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show log lines")] = False) -> None:
    """Mirror Hostaway accounts into PostgreSQL."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("info" if verbose else "warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def clear_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Our own errors end a command with their message and exit code 1, without a traceback."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SyncHostawayError as error:
            err.print(f"[bold red]{type(error).__name__}[/]: {error}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from error

    return guarded


def _warehouse() -> AbstractContextManager[Connection]:
    return connect(application="sync-hostaway cli")


@app.command()
@clear_errors
def migrate() -> None:
    """Bring the schemas ops and landing to the newest version. Safe to run twice, and by two processes at once."""
    out.print(f"The warehouse is at revision {migrations.upgrade(get_settings().warehouse_dsn)}.")


@accounts_app.command("add")
@clear_errors
def accounts_add(
    account_id: AccountId, secret: Secret = None, name: Annotated[str | None, typer.Option(help="For people")] = None
) -> None:
    """Register an account, after checking its credentials with Hostaway."""
    with _warehouse() as connection:
        registry.add_account(connection, account_id, _read_secret(secret), name=name)
    out.print(f"Account {account_id} is registered. Its Dag is hostaway_sync__{account_id}.")


@accounts_app.command("list")
@clear_errors
def accounts_list() -> None:
    """Show every registered account."""
    table = Table("account", "name", "state", "since", "last complete sync", "why")
    with _warehouse() as connection:
        for account in registry.list_accounts(connection):
            table.add_row(
                str(account.account_id),
                account.name or "",
                account.state,
                _when(account.created_at),
                _when(account.last_sync_at),
                account.state_reason or "",
            )
    out.print(table)


@accounts_app.command("disable")
@clear_errors
def accounts_disable(account_id: AccountId, reason: Annotated[str | None, typer.Option()] = None) -> None:
    """Stop mirroring an account. Its rows stay; `accounts add` makes it active again."""
    with _warehouse() as connection:
        registry.disable_account(connection, account_id, reason)
    out.print(f"Account {account_id} is disabled.")


@accounts_app.command("rotate")
@clear_errors
def accounts_rotate(account_id: AccountId, secret: Secret = None) -> None:
    """Replace an account's API key. The new one is checked with Hostaway before the old one goes."""
    with _warehouse() as connection:
        registry.rotate_secret(connection, account_id, _read_secret(secret))
    out.print(f"Account {account_id} has a new secret.")


@app.command()
@clear_errors
def sync(
    account: Annotated[int, typer.Option(help="Hostaway's account id", min=1)],
    mode: Annotated[Mode, typer.Option(help="Everything, or what changed")] = Mode.INCREMENTAL,
    resource: Annotated[list[Resource] | None, typer.Option(help="Only this one; repeatable")] = None,
) -> None:
    """Mirror one account now. The exit code is 0 only when every resource was complete."""
    with _warehouse() as connection, sync_progress(err) as show:
        results = sync_account(connection, account, mode, resource or tuple(Resource), on_progress=show)
    out.print(_results_table(results))


@app.command()
@clear_errors
def transform() -> None:
    """Build the core tables from what has landed since the last transform."""
    result = run_transform(requested_by="cli")
    out.print(f"{result.loads} loads transformed, {result.rows_held} rows held back, in {result.seconds:.1f} s.")


@app.command()
@clear_errors
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running")] = False,
    listings: Annotated[int, typer.Option(min=0)] = 50,
    reservations: Annotated[int, typer.Option(min=0)] = 1_000,
    threads: Annotated[int, typer.Option(min=0)] = 1_000,
) -> None:
    """Mirror two accounts through Airflow, end to end, and show what landed. Sizes are per account of the simulator."""
    from sync_hostaway.local.demo import DemoSize, run_demo

    # Being told to end is like Ctrl-C: what the demo started is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not run_demo(DemoSize(listings, reservations, threads), keep=keep):
        raise typer.Exit(1)


@app.command()
@clear_errors
def docs() -> None:
    """Build the documentation of the tables, one page, into docs/dbt."""
    out.print(f"Open {build_docs(Path('docs/dbt'))}", soft_wrap=True)


@secrets_app.command("new-key")
def secrets_new_key() -> None:
    """Print a new key for AIRFLOW__HOSTAWAY__SECRET_KEYS."""
    out.print(Fernet.generate_key().decode(), highlight=False, soft_wrap=True)


def _read_secret(secret: str | None) -> str:
    if secret:
        return secret
    if sys.stdin.isatty():
        return str(typer.prompt("API key", hide_input=True))
    value = sys.stdin.readline().strip()
    if not value:
        raise SyncHostawayError("No secret: pass --secret, or write it to standard input")
    return value


def _results_table(results: list[SyncResult]) -> Table:
    table = Table("resource", "verdict", "in the source", "seen", "new", "changed", "unchanged", "quarantined", "calls")
    for result in results:
        counts = result.counts
        table.add_row(
            result.resource.value,
            result.verdict,
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


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
