"""The `sync-hostaway` command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import structlog
import typer
from alembic.util import CommandError
from cryptography.fernet import Fernet
from psycopg import sql
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError
from typer.core import TyperGroup

from sync_hostaway import migrations
from sync_hostaway.accounts import registry
from sync_hostaway.exceptions import SyncHostawayError, WarehouseUnavailable
from sync_hostaway.hostaway.endpoints import Mode, Resource
from sync_hostaway.local.command import app as local_app
from sync_hostaway.local.home import Home
from sync_hostaway.local.simulated import SimulatedApi
from sync_hostaway.settings import get_settings
from sync_hostaway.simulator.command import simulator
from sync_hostaway.sync.engine import SyncResult, sync_account
from sync_hostaway.sync.progress import sync_progress
from sync_hostaway.transform import build_docs, run_transform
from sync_hostaway.warehouse import Connection, connect, fetch_value


class Commands(TyperGroup):
    """Errors we know end a command, whichever it is, with one clear line and exit code 1: no traceback, no secret."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SyncHostawayError as error:
            _complain(type(error).__name__, str(error))
        except psycopg.Error as error:
            _complain("The warehouse", _without_rows(error))
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None)
            _complain("The warehouse", _without_rows(cause) if isinstance(cause, psycopg.Error) else "cannot be used")
        except CommandError as error:
            _complain("The warehouse cannot be migrated", str(error))
        raise typer.Exit(1)


app = typer.Typer(
    cls=Commands, help="Mirror Hostaway accounts into PostgreSQL.", no_args_is_help=True, add_completion=False
)
accounts_app = typer.Typer(help="The accounts that are mirrored.", no_args_is_help=True)
secrets_app = typer.Typer(help="Keys that encrypt stored secrets.", no_args_is_help=True)
app.add_typer(accounts_app, name="accounts")
app.add_typer(secrets_app, name="secrets")
app.add_typer(local_app, name="local")
app.command("simulator")(simulator)

out = Console()
err = Console(stderr=True)

AccountId = Annotated[int, typer.Argument(help="Hostaway's account id", min=1)]
Secret = Annotated[str | None, typer.Option("--secret", help="API key; read from standard input when left out")]


@app.callback()
def main(verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show log lines")] = False) -> None:
    """Mirror Hostaway accounts into PostgreSQL."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("info" if verbose else "warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@contextmanager
def _warehouse() -> Iterator[Connection]:
    """The warehouse, of a schema that this version knows.

    :raises WarehouseUnavailable: when it has not been migrated.
    """
    with connect(application="sync-hostaway cli") as connection:
        is_there = fetch_value(connection, sql.SQL("select to_regclass('ops.alembic_version') is not null"))
        known = sql.SQL("select version_num from ops.alembic_version")
        revision = fetch_value(connection, known) if is_there else None
        head = migrations.head()
        # A newer one than ours is all right: what is added there, we do not read.
        if revision is None or revision < head:
            state = f"is at revision {revision}, this version needs {head}" if revision else "was never migrated"
            raise WarehouseUnavailable(f"The warehouse {state}: run `sync-hostaway migrate`")
        yield connection


@app.command()
def migrate() -> None:
    """Bring the schemas ops and landing to the newest version. Safe to run twice, and by two processes at once."""
    out.print(f"The warehouse is at revision {migrations.upgrade(get_settings().warehouse_dsn)}.")


@accounts_app.command("add")
def accounts_add(
    account_id: AccountId, secret: Secret = None, name: Annotated[str | None, typer.Option(help="For people")] = None
) -> None:
    """Register an account, after checking its credentials with Hostaway."""
    secret = _read_secret(secret)
    with _warehouse() as connection:
        _say_if_simulated()
        registry.add_account(connection, account_id, secret, name=name)
    out.print(f"Account {account_id} is registered. Its Dag is hostaway_sync__{account_id}.")


@accounts_app.command("list")
def accounts_list() -> None:
    """Show every registered account."""
    table = Table("account", "name", "state", "since", "last complete sync", "why")
    with _warehouse() as connection:
        for account in registry.list_accounts(connection):
            table.add_row(
                str(account.account_id),
                escape(account.name or ""),
                account.state,
                _when(account.created_at),
                _when(account.last_sync_at),
                escape(account.state_reason or ""),
            )
    out.print(table)


@accounts_app.command("disable")
def accounts_disable(account_id: AccountId, reason: Annotated[str | None, typer.Option()] = None) -> None:
    """Stop mirroring an account. Its rows stay; `accounts add` makes it active again."""
    with _warehouse() as connection:
        registry.disable_account(connection, account_id, reason)
    out.print(f"Account {account_id} is disabled.")


@accounts_app.command("rotate")
def accounts_rotate(account_id: AccountId, secret: Secret = None) -> None:
    """Replace an account's API key. The new one is checked with Hostaway before the old one goes."""
    secret = _read_secret(secret)
    with _warehouse() as connection:
        _say_if_simulated()
        registry.rotate_secret(connection, account_id, secret)
    out.print(f"Account {account_id} has a new secret.")


@app.command()
def sync(
    account: Annotated[int, typer.Option(help="Hostaway's account id", min=1)],
    mode: Annotated[Mode, typer.Option(help="Everything, or what changed")] = Mode.INCREMENTAL,
    resource: Annotated[list[Resource] | None, typer.Option(help="Only this one; repeatable")] = None,
) -> None:
    """Mirror one account now. The exit code is 0 only when every resource was complete."""
    with _warehouse() as connection:
        _say_if_simulated()
        with sync_progress(err) as show:
            results = sync_account(connection, account, mode, resource or tuple(Resource), on_progress=show)
    out.print(_results_table(results))
    for result in results:
        if result.error:
            _complain(f"{result.resource.value} {result.verdict}", result.error)
    if not all(result.is_complete for result in results):
        raise typer.Exit(1)


@app.command()
def transform() -> None:
    """Build the core tables from what has landed since the last transform."""
    with _warehouse() as connection:
        result = run_transform(connection, requested_by="cli")
    out.print(f"{result.loads} loads transformed, {result.rows_held} rows held back, in {result.seconds:.1f} s.")


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


@app.command()
def docs() -> None:
    """Build the documentation of the tables, one page, into docs/dbt."""
    with _warehouse() as connection:
        page = build_docs(Path("docs/dbt"), connection)
    out.print(f"Open {page}", soft_wrap=True, markup=False)


@secrets_app.command("new-key")
def secrets_new_key() -> None:
    """Print a new key for AIRFLOW__HOSTAWAY__SECRET_KEYS."""
    out.print(Fernet.generate_key().decode(), highlight=False, soft_wrap=True)


def _complain(what: str, why: str) -> None:
    err.print(Text.assemble((what, "bold red"), ": ", why), soft_wrap=True)


def _without_rows(error: psycopg.Error) -> str:
    """What PostgreSQL says, without the details, which may quote a row. libpq's own words may quote the URL."""
    is_away = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    said = error.diag.message_primary or ("the connection was lost" if is_away else "it cannot be used")
    return f"{said} ({type(error).__name__})"


def _say_if_simulated() -> None:
    """Nobody should take a simulated account for a real one."""
    settings = get_settings()
    simulated = None if settings.api_url else SimulatedApi.remembered(Home.at(settings.home))
    if simulated:
        state = "" if simulated.process_runs else ", which does not run: `make start` starts it"
        err.print(
            f"The accounts of this home are simulated, by {simulated.url}{state}. HOSTAWAY_API_URL names another API.",
            soft_wrap=True,
            markup=False,
        )


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
    table = Table(Column("resource", no_wrap=True), Column("verdict", no_wrap=True))
    for heading in ("in the source", "seen", "new", "changed", "unchanged", "quarantined", "calls"):
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


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
