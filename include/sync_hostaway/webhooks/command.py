"""`sync-hostaway webhooks …`: what was delivered, what became of it, and where Hostaway delivers to."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from sync_hostaway.accounts.registry import client_for, get_account, list_accounts
from sync_hostaway.cli_parts import AccountId, counted, out, say_if_simulated, show, warehouse, when
from sync_hostaway.exceptions import SyncHostawayError
from sync_hostaway.hostaway.budget import Priority
from sync_hostaway.hostaway.replies import decode
from sync_hostaway.hostaway.values import as_utc
from sync_hostaway.text import visible
from sync_hostaway.warehouse import Connection
from sync_hostaway.webhooks import history
from sync_hostaway.webhooks.endpoints import find_endpoint
from sync_hostaway.webhooks.events import State
from sync_hostaway.webhooks.history import EventFilter
from sync_hostaway.webhooks.registration import ensure_registered, rotate

webhooks_app = typer.Typer(help="Webhook events, and where Hostaway delivers them.", no_args_is_help=True)

Ids = Annotated[list[int] | None, typer.Argument(help="Ids of events, as `webhooks list` shows them")]
Account = Annotated[int | None, typer.Option(help="Hostaway's account id", min=1)]
States = Annotated[list[State] | None, typer.Option("--state", help="Repeatable")]
Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"], help="Received since, in UTC"),
]
About = Annotated[str | None, typer.Option("--object", help="reservation:123, conversationMessage or 123")]
Everything = Annotated[
    bool, typer.Option("--all", help="Every event of every account; only where nothing else is said")
]


@webhooks_app.command("list")
def webhooks_list(
    account: Account = None,
    state: States = None,
    since: Since = None,
    about: About = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
) -> None:
    """Show the newest events, the newest at the end."""
    why = Column("why", overflow="fold")
    table = Table("id", "account", "event", "object", "state", "received", "times", "tries", why)
    with warehouse() as connection:
        rows = history.list_events(connection, _filter(connection, None, account, state, since, about), limit)
    for row in reversed(rows):
        table.add_row(
            str(row["event_id"]),
            str(row["account_id"]),
            escape(visible(row["event"] or "?")),
            escape(visible(f"{row['object'] or '?'}:{row['object_id'] or '?'}")),
            row["state"],
            f"{row['received_at']:%Y-%m-%d %H:%M:%S}",
            str(row["times_received"]),
            str(row["attempts"]),
            escape(visible(row["reason"] or "")),
        )
    show(table)
    if len(rows) == limit:
        out.print(f"Only the newest {limit}; --limit shows more.")


@webhooks_app.command("show")
def webhooks_show(event_id: Annotated[int, typer.Argument(help="As `webhooks list` shows it")]) -> None:
    """Show one event with its body, which holds personal data."""
    with warehouse() as connection:
        event = history.get_event(connection, event_id)
    body = event.pop("body")
    event["content_hash"] = event["content_hash"].hex()
    for name, value in event.items():
        if value is not None:
            out.print(f"{name:17} {visible(str(value))}", markup=False, highlight=False, soft_wrap=True)
    out.print()
    out.print(_readable(body), markup=False, highlight=False, soft_wrap=True)


@webhooks_app.command("replay")
def webhooks_replay(
    event_ids: Ids = None,
    account: Account = None,
    state: States = None,
    since: Since = None,
    about: About = None,
    everything: Everything = False,
) -> None:
    """Fetch what events are about once more. Events that could not be read are read again."""
    with warehouse() as connection:
        wanted = _filter(connection, event_ids, account, state, since, about).meant(everything)
        count = history.replay(connection, wanted)
    _say_how_many(count, "served again, within seconds where the API server runs", event_ids)


@webhooks_app.command("discard")
def webhooks_discard(
    event_ids: Ids = None,
    account: Account = None,
    state: States = None,
    since: Since = None,
    about: About = None,
    everything: Everything = False,
) -> None:
    """Never serve events that wait or are dead. `webhooks replay` brings them back."""
    with warehouse() as connection:
        wanted = _filter(connection, event_ids, account, state, since, about).meant(everything)
        count = history.discard(connection, wanted)
    _say_how_many(count, "discarded", event_ids)


@webhooks_app.command("register")
def webhooks_register(
    account_id: Annotated[int | None, typer.Argument(help="All active accounts when left out", min=1)] = None,
) -> None:
    """Tell Hostaway where to deliver, and show what came of it. Safe to repeat; Airflow has to run."""
    with warehouse() as connection:
        say_if_simulated()
        active = [account.account_id for account in list_accounts(connection) if account.state == "active"]
        failed = [one for one in ([account_id] if account_id else active) if not _register(connection, one)]
    if failed:
        raise typer.Exit(1)


@webhooks_app.command("rotate")
def webhooks_rotate(account_id: AccountId) -> None:
    """Give Hostaway a new password. The old one is accepted until Hostaway has had it for two hours."""
    with warehouse() as connection:
        say_if_simulated()
        rotate(connection, account_id)
        if not _register(connection, account_id):
            out.print("hostaway_maintenance tells Hostaway the new password; until then the old one goes on working.")
            raise typer.Exit(1)


def _register(connection: Connection, account_id: int) -> bool:
    try:
        with client_for(connection, account_id, Priority.DELTA) as client:
            ensure_registered(connection, client)
    except SyncHostawayError as error:
        out.print(f"{account_id}: failed: {error}", markup=False, soft_wrap=True)
        return False
    endpoint = find_endpoint(connection, account_id)
    if endpoint:
        about = endpoint.state_reason or f"{endpoint.url}, checked {when(endpoint.checked_at)}"
        out.print(f"{account_id}: {endpoint.state}: {about}", markup=False, highlight=False, soft_wrap=True)
    return True


def _filter(
    connection: Connection,
    event_ids: list[int] | None,
    account: int | None,
    states: list[State] | None,
    since: datetime | None,
    about: str | None,
) -> EventFilter:
    if account is not None:
        get_account(connection, account)
    fields: dict[str, Any] = EventFilter.about(about) if about is not None else {}
    return EventFilter(
        account_id=account,
        states=tuple(states) if states else None,
        since=as_utc(since) if since else None,
        event_ids=tuple(event_ids) if event_ids else None,
        **fields,
    )


def _say_how_many(count: int, what: str, event_ids: list[int] | None) -> None:
    """Whoever names events expects something to happen to them; a filter may well find none."""
    out.print(f"{counted(count, 'event')} {'is' if count == 1 else 'are'} {what}.")
    if event_ids and count < len(set(event_ids)):
        out.print("The others are not there, or in a state that does not allow it: `sync-hostaway webhooks list`.")
        raise typer.Exit(1)


def _readable(body: bytes | None) -> str:
    if body is None:
        return "(no body: it was never delivered, or is older than the retention)"
    try:
        return json.dumps(decode(body), indent=2, ensure_ascii=False)
    except (SyncHostawayError, RecursionError):
        return body.decode("utf-8", "backslashreplace")
