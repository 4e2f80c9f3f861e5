"""Reports a Dag file of the accounts whose import takes long, before Airflow stops it.

Airflow stops an import after `[core] dagbag_import_timeout` seconds, and all Dags of the file disappear then. To
serialise the Dags takes twice as long as the import; both count towards `[dag_processor] dag_file_processor_timeout`.
"""

from __future__ import annotations

import structlog
from airflow.configuration import conf

from sync_hostaway.accounts.dag_processors import note_trouble

log = structlog.get_logger(__name__)

# A third of a limit, so that a machine that is three times as busy still manages.
_SHARE = 1 / 3
# Import and serialisation together, in imports.
_WHOLE = 3.0


def note_import(file: str, seconds: float, missing_accounts: list[int]) -> None:
    """Log and note an import that took long, and accounts that are missing in the registry. Never raises.

    :param file: name of the Dag file.
    :param seconds: duration of the import.
    """
    limit = _limit()
    is_slow = seconds > limit * _SHARE
    if is_slow:
        log.warning("dag_file_import_slow", file=file, seconds=round(seconds, 1), limit=limit)
    if is_slow or missing_accounts:
        note_trouble(file, seconds, limit, missing_accounts)


def _limit() -> float:
    """Seconds that an import may take; a limit of 0 is none."""
    limits = [
        conf.getfloat("core", "dagbag_import_timeout"),
        conf.getfloat("dag_processor", "dag_file_processor_timeout") / _WHOLE,
    ]
    return min((limit for limit in limits if limit > 0), default=float("inf"))
