"""Options and helpers that the commands of `sync-hostaway` share."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated, Any

import typer

from sync_hostaway import migrations
from sync_hostaway.accounts.registry_access import run_within
from sync_hostaway.core.console import print_note
from sync_hostaway.core.db import Connection
from sync_hostaway.core.home import Home
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.values import LARGEST_ID
from sync_hostaway.local.simulator_process import SimulatedApi

_ACCOUNTS = "select account_id::text, coalesce(name, '') from ops.accounts order by account_id"


def complete_account(incomplete: str) -> list[tuple[str, str]]:
    """Return ids and names of the registered accounts for shell completion; none if the registry does not answer."""
    found: list[tuple[str, str]] = []
    run_within(1, lambda registry: found.extend(registry.execute(_ACCOUNTS)))
    return [(account_id, name) for account_id, name in found if account_id.startswith(incomplete)]


AccountId = Annotated[
    int,
    typer.Argument(
        help="Hostaway's account id", min=1, max=LARGEST_ID, autocompletion=complete_account, show_default=False
    ),
]


def account_option(text: str, *names: str) -> Any:
    """An option that takes an account id, which shells complete.

    :param text: for `--help`.
    :param names: of the option; none: that of the parameter.
    """
    return typer.Option(*names, help=text, min=1, max=LARGEST_ID, autocompletion=complete_account, show_default=False)


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts; messages go to stderr")]
ThenTransform = Annotated[
    bool, typer.Option("--transform", help="Then build the core tables, as `sync-hostaway transform` does")
]


def warehouse() -> AbstractContextManager[Connection]:
    """Open the warehouse; see `migrated_warehouse`."""
    return migrations.migrated_warehouse("sync-hostaway cli")


def warn_if_simulated() -> None:
    """Print a note if the accounts of this home are simulated."""
    settings = get_settings()
    simulated = None if settings.api_url else SimulatedApi.remembered(Home.at(settings.home))
    if simulated:
        state = "" if simulated.process_runs else ", which is not running; `make start` starts it"
        print_note(
            f"The accounts of this home are simulated by {simulated.url}{state}. HOSTAWAY_API_URL selects another API."
        )
