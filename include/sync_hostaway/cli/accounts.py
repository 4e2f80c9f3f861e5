"""`sync-hostaway accounts`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from sync_hostaway.accounts import registry
from sync_hostaway.accounts.api_key import clean_api_key, decode_api_key
from sync_hostaway.accounts.options import AccountOptions
from sync_hostaway.accounts.registry import Account
from sync_hostaway.accounts.status import AccountStatus, account_statuses
from sync_hostaway.cli.begin_sync import begin_catch_up, begin_first_sync
from sync_hostaway.cli.options import AccountId, AsJson, warehouse, warn_if_simulated
from sync_hostaway.core.console import (
    can_prompt,
    cell,
    echo,
    format_time,
    pluralize,
    print_json,
    print_note,
    print_table,
    prompt,
)
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.core.text import visible
from sync_hostaway.privacy.erase import purge_account
from sync_hostaway.transforms.ownership import refuse_foreign_relations
from sync_hostaway.webhook_admin.maintenance import unregister_webhook

accounts_app = typer.Typer(help="The accounts that are mirrored.", no_args_is_help=True)

# Bytes of standard input that are read: a key is short.
_LONGEST_INPUT = 65_536

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


def _catch_up_if_resumed(before: Account, account: Account) -> None:
    if account.resumed_at != before.resumed_at:
        begin_catch_up(account, print_note)


def _read_secret(secret: str | None) -> str:
    if secret is None and can_prompt():
        secret = str(typer.prompt("API key", hide_input=True))
    if secret is None:
        # Python has no stdin if it is closed. A wrong file may be endless.
        secret = decode_api_key(sys.stdin.buffer.read(_LONGEST_INPUT) if sys.stdin else b"")
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
