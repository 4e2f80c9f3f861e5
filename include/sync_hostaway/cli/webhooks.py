"""`sync-hostaway webhooks …`: webhook events, their states, and the registration of webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from sync_hostaway.accounts.registry import client_for, get_account, list_accounts
from sync_hostaway.accounts.webhook_endpoints import find_endpoint
from sync_hostaway.cli.options import AccountId, AsJson, account_option, complete_account, warehouse, warn_if_simulated
from sync_hostaway.core.console import cell, echo, format_time, pluralize, print_json, print_note, print_table
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.events import replay as history
from sync_hostaway.events.parse import EventState
from sync_hostaway.events.replay import EventFilter
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.hostaway.responses import decode
from sync_hostaway.hostaway.values import LARGEST_ID, as_utc
from sync_hostaway.webhook_admin.registration import ensure_registered, rotate

webhooks_app = typer.Typer(help="Webhook events and the registration of webhooks.", no_args_is_help=True)

Ids = Annotated[
    list[int] | None, typer.Argument(help="Ids of events, as `webhooks list` shows them", min=1, max=LARGEST_ID)
]
Account = Annotated[int | None, account_option("Hostaway's account id")]
States = Annotated[list[EventState] | None, typer.Option("--state", help="Only events in this state; repeatable")]
Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"], help="Received since, in UTC"),
]
About = Annotated[str | None, typer.Option("--object", help="reservation:123, conversationMessage or 123")]
Everything = Annotated[bool, typer.Option("--all", help="All events of all accounts, when no other filter is given")]


@webhooks_app.command("list")
def webhooks_list(
    account: Account = None,
    state: States = None,
    since: Since = None,
    about: About = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the newest events; the newest is the last line."""
    with warehouse() as connection:
        rows = history.list_events(connection, _filter(connection, None, account, state, since, about), limit)
    rows.reverse()
    if len(rows) == limit:
        print_note(f"Only the newest {limit} events; --limit shows more.")
    if as_json:
        print_json([_event_json(row) for row in rows])
        return
    reason = Column("reason", overflow="fold")
    table = Table("id", "account", "event", "object", "state", "received (UTC)", "times", "tries", reason)
    for row in rows:
        table.add_row(
            str(row["event_id"]),
            str(row["account_id"]),
            cell(row["event"] or "?"),
            cell(f"{row['object'] or '?'}:{row['object_id'] or '?'}"),
            row["state"],
            format_time(row["received_at"], seconds=True),
            str(row["times_received"]),
            str(row["attempts"]),
            cell(row["reason"]),
        )
    print_table(table)


@webhooks_app.command("show")
def webhooks_show(
    event_id: Annotated[int, typer.Argument(help="As `webhooks list` shows it", min=1, max=LARGEST_ID)],
    as_json: AsJson = False,
) -> None:
    """Show one event with its body, which contains personal data."""
    with warehouse() as connection:
        event = history.get_event(connection, event_id)
    body = event.pop("body")
    if as_json:
        print_json({**_event_json(event), "body": None if body is None else _parsed(body)})
        return
    for name, value in _event_json(event).items():
        if value is not None:
            text = f"{format_time(value, seconds=True)} UTC" if isinstance(value, datetime) else value
            echo(f"{name:17} {text}")
    echo("")
    for line in _readable(body).split("\n"):
        echo(line)


def _event_json(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in event.items()}


def _add_command(name: str, change: Callable[[Connection, EventFilter], int], outcome: str, description: str) -> None:
    """Add a command that changes the events of a filter."""

    @webhooks_app.command(name, help=description)
    def _change(
        event_ids: Ids = None,
        account: Account = None,
        state: States = None,
        since: Since = None,
        about: About = None,
        everything: Everything = False,
    ) -> None:
        with warehouse() as connection:
            wanted = _filter(connection, event_ids, account, state, since, about).require_criterion(everything)
            count = change(connection, wanted)
        _print_count(count, outcome, event_ids)


_add_command(
    "replay",
    history.replay,
    "queued again; they are processed within seconds where the API server runs",
    "Process events again: fetch their objects again. Unreadable bodies are parsed again.",
)
_add_command(
    "discard",
    history.discard,
    "discarded",
    "Discard pending or dead events, so that they are not processed. `webhooks replay` queues them again.",
)


@webhooks_app.command("register")
def webhooks_register(
    account_id: Annotated[
        int | None,
        typer.Argument(
            help="Hostaway's account id; default: all active accounts",
            min=1,
            max=LARGEST_ID,
            autocompletion=complete_account,
        ),
    ] = None,
) -> None:
    """Register the webhook of an account at Hostaway, and show its state. Safe to repeat. Airflow must be running."""
    with warehouse() as connection:
        warn_if_simulated()
        active = [account.account_id for account in list_accounts(connection) if account.state == "active"]
        failed = [one for one in ([account_id] if account_id else active) if not _register(connection, one)]
    if failed:
        raise typer.Exit(1)


@webhooks_app.command("rotate")
def webhooks_rotate(
    account_id: AccountId,
    now: Annotated[
        bool, typer.Option("--now", help="Make the old password invalid at once, for example because it leaked")
    ] = False,
) -> None:
    """Replace the webhook password. The old one stays valid for two hours after Hostaway accepted the new one."""
    with warehouse() as connection:
        warn_if_simulated()
        rotate(connection, account_id, now=now)
        if not _register(connection, account_id):
            until = "deliveries are refused" if now else "the old password stays valid"
            print_note(f"The Dag hostaway_maintenance tries again. Until Hostaway has the new password, {until}.")
            raise typer.Exit(1)


def _register(connection: Connection, account_id: int) -> bool:
    try:
        with client_for(connection, account_id, Priority.DELTA) as client:
            ensure_registered(connection, client)
    except SyncHostawayError as error:
        echo(f"{account_id}: failed: {error}")
        return False
    endpoint = find_endpoint(connection, account_id)
    if endpoint:
        about = endpoint.state_reason or f"{endpoint.url}, checked {format_time(endpoint.checked_at)} UTC"
        echo(f"{account_id}: {endpoint.state}: {about}")
    return True


def _filter(
    connection: Connection,
    event_ids: list[int] | None,
    account: int | None,
    states: list[EventState] | None,
    since: datetime | None,
    about: str | None,
) -> EventFilter:
    if account is not None:
        get_account(connection, account)
    fields: dict[str, Any] = EventFilter.parse_object(about) if about is not None else {}
    return EventFilter(
        account_id=account,
        states=tuple(states) if states else None,
        since=as_utc(since) if since else None,
        event_ids=tuple(event_ids) if event_ids else None,
        **fields,
    )


def _print_count(count: int, what: str, event_ids: list[int] | None) -> None:
    """Print the number of events. Ids without an event are an error; a filter may match no event."""
    echo(f"{pluralize(count, 'event')} {'is' if count == 1 else 'are'} {what}.")
    if event_ids and count < len(set(event_ids)):
        print_note("The other ids do not exist, or their state does not allow it; see `sync-hostaway webhooks list`.")
        raise typer.Exit(1)


def _parsed(body: bytes) -> Any:
    """Return the body as JSON, or as text if it is not JSON."""
    try:
        return decode(body)
    except SyncHostawayError:
        return body.decode("utf-8", "backslashreplace")


def _readable(body: bytes | None) -> str:
    if body is None:
        return "(no body: the event did not come from a webhook, or it is older than the retention)"
    parsed = _parsed(body)
    return parsed if isinstance(parsed, str) else json.dumps(parsed, indent=2, ensure_ascii=False)
