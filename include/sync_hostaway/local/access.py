"""Builds the platform from the settings, prepares its start, and prints its addresses."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sync_hostaway.core.libpq import explicit, place_of
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local.airflow import ADMIN
from sync_hostaway.local.platform import Platform
from sync_hostaway.local.simulator_process import SimulatedApi

out = Console(highlight=False)

PROJECT_ROOT = Path(__file__).resolve().parents[3]
"""The repository: the package is installed from its folder include/."""


def platform(simulated: SimulatedApi | None = None) -> Platform:
    """Return the platform for the settings.

    :param simulated: the simulator that tasks use; None: the API of the settings.
    """
    settings = get_settings()
    return Platform(
        settings.home,
        PROJECT_ROOT,
        settings.airflow_port,
        # Components start without the PG… variables of this shell, so their values go into the URL.
        warehouse_url=explicit(settings.warehouse_url.get_secret_value()) if settings.warehouse_url else None,
        secret_keys=settings.secret_keys.get_secret_value().strip(" ,") or None,
        api_url=simulated.url if simulated else settings.api_url,
    )


def prepare_warehouse(dsn: str) -> None:
    """Create what Airflow needs at its start: the schemas, the settings of the accounts and dbt's manifest."""
    from sync_hostaway import migrations
    from sync_hostaway.accounts.registry import note_settings
    from sync_hostaway.core.db import connect
    from sync_hostaway.transforms import ensure_manifest, find_project

    migrations.upgrade(dsn)
    with connect(dsn) as connection:
        note_settings(connection)
    ensure_manifest(find_project())


def show_access(running: Platform) -> None:
    """Return the lines with the addresses and the login."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("Airflow", running.airflow_url)
    table.add_row("user / password", escape(f"{ADMIN} / {running.admin_password}"))
    table.add_row("warehouse", escape(warehouse_url()))
    out.print(table, soft_wrap=True)


def warehouse_url() -> str:
    foreign = get_settings().warehouse_url
    if foreign is None:
        return ".venv/bin/sync-hostaway local psql"
    return f"{place_of(foreign.get_secret_value())} (WAREHOUSE_URL)"
