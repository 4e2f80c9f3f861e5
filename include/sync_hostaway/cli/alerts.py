"""`sync-hostaway alerts …`: the alerts of operators, and a test of their receivers."""

from __future__ import annotations

import typer
from rich.table import Column, Table

from sync_hostaway.airflow.notifiers import has_notifiers, send
from sync_hostaway.alerts.evaluate import open_alerts
from sync_hostaway.alerts.message import Alert, example_message
from sync_hostaway.cli.options import AsJson, warehouse
from sync_hostaway.core.console import cell, echo, format_time, print_json, print_note, print_table
from sync_hostaway.core.settings import get_settings

alerts_app = typer.Typer(help="Alerts about conditions that need an operator.", no_args_is_help=True)


@alerts_app.command("list")
def alerts_list(as_json: AsJson = False) -> None:
    """Show the conditions that hold now. `hostaway_alerts` keeps them; docs/runbook.md explains each."""
    with warehouse() as connection:
        alerts = [_alert(row) for row in open_alerts(connection)]
    if not has_notifiers(get_settings()):
        print_note(
            "No receiver of alerts is set here. If none is set for Airflow, the Dag hostaway_alerts does not run, and "
            "this list stays empty: `sync-hostaway accounts list` shows the status of each account."
        )
    if as_json:
        print_json([alert.as_json() for alert in alerts])
        return
    table = Table("severity", Column("alert", overflow="fold"), "since (UTC)", Column("remedy", overflow="fold"))
    for alert in alerts:
        table.add_row(
            alert.severity, cell(f"{alert.title}: {alert.summary}"), format_time(alert.began_at), cell(alert.remedy)
        )
    print_table(table)


@alerts_app.command("test")
def alerts_test() -> None:
    """Send one test message to all receivers of the settings."""
    sent = send(example_message(), get_settings())
    echo(f"The test message was sent: {', '.join(sent)}.")


def _alert(row: dict[str, object]) -> Alert:
    return Alert(**{name: row[name] for name in Alert.__dataclass_fields__})  # type: ignore[arg-type]  # columns have the fields' types
