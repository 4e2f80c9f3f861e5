"""`sync-hostaway api-login`."""

from __future__ import annotations

from typing import Annotated

import typer

from sync_hostaway.cli.options import warehouse
from sync_hostaway.core.console import echo, print_note
from sync_hostaway.migrations.api_login import LOGIN, new_api_login


def api_login(role: Annotated[str, typer.Option(help="Name of the role")] = LOGIN) -> None:
    """Create the role with which the HTTP API reads rows, and print its URL. A further call replaces its password."""
    with warehouse() as connection:
        url = new_api_login(connection, role)
    print_note(f"The role {role} can only read for the HTTP API. Restart the API servers with its URL:")
    echo(f"AIRFLOW__HOSTAWAY__API_WAREHOUSE_URL={url}")
