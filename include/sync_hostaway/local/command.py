"""`sync-hostaway local …`: the embedded platform from the command line."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from sync_hostaway.local.platform import Platform
from sync_hostaway.local.postgres import embedded_warehouse_dsn
from sync_hostaway.settings import get_settings

app = typer.Typer(help="The embedded PostgreSQL and Airflow.", no_args_is_help=True)
out = Console()

PROJECT_ROOT = Path(__file__).resolve().parents[3]
"""The repository: the package is installed from its folder include/."""


def platform() -> Platform:
    """The platform of the configured home and port."""
    settings = get_settings()
    return Platform(settings.home, PROJECT_ROOT, settings.airflow_port)


def prepare_warehouse(dsn: str) -> None:
    """What Airflow needs to find when it starts: the schemas, the account snapshot and dbt's manifest."""
    from sync_hostaway import migrations
    from sync_hostaway.accounts.registry import refresh_snapshot
    from sync_hostaway.transform import ensure_manifest, find_project
    from sync_hostaway.warehouse import connect

    migrations.upgrade(dsn)
    with connect(dsn) as connection:
        refresh_snapshot(connection)
    ensure_manifest(find_project())


def show_access(running: Platform) -> None:
    """Where to look and how to log in."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("Airflow", running.airflow_url)
    table.add_row("user / password", f"admin / {running.admin_password}")
    table.add_row("warehouse", "psql $(.venv/bin/sync-hostaway local url)")
    out.print(table, highlight=False, soft_wrap=True)


@app.command()
def start() -> None:
    """Start PostgreSQL and Airflow, and wait until they are healthy."""
    running = platform()
    running.start(out.print, prepare=prepare_warehouse)
    show_access(running)


@app.command()
def stop() -> None:
    """Stop everything that belongs to this home."""
    platform().stop(out.print)
    out.print("Nothing is running.")


@app.command()
def status() -> None:
    """Show what runs, and where."""
    now = platform().status()
    table = Table("component", "state", "pid", "up for")
    for part in now.components:
        up = f"{part.uptime:.0f} s" if part.uptime is not None else ""
        table.add_row(part.name, "running" if part.running else "stopped", str(part.pid or ""), up)
    out.print(table)
    if now.running and now.airflow_url:
        out.print(f"Airflow: {now.airflow_url} ({'healthy' if now.healthy else 'not healthy yet'})")


@app.command()
def url() -> None:
    """Print the URL of the embedded warehouse, password included, for psql and other clients."""
    out.print(embedded_warehouse_dsn(get_settings().home), highlight=False, soft_wrap=True, markup=False)
