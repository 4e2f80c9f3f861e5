"""Errors of commands: one line with the cause and the remedy, and exit code 1.

Only `--debug` or LOG_LEVEL=debug show the traceback. Secrets of the settings and the user part of every URL are masked
in both.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from contextlib import suppress
from typing import Any

import psycopg
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from sync_hostaway.core.console import print_error
from sync_hostaway.core.exceptions import ConfigurationError, SyncHostawayError
from sync_hostaway.core.failures import DISK_FULL, DISK_FULL_REMEDY
from sync_hostaway.core.settings import get_settings
from sync_hostaway.core.text import visible
from sync_hostaway.hostaway.secret_masking import mask_passwords, mask_secrets

_LONGEST = 400
_DETAILS = "The same command with --debug shows the details"


class Commands(TyperGroup):
    """The root of all commands."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Every exception ends as one line."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, TyperException):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # The reader of a pipe has ended; Typer then ends without a message.
            if err_level(ctx.params) == "debug":
                details = "".join(traceback.format_exception(error))
                typer.echo(visible(_masked(details), keep="\n"), err=True)
            print_error(_masked(one_line(error)))
        raise typer.Exit(1)


def err_level(params: dict[str, Any]) -> str | None:
    """Return the log level in the options of the root command; None: the default for the terminal."""
    if params.get("debug"):
        return "debug"
    if params.get("verbose"):
        return "info"
    level = params.get("log_level")
    return str(level) if level else None


def one_line(error: Exception) -> str:
    """Return the cause and the remedy. The class name is only shown for unexpected errors."""
    match error:
        case SyncHostawayError():
            message = str(error)
        case psycopg.Error():
            message = f"The warehouse: {_without_rows(error)}"
        case RecursionError():
            message = f"The input is nested too deeply to be read. {_DETAILS}"
        case OSError() if error.strerror:
            where = f" ({error.filename})" if error.filename else ""
            message = f"{error.strerror}{where}. {_DETAILS}"
        case _:
            first = (str(error).strip() or "no message").splitlines()[0]
            message = f"Unexpected error: {first[:_LONGEST]} [{type(error).__name__}]. {_DETAILS}"
    return " ".join(message.split())


def _without_rows(error: psycopg.Error) -> str:
    """Return PostgreSQL's message without details that may quote a row. Messages of libpq may quote the URL."""
    is_away = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if error.sqlstate == DISK_FULL:
        return f"{error.diag.message_primary}. {DISK_FULL_REMEDY}"
    return error.diag.message_primary or (
        "the connection was lost" if is_away else f"it refused the statement. {_DETAILS}"
    )


def _masked(text: str) -> str:
    return mask_passwords(mask_secrets(text, _secrets()))


def _secrets() -> list[str]:
    """Return the secrets in the settings, the environment and the command line."""
    values: list[Any] = []
    with suppress(ConfigurationError):
        values = list(get_settings().model_dump().values())
    known = [value.get_secret_value() for value in values if hasattr(value, "get_secret_value")]
    parts = [part for value in known for part in re.split("[,:]", value)]
    given = [after for before, after in zip(sys.argv, sys.argv[1:], strict=False) if before == "--secret"]
    given += [argument.partition("=")[2] for argument in sys.argv if argument.startswith("--secret=")]
    passwords = [os.environ.get("PGPASSWORD", "")]
    for name, value in os.environ.items():
        if name.lower().endswith("_proxy") and "@" in value:
            user_part = value.rpartition("@")[0].rpartition("://")[2]
            passwords += [user_part, user_part.partition(":")[2]]
    # A short secret would mask parts of words.
    return sorted({value for value in [*known, *parts, *given, *passwords] if len(value) > 5}, key=len, reverse=True)
