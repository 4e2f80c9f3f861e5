"""`sync-hostaway accounts`, `tokens`, `secrets` and `guests`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from cryptography.fernet import Fernet
from rich.table import Column, Table

from sync_hostaway.accounts import api_tokens, registry
from sync_hostaway.accounts.api_key import clean_api_key, decode_api_key
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.accounts.options import AccountOptions
from sync_hostaway.accounts.registry import Account
from sync_hostaway.accounts.secrets.store import DatabaseSecretsStore
from sync_hostaway.accounts.status import AccountStatus, account_statuses
from sync_hostaway.cli.begin_sync import begin_catch_up, begin_first_sync
from sync_hostaway.cli.options import AccountId, AsJson, warehouse, warn_if_simulated
from sync_hostaway.core.console import cell, echo, format_time, pluralize, print_json, print_note, print_table, prompt
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.core.text import visible
from sync_hostaway.hostaway.values import LARGEST_ID
from sync_hostaway.privacy.erase import erase_guest, purge_account
from sync_hostaway.transforms import run_transform
from sync_hostaway.transforms.ownership import refuse_foreign_relations
from sync_hostaway.webhook_admin.maintenance import unregister_webhook

accounts_app = typer.Typer(help="The accounts that are mirrored.", no_args_is_help=True)
tokens_app = typer.Typer(help="API tokens of host applications.", no_args_is_help=True)
secrets_app = typer.Typer(help="Keys that encrypt the stored secrets.", no_args_is_help=True)
guests_app = typer.Typer(help="Personal data of guests.", no_args_is_help=True)

Secret = Annotated[str | None, typer.Option("--secret", help="API key; default: read it from standard input")]


@accounts_app.command("add")
def accounts_add(
    account_id: AccountId,
    secret: Secret = None,
    name: Annotated[str | None, typer.Option(help="Shown beside the id in lists and in Airflow")] = None,
) -> None:
    """Register an account, after checking its credentials with Hostaway."""
    secret = _read_secret(secret)
    with warehouse() as connection:
        warn_if_simulated()
        refuse_foreign_relations(connection)
        registry.add_account(connection, account_id, secret, name=name)
        account = registry.get_account(connection, account_id)
    echo(f"Account {account_id} is registered. Its Dag is hostaway_sync__{account_id}.")
    if account.resumed_at:
        begin_catch_up(account, print_note)
    else:
        begin_first_sync(account, print_note)


@accounts_app.command("list")
def accounts_list(as_json: AsJson = False) -> None:
    """Show every registered account with its state, its last complete sync and its problems."""
    with warehouse() as connection:
        statuses = account_statuses(connection)
    if as_json:
        print_json([_status_json(found) for found in statuses])
        return
    name, trouble = Column("name", overflow="fold"), Column("problems", overflow="fold")
    table = Table("account", name, "status", "registered (UTC)", "complete up to (UTC)", "webhook", trouble)
    for found in statuses:
        account, webhook = found.account, found.webhook
        table.add_row(
            str(account.account_id),
            cell(account.name),
            found.status.replace("_", " "),
            format_time(account.created_at),
            format_time(found.complete_at),
            webhook.state,
            cell("\n".join(visible(reason) for reason in found.problems)),
        )
    print_table(table)


def _status_json(found: AccountStatus) -> dict[str, Any]:
    account = found.account
    return {
        "account_id": account.account_id,
        "name": account.name,
        "state": account.state,
        "state_reason": account.state_reason,
        "status": found.status,
        "reason": found.reason,
        "remedy": found.remedy,
        "options": account.options,
        "created_at": account.created_at,
        "complete_at": found.complete_at,
        "lag_seconds": found.lag_seconds,
        "problems": found.problems,
        "resources": [asdict(resource) for resource in found.resources],
        "webhook": found.webhook.model_dump(),
    }


@accounts_app.command("disable")
def accounts_disable(
    account_id: AccountId, reason: Annotated[str | None, typer.Option(help="Shown by `accounts list`")] = None
) -> None:
    """Stop mirroring an account. Its rows and its API key are kept; `accounts enable` mirrors it again."""
    with warehouse() as connection:
        registry.disable_account(connection, account_id, reason)
        unregister_webhook(connection, account_id)
    echo(f"Account {account_id} is disabled.")


@accounts_app.command("enable")
def accounts_enable(account_id: AccountId) -> None:
    """Mirror a disabled account again."""
    with warehouse() as connection:
        before = registry.get_account(connection, account_id)
        registry.enable_account(connection, account_id)
        account = registry.get_account(connection, account_id)
    echo(f"Account {account_id} is active.")
    _catch_up_if_resumed(before, account)


@accounts_app.command("rename")
def accounts_rename(
    account_id: AccountId, name: Annotated[str, typer.Argument(help="Shown beside the id in lists and in Airflow")]
) -> None:
    """Give an account another name."""
    with warehouse() as connection:
        registry.rename_account(connection, account_id, name)
    echo(f"Account {account_id} is named {name}.")


@accounts_app.command("rotate")
def accounts_rotate(account_id: AccountId, secret: Secret = None) -> None:
    """Replace an account's API key. The new key is checked with Hostaway before the old one is removed."""
    secret = _read_secret(secret)
    with warehouse() as connection:
        warn_if_simulated()
        before = registry.get_account(connection, account_id)
        registry.rotate_secret(connection, account_id, secret)
        account = registry.get_account(connection, account_id)
    echo(f"Account {account_id} has a new API key.")
    _catch_up_if_resumed(before, account)
    if account.state == "disabled":
        print_note(f"The account stays disabled. `sync-hostaway accounts enable {account_id}` mirrors it again.")


@accounts_app.command("options")
def accounts_options(
    account_id: AccountId,
    changes: Annotated[
        str | None,
        typer.Argument(help='Options to change, as JSON: {"calendar_days_ahead": 365}. null restores the setting'),
    ] = None,
) -> None:
    """Show or change the options of an account, as JSON. Options replace the settings for this account."""
    with warehouse() as connection:
        if changes is None:
            options = registry.get_account(connection, account_id).options
            print_note(f"Available options: {', '.join(AccountOptions.model_fields)}.")
        else:
            options = registry.change_options(connection, account_id, _json_object(changes))
    print_json(options)


@accounts_app.command("purge")
def accounts_purge(
    account_id: AccountId,
    confirm: Annotated[str | None, typer.Option(help="The account's name or id again, instead of a prompt")] = None,
) -> None:
    """Delete an account, its secrets and all its rows. This cannot be undone."""
    question = f"All data of account {account_id} will be deleted permanently. Type its name or id to confirm"
    typed = prompt(question, confirm, f"Confirm with --confirm {account_id}")
    with warehouse() as connection:
        if typed != str(account_id) and typed != registry.get_account(connection, account_id).name:
            raise InvalidValue(f"{typed!r} is neither the name nor the id of account {account_id}; nothing was deleted")
        purged = purge_account(connection, account_id)
    echo(f"{pluralize(sum(purged.rows.values()), 'row')} of account {account_id} deleted.")
    for left in purged.left:
        print_note(f"Delete this yourself: {left}")


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


@secrets_app.command("new-key")
def secrets_new_key() -> None:
    """Print a new key for AIRFLOW__HOSTAWAY__SECRET_KEYS."""
    echo(Fernet.generate_key().decode())


@secrets_app.command("rotate-key")
def secrets_rotate_key() -> None:
    """Encrypt every stored secret with the first key. Safe while syncs run, and after an interruption."""
    with warehouse() as connection:
        done = DatabaseSecretsStore(connection).rotate_key()
    echo(f"{pluralize(done, 'secret')} re-encrypted. All stored secrets use the first key now.")


@guests_app.command("erase")
def guests_erase(
    account_id: AccountId,
    guest_id: Annotated[
        int, typer.Argument(help="guest_id, or the id of any reservation of the guest", min=1, max=LARGEST_ID)
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Confirm without a prompt")] = False,
) -> None:
    """Delete the personal data of a guest, and remove it from every later sync. This cannot be undone."""
    if not yes:
        question = f"The personal data of guest {guest_id} will be deleted permanently. Type the id to confirm"
        if prompt(question, None, "Confirm with --yes") != str(guest_id):
            raise InvalidValue("The ids differ; nothing was erased")
    with warehouse() as connection:
        erased = erase_guest(connection, account_id, guest_id)
        run_transform(connection, requested_by="guests erase")
    echo(
        f"Guest {guest_id} is erased: {pluralize(erased.reservations, 'reservation')}, "
        f"{pluralize(erased.conversations, 'conversation')}, {pluralize(erased.transcripts, 'transcript')}, "
        f"{pluralize(erased.rows, 'row')}. "
        "Hostaway still has its own copy."
    )
    for left in erased.left:
        print_note(f"Delete this yourself: {left}")


def _catch_up_if_resumed(before: Account, account: Account) -> None:
    if account.resumed_at != before.resumed_at:
        begin_catch_up(account, print_note)


def _read_secret(secret: str | None) -> str:
    if secret is None and sys.stdin.isatty():
        secret = str(typer.prompt("API key", hide_input=True))
    if secret is None:
        secret = decode_api_key(sys.stdin.buffer.read())
        if not secret:
            raise InvalidValue("The API key is missing: use --secret, or write the key to standard input")
    return clean_api_key(secret)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidValue('Options are a JSON object, such as {"calendar_days_ahead": 365}')
    return value
