"""`sync-hostaway secrets`: the keys that encrypt stored secrets."""

from __future__ import annotations

import typer
from cryptography.fernet import Fernet

from sync_hostaway.accounts.secrets.store import DatabaseSecretsStore
from sync_hostaway.cli.options import warehouse
from sync_hostaway.core.console import echo, pluralize

secrets_app = typer.Typer(help="Keys that encrypt the stored secrets.", no_args_is_help=True)


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
