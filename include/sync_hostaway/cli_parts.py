"""What the commands of `sync-hostaway` share: consoles, the warehouse, and ways to say things."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from sync_hostaway import migrations
from sync_hostaway.exceptions import WarehouseUnavailable
from sync_hostaway.local.home import Home
from sync_hostaway.local.simulated import SimulatedApi
from sync_hostaway.settings import get_settings
from sync_hostaway.warehouse import Connection, connect

out = Console()
err = Console(stderr=True)

AccountId = Annotated[int, typer.Argument(help="Hostaway's account id", min=1)]


@contextmanager
def warehouse() -> Iterator[Connection]:
    """The warehouse, of a schema that this version knows.

    :raises WarehouseUnavailable: when it has not been migrated.
    """
    with connect(application="sync-hostaway cli") as connection:
        revision, head = migrations.revision(connection), migrations.head()
        if revision is None or revision < head:
            state = f"is at revision {revision}, this version needs {head}" if revision else "was never migrated"
            raise WarehouseUnavailable(f"The warehouse {state}: run `sync-hostaway migrate`")
        yield connection


def complain(what: str, why: str) -> None:
    """Say what went wrong."""
    err.print(Text.assemble((what, "bold red"), ": ", why), soft_wrap=True)


def say_if_simulated() -> None:
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


def when(moment: datetime | None) -> str:
    """A moment as tables show it."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def ask(question: str, given: str | None, way_out: str) -> str:
    """An answer that was given as an option, or is typed now.

    :param way_out: what to do where nobody can type.
    """
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise typer.BadParameter(way_out)
    return str(typer.prompt(question))
