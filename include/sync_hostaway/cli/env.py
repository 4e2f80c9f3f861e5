"""`sync-hostaway env`."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from cryptography.fernet import Fernet

from sync_hostaway.core.console import print_note
from sync_hostaway.core.exceptions import InvalidValue


def _hex() -> str:
    # Letters and digits only: some of the secrets become part of a URL.
    return secrets.token_hex(32)


def _fernet_key() -> str:
    return Fernet.generate_key().decode()


SECRETS: dict[str, tuple[str, Callable[[], str]]] = {
    "POSTGRES_PASSWORD": ("of the bundled PostgreSQL; it is set when the database is first created", _hex),
    "AIRFLOW_FERNET_KEY": ("encrypts Airflow's connections and variables", _fernet_key),
    "AIRFLOW_JWT_SECRET": ("signs the tokens of users and tasks", _hex),
    "AIRFLOW_API_SECRET_KEY": ("signs sessions of Airflow's UI", _hex),
    "AIRFLOW_ADMIN_PASSWORD": ("of the user admin in Airflow", _hex),
    "AIRFLOW__HOSTAWAY__SECRET_KEYS": (
        "encrypts API keys of Hostaway. Keep a copy apart from the backups",
        _fernet_key,
    ),
    "AIRFLOW__HOSTAWAY__METRICS_TOKEN": ("with which Prometheus reads /hostaway/metrics", _hex),
    "GRAFANA_ADMIN_PASSWORD": ("of the user admin in Grafana (profile monitoring)", _hex),
}
"""The secrets of docker-compose.yaml: what each is for, and what makes one."""

_CHOICES = """
# Fill in where it applies, without the #. docs/deployment.md lists every setting.

# The address under which people open Airflow, and under which Hostaway delivers webhooks. Without PUBLIC_BASE_URL,
# Hostaway is polled every five minutes.
# AIRFLOW_BASE_URL=https://airflow.example.com
# PUBLIC_BASE_URL=https://airflow.example.com

# Who gets a message when something needs an operator (docs/runbook.md).
# AIRFLOW__HOSTAWAY__ALERT_EMAILS=you@example.com

# More workers, one per two cores.
# AIRFLOW_WORKERS=2

# A PostgreSQL of your own, 15 to 18, in place of the bundled one.
# AIRFLOW_DATABASE_URL=postgresql+psycopg2://user:password@host:5432/airflow
# WAREHOUSE_URL=postgresql://user:password@host:5432/warehouse

# The simulator in place of Hostaway, to try it out: docker compose --profile simulator up -d
# HOSTAWAY_API_URL=http://simulator:8090
"""


def env(
    file: Annotated[Path, typer.Argument(help="File to write, or - for the standard output")] = Path(".env"),
) -> None:
    """Write a .env file for docker-compose.yaml, with new secrets. An existing file is never changed."""
    if file == Path("-"):
        sys.stdout.write(env_file())
        return
    try:
        # Only its owner may read it, from the first byte on. A link is not followed.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise InvalidValue(_existing(file)) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(env_file())
    except BaseException:
        # Half a file would be taken for a whole one by the next call.
        with suppress(OSError):
            file.unlink()
        raise
    print_note(
        f"{file} has {len(SECRETS)} new secrets, and only you can read it. Keep a copy in a password manager: without "
        "it, backups cannot be used.\n"
        f"Fill in: PUBLIC_BASE_URL for webhooks, AIRFLOW__HOSTAWAY__ALERT_EMAILS for alerts (comments in {file}).\n"
        "Then: docker compose build && docker compose up -d"
    )


def env_file() -> str:
    """The text of a new .env file, with new secrets."""
    lines = [
        "# Settings of docker-compose.yaml, with secrets: made by `sync-hostaway env`. Do not commit this file.",
        "",
    ]
    for name, (meaning, make) in SECRETS.items():
        lines += [f"# {name}: {meaning}.", f"{name}={make()}"]
    return "\n".join(lines) + "\n" + _CHOICES


def _existing(file: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        set_there = set(re.findall(r"^(?:export )?([A-Z_a-z]\w*)=\S", file.read_text(encoding="utf-8"), re.MULTILINE))
        missing = [name for name in SECRETS if name not in set_there]
        if not missing:
            return f"{file} exists and has every secret; it was not changed"
        return (
            f"{file} exists and was not changed. It lacks {', '.join(missing)}: copy these lines from "
            "`sync-hostaway env -`, which prints a new file"
        )
    return f"{file} exists and was not changed"
