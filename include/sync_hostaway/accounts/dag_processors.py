"""Notes of Dag processors in `ops.dag_processors`, for the alerts."""

from __future__ import annotations

import socket
from pathlib import Path

import structlog

from sync_hostaway.accounts.registry_access import run_within
from sync_hostaway.core.queries import load_queries

log = structlog.get_logger(__name__)

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_TIMEOUT = 3.0


def note_trouble(file: str, seconds: float, limit: float, missing_accounts: list[int]) -> None:
    """Note the trouble that this machine has with a Dag file. Never raises, and waits three seconds at most.

    :param seconds: duration of the import; `limit`: how long it may take.
    :param missing_accounts: accounts that only the copy of this machine has.
    """
    params = {
        "host": socket.gethostname(),
        "file": file,
        "import_seconds": seconds,
        "import_limit": limit,
        "missing_accounts": missing_accounts,
    }
    run_within(_TIMEOUT, lambda connection: connection.execute(_QUERIES["note"], params))
