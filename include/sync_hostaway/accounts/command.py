"""`sync-hostaway accounts`, `tokens`, `secrets` and `guests`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from cryptography.fernet import Fernet
from rich.markup import escape
from rich.table import Column, Table

from sync_hostaway.accounts import api_tokens, registry
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.accounts.erase import erase_guest, purge_account
from sync_hostaway.accounts.options import AccountOptions
from sync_hostaway.accounts.secrets_store import DatabaseSecretsStore
from sync_hostaway.accounts.status import account_statuses
from sync_hostaway.cli_parts import AccountId, ask, err, out, say_if_simulated, show, warehouse, when
from sync_hostaway.exceptions import InvalidValue, SyncHostawayError
from sync_hostaway.text import visible
from sync_hostaway.transform import run_transform
from sync_hostaway.webhooks.upkeep import stop_deliveries

accounts_app = typer.Typer(help="The accounts that are mirrored.", no_args_is_help=True)
tokens_app = typer.Typer(help="API tokens of host applications.", no_args_is_help=True)
secrets_app = typer.Typer(help="Keys that encrypt stored secrets.", no_args_is_help=True)
guests_app = typer.Typer(help="Personal data of guests.", no_args_is_help=True)

Secret = Annotated[str | None, typer.Option("--secret", help="API key; read from standard input when left out")]


@accounts_app.command("add")
def accounts_add(
    account_id: AccountId, secret: Secret = None, name: Annotated[str | None, typer.Option(help="For people")] = None
) -> None:
    """Register an account, after checking its credentials with Hostaway."""
    secret = _read_secret(secret)
    with warehouse() as connection:
        say_if_simulated()
        registry.add_account(connection, account_id, secret, name=name)
    out.print(
        f"Account {account_id} is registered. Its Dag is hostaway_sync__{account_id}; "
        "where Airflow runs, its first sync begins within a quarter of an hour.",
        soft_wrap=True,
    )


@accounts_app.command("list")
def accounts_list() -> None:
    """Show every registered account, and what is wrong with it."""
    name, trouble = Column("name", overflow="fold"), Column("trouble", overflow="fold")
    table = Table("account", name, "state", "since", "complete up to", "webhook", trouble)
    with warehouse() as connection:
        for found in account_statuses(connection):
            account, webhook = found.account, found.webhook
            reasons = [account.state_reason, webhook.state == "failed" and webhook.reason, *found.troubles]
            table.add_row(
                str(account.account_id),
                escape(visible(account.name or "")),
                account.state,
                when(account.created_at),
                when(found.complete_at),
                webhook.state,
                escape("\n".join(visible(reason) for reason in reasons if reason)),
            )
    show(table)


@accounts_app.command("disable")
def accounts_disable(account_id: AccountId, reason: Annotated[str | None, typer.Option()] = None) -> None:
    """Stop mirroring an account. Its rows and its API key stay; `accounts enable` goes on."""
    with warehouse() as connection:
        registry.disable_account(connection, account_id, reason)
        stop_deliveries(connection, account_id)
    out.print(f"Account {account_id} is disabled.")


@accounts_app.command("enable")
def accounts_enable(account_id: AccountId) -> None:
    """Mirror a disabled account again."""
    with warehouse() as connection:
        registry.enable_account(connection, account_id)
    out.print(f"Account {account_id} is active.")


@accounts_app.command("rename")
def accounts_rename(account_id: AccountId, name: Annotated[str, typer.Argument(help="For people")]) -> None:
    """Give an account another name."""
    with warehouse() as connection:
        registry.rename_account(connection, account_id, name)
    out.print(f"Account {account_id} is named {visible(name)}.", markup=False)


@accounts_app.command("rotate")
def accounts_rotate(account_id: AccountId, secret: Secret = None) -> None:
    """Replace an account's API key. The new one is checked with Hostaway before the old one goes."""
    secret = _read_secret(secret)
    with warehouse() as connection:
        say_if_simulated()
        registry.rotate_secret(connection, account_id, secret)
    out.print(f"Account {account_id} has a new secret.")


@accounts_app.command("options")
def accounts_options(
    account_id: AccountId,
    changes: Annotated[
        str | None, typer.Argument(help='Options to change, as JSON: {"calendar_days_ahead": 365}; null: the default')
    ] = None,
) -> None:
    """Show what is different for one account, or change it."""
    with warehouse() as connection:
        if changes is None:
            options = registry.get_account(connection, account_id).options
            err.print(f"There are {', '.join(AccountOptions.model_fields)}.", soft_wrap=True)
        else:
            options = registry.change_options(connection, account_id, _json_object(changes))
    out.print_json(data=options)


@accounts_app.command("purge")
def accounts_purge(
    account_id: AccountId,
    confirm: Annotated[str | None, typer.Option(help="The account's name, or its id once more")] = None,
) -> None:
    """Remove an account, its secrets and every row of it. There is no way back."""
    question = f"Everything of account {account_id} will be removed for good. Type its name or id to go on"
    said = ask(question, confirm, f"--confirm {account_id} says that it is meant")
    with warehouse() as connection:
        if said != str(account_id) and said != registry.get_account(connection, account_id).name:
            raise InvalidValue(f"{said!r} is neither the name nor the id of account {account_id}; nothing was removed")
        purged = purge_account(connection, account_id)
    out.print(f"{sum(purged.rows.values()):,} rows of account {account_id} were removed.")
    for left in purged.left:
        err.print(f"Left to be removed by hand: {left}", soft_wrap=True, markup=False)


@tokens_app.command("issue")
def tokens_issue(
    account_id: AccountId,
    name: Annotated[str, typer.Option(help="Who uses it")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; repeatable")],
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="In UTC; left out: never")
    ] = None,
) -> None:
    """Make an API token and print it, this once: only its digest is kept."""
    with warehouse() as connection:
        expires_at = expires.replace(tzinfo=UTC) if expires else None
        text, token = api_tokens.issue(connection, account_id, name, scope, expires_at)
    err.print(f"Token {token.token_id} of account {account_id}. It is shown only now:", soft_wrap=True)
    out.print(text, highlight=False, soft_wrap=True)


@tokens_app.command("list")
def tokens_list(account_id: AccountId) -> None:
    """Show an account's API tokens."""
    name, scopes = Column("name", overflow="fold"), Column("scopes", overflow="fold")
    table = Table("token", name, scopes, "made", "expires", "last used", "revoked")
    with warehouse() as connection:
        registry.get_account(connection, account_id)
        for token in api_tokens.list_tokens(connection, account_id):
            table.add_row(
                token.token_id,
                escape(visible(token.name)),
                " ".join(sorted(token.scopes)),
                when(token.created_at),
                when(token.expires_at),
                when(token.last_used_at),
                when(token.revoked_at),
            )
    show(table)


@tokens_app.command("revoke")
def tokens_revoke(account_id: AccountId, token_id: Annotated[str, typer.Argument(help="See `tokens list`")]) -> None:
    """End an API token at once."""
    with warehouse() as connection:
        api_tokens.revoke(connection, account_id, token_id)
    out.print(f"Token {token_id} is revoked.", markup=False, highlight=False)


@secrets_app.command("new-key")
def secrets_new_key() -> None:
    """Print a new key for AIRFLOW__HOSTAWAY__SECRET_KEYS."""
    out.print(Fernet.generate_key().decode(), highlight=False, soft_wrap=True)


@secrets_app.command("rotate-key")
def secrets_rotate_key() -> None:
    """Encrypt every stored secret with the first key. Safe while syncs run, and to repeat when it was interrupted."""
    with warehouse() as connection:
        done = DatabaseSecretsStore(connection).rotate_key()
    out.print(f"{done} secrets were encrypted with another key; now all are with the first one.")


@guests_app.command("erase")
def guests_erase(
    account_id: AccountId,
    guest_id: Annotated[int, typer.Argument(help="guest_id, or the id of any of their reservations", min=1)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Remove what describes a guest, and keep it away at every later sync. There is no way back."""
    if not yes:
        question = f"What describes guest {guest_id} will be removed for good. Type the id to go on"
        if ask(question, None, "--yes says that it is meant") != str(guest_id):
            raise InvalidValue("That is another id; nothing was erased")
    with warehouse() as connection:
        erased = erase_guest(connection, account_id, guest_id)
        run_transform(connection, requested_by="guests erase")
    out.print(
        f"Guest {guest_id} is erased: {erased.reservations} reservations and {erased.conversations} conversations, "
        f"{erased.rows} rows. Hostaway's own copy is still there.",
        soft_wrap=True,
    )


def _read_secret(secret: str | None) -> str:
    if secret:
        return secret
    if sys.stdin.isatty():
        return str(typer.prompt("API key", hide_input=True))
    value = sys.stdin.readline().strip()
    if not value:
        raise SyncHostawayError("No secret: pass --secret, or write it to standard input")
    return value


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidValue('Options are a JSON object, such as {"calendar_days_ahead": 365}')
    return value
