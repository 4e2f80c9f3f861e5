"""Texts of exceptions for logs: class and place only, because most messages quote values."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator

import psycopg

from sync_hostaway.core.exceptions import SyncHostawayError

DISK_FULL = "53100"
DISK_FULL_REMEDY = "The disk of the PostgreSQL server is full. Free space there, and try again"
# As in: invalid input syntax for type date: "…"
_VALUE = re.compile(r': ".*', re.DOTALL)


def log_fields(error: BaseException) -> dict[str, str]:
    """Return the fields of a log line about an exception: `error` with its causes, and `at`, lines of code.

    Only messages of this project and of PostgreSQL are included, without values. There are no variables.
    """
    return {
        "error": ", because of ".join(error_text(each) for each in _causes(error)),
        "at": "".join(traceback.format_tb(error.__traceback__)),
    }


def without_row_values(error: psycopg.Error) -> str:
    """Return PostgreSQL's message without details and context, which quote rows. Tracebacks of tasks are logged."""
    message = error.diag.message_primary
    if message is None:
        # A message of libpq, for example about a lost connection.
        return str(error)
    if error.sqlstate == DISK_FULL:
        return f"{message}. {DISK_FULL_REMEDY}"
    is_about_a_value = (error.sqlstate or "").startswith("22")
    return _VALUE.sub(": a value that is not shown", message) if is_about_a_value else message


def error_text(error: BaseException) -> str:
    """Return the class of an exception, and its message if it comes from this project or PostgreSQL."""
    name = type(error).__name__
    if isinstance(error, psycopg.OperationalError) or (isinstance(error, psycopg.Error) and error.diag.message_primary):
        return f"{name}: {without_row_values(error)}"
    return f"{name}: {error}" if isinstance(error, SyncHostawayError) else name


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes, as a traceback shows them."""
    seen = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
