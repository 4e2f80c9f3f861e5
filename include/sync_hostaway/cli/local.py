"""`sync-hostaway local …`: the embedded platform from the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.table import Table

from sync_hostaway.cli.options import AsJson
from sync_hostaway.core.console import can_prompt, print_json, print_table
from sync_hostaway.core.embedded import embedded_warehouse_dsn
from sync_hostaway.core.exceptions import ConfigurationError, NotStarted
from sync_hostaway.core.home import Home
from sync_hostaway.core.libpq import parameters_of
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local.access import platform, prepare_warehouse, show_access
from sync_hostaway.local.airflow import ADMIN, passwords_file
from sync_hostaway.local.health import PlatformStatus
from sync_hostaway.local.logs import Follower, last_lines, logged
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.local.privileges import programs
from sync_hostaway.local.signals import signals_as_keyboard_interrupt
from sync_hostaway.local.simulator_process import SimulatedApi

app = typer.Typer(help="The embedded PostgreSQL and Airflow.", no_args_is_help=True)
out = Console(highlight=False)


@app.command()
def start() -> None:
    """Start PostgreSQL and Airflow, and wait until they are healthy."""
    settings = get_settings()
    remembered = SimulatedApi.remembered(Home.at(settings.home))
    simulated = remembered.on_free_port(_echo) if remembered and not settings.api_url else None
    running = platform(simulated)
    with signals_as_keyboard_interrupt():
        running.start(_echo, prepare=_preparing(simulated))
    if simulated:
        _echo(
            f"The accounts of this home come from a demo. Their Hostaway API is the simulator at {simulated.url}. "
            "HOSTAWAY_API_URL selects another API. For real accounts, use another home (SYNC_HOSTAWAY_HOME)."
        )
    elif remembered:
        _echo(
            f"HOSTAWAY_API_URL is set. The accounts of this home come from a demo with the simulator, but "
            f"now use {settings.api_url}."
        )
    show_access(running)


@app.command()
def stop() -> None:
    """Stop all processes of this home."""
    platform().stop(_echo)
    _echo("Nothing is running.")


@app.command()
def clean(yes: Annotated[bool, typer.Option("--yes", help="Remove it without a prompt")] = False) -> None:
    """Stop all processes of this home, and remove its state with the embedded databases."""
    home = Home.at(get_settings().home)
    if not yes:
        if not can_prompt():
            raise typer.BadParameter("Confirm with --yes")
        typer.confirm(f"Remove the state in {home.root} with the embedded databases?", abort=True)
    left = platform().remove(_echo)
    _echo(f"The state in {home.root} is removed.")
    if left:
        _echo(f"Left, because sync-hostaway did not create it: {', '.join(path.name for path in left)}")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show the processes of this home, with their addresses and files."""
    current = platform()
    now = current.status()
    if as_json:
        print_json(_status_json(now))
        return
    table = Table("component", "state", "pid", "up for")
    for part in now.components:
        up = f"{part.uptime:.0f} s" if part.uptime is not None else ""
        table.add_row(part.name, "running" if part.running else "stopped", str(part.pid or ""), up)
    print_table(table)
    _echo(f"State: {now.home}")
    if where := current.postgres.status().programs:
        _echo(f"PostgreSQL: data in {current.postgres.data}, programs in {where}")
    if now.running and now.airflow_url:
        _echo(f"Airflow: {now.airflow_url} ({'healthy' if now.healthy else 'not healthy yet'})")
        if not now.is_supervised:
            _echo(
                "The supervisor does not run: nothing restarts a component that ends. `make start` restarts Airflow "
                "with the supervisor."
            )
        _echo(f"Log in as {ADMIN}; the password is in {passwords_file(Home.at(now.home))}")
    simulated = SimulatedApi.remembered(Home.at(now.home))
    if simulated:
        _echo(f"Simulated Hostaway: {simulated.url} ({'running' if simulated.process_runs else 'stopped'})")


def _status_json(now: PlatformStatus) -> dict[str, Any]:
    simulated = SimulatedApi.remembered(Home.at(now.home))
    return {
        "home": now.home,
        "running": now.running,
        "healthy": now.healthy,
        "airflow_url": now.airflow_url,
        "components": [
            {"name": part.name, "running": part.running, "pid": part.pid, "uptime_seconds": part.uptime}
            for part in now.components
        ],
        "simulator": {"url": simulated.url, "running": simulated.process_runs} if simulated else None,
    }


@app.command()
def logs(
    component: Annotated[
        str | None, typer.Argument(help="postgres, api-server, scheduler, dag-processor, triggerer, …; default: all")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Also show new lines, until Ctrl-C")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Last lines to show per log", min=1)] = 20,
) -> None:
    """Show the logs of the platform's processes. The logs of tasks are in Airflow."""
    home = Home.at(get_settings().home)
    names = logged(home)
    if component is not None and component not in names:
        raise NotStarted(f"{component} has no log in {home.logs}. Logs: {', '.join(names) or 'none yet'}")
    paths = [home.log(name) for name in names if component in (None, name)]
    width = max((len(path.stem) for path in paths), default=0)

    def show_line(path: Path, line: str) -> None:
        typer.echo(line if component else f"{path.stem:{width}} | {line}")

    # Created before the last lines are read, so that no line is lost in between.
    follower = Follower(paths)
    for path in paths:
        for line in last_lines(path, lines):
            show_line(path, line)
    with suppress(KeyboardInterrupt):
        for path, line in follower.follow() if follow else ():
            show_line(path, line)


@app.command()
def url() -> None:
    """Print the URL of the embedded warehouse with its password, for psql and other clients."""
    _echo(embedded_warehouse_dsn(get_settings().home))


@app.command(context_settings={"ignore_unknown_options": True})
def psql(
    arguments: Annotated[list[str] | None, typer.Argument(help="Arguments of psql, such as -c SQL")] = None,
) -> None:
    """Open the warehouse in psql. psql need not be installed.

    If the embedded PostgreSQL does not run, it runs until psql ends: so the objects that prevent a start can be moved.
    """
    parameters = parameters_of(get_settings().warehouse_dsn)
    # In the environment, because every user of the machine can read the arguments of a process.
    password = parameters.pop("password", None)
    if "sslpassword" in parameters:
        raise ConfigurationError("psql cannot get the `sslpassword` of WAREHOUSE_URL: other users could read it")
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    command = [_psql(), f"--dbname={make_conninfo('', **parameters)}", *(arguments or [])]
    home = Home.at(get_settings().home)
    if not get_settings().warehouse_url and not EmbeddedPostgres(home.root).is_running():
        # On the port that the URL above names. `make start` waits for the lock.
        with home.locked("platform"), EmbeddedPostgres(home.root):
            ended = subprocess.run(command, env=environment, check=False)  # noqa: S603 - our own psql
        raise typer.Exit(ended.returncode)
    os.execve(command[0], command, environment)  # noqa: S606 - no shell wanted


def _psql() -> str:
    """Return the psql of the machine, which supports TLS, or the one of the embedded server."""
    foreign = get_settings().warehouse_url
    return (foreign and shutil.which("psql")) or str(programs() / "psql")


def _echo(text: str) -> None:
    out.print(text, soft_wrap=True, markup=False)


def _preparing(simulated: SimulatedApi | None) -> Callable[[str], None]:
    def prepare(dsn: str) -> None:
        if simulated:
            simulated.start()
            simulated.remember()
        prepare_warehouse(dsn)

    return prepare
