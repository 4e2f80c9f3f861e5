"""`sync-hostaway tokens`: API tokens of host applications."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Column, Table

from sync_hostaway.accounts import api_tokens, registry
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.cli.options import AccountId, AsJson, warehouse
from sync_hostaway.core.console import cell, echo, format_time, print_json, print_note, print_table

tokens_app = typer.Typer(help="API tokens of host applications.", no_args_is_help=True)


@tokens_app.command("issue")
def tokens_issue(
    account_id: AccountId,
    name: Annotated[str, typer.Option(help="The application that uses the token")],
    scope: Annotated[list[Scope], typer.Option(help="What the token may do; repeatable")],
    expires: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="When the token expires, in UTC. Default: never"),
    ] = None,
) -> None:
    """Create an API token and print it. It cannot be shown again: only its digest is stored."""
    with warehouse() as connection:
        expires_at = expires.replace(tzinfo=UTC) if expires else None
        text, token = api_tokens.issue(connection, account_id, name, scope, expires_at)
    print_note(f"Token {token.token_id} of account {account_id}. It cannot be shown again:")
    echo(text)


@tokens_app.command("list")
def tokens_list(account_id: AccountId, as_json: AsJson = False) -> None:
    """Show an account's API tokens."""
    with warehouse() as connection:
        registry.get_account(connection, account_id)
        tokens = api_tokens.list_tokens(connection, account_id)
    if as_json:
        print_json([asdict(token) for token in tokens])
        return
    name, scopes = Column("name", overflow="fold"), Column("scopes", overflow="fold")
    table = Table("token", name, scopes, "created (UTC)", "expires (UTC)", "last used (UTC)", "revoked (UTC)")
    for token in tokens:
        table.add_row(
            token.token_id,
            cell(token.name),
            " ".join(sorted(token.scopes)),
            format_time(token.created_at),
            format_time(token.expires_at),
            format_time(token.last_used_at),
            format_time(token.revoked_at),
        )
    print_table(table)


@tokens_app.command("revoke")
def tokens_revoke(account_id: AccountId, token_id: Annotated[str, typer.Argument(help="See `tokens list`")]) -> None:
    """Revoke an API token. It stops working at once."""
    with warehouse() as connection:
        api_tokens.revoke(connection, account_id, token_id)
    echo(f"Token {token_id} is revoked.")
