"""Brings the snapshot of this machine up to date with the registry, within a time that a parse of a Dag file has.

An account leaves the list when the registry has it as disabled or purged, never because the registry does not have it:
a registry without accounts was probably restored from the wrong backup, or is not restored yet. The Dag of such an
account stays, and its runs fail with an error that names the account.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import structlog

from sync_hostaway.accounts.registry_access import run_within
from sync_hostaway.accounts.snapshot import Snapshot, load_snapshot, snapshot_of, write_snapshot
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.queries import load_queries

log = structlog.get_logger(__name__)

_QUERIES = load_queries(Path(__file__).with_name("snapshot.sql"))
# Seconds that a parse waits for the registry. Airflow stops the import of a Dag file after 30 s.
_TIMEOUT = 3.0
# Without a copy, there would be no Dag of any account.
_FIRST_TIMEOUT = 15.0
_MOST_NAMED = 20


def refreshed_snapshot(path: Path, *, timeout: float = _TIMEOUT, first_timeout: float = _FIRST_TIMEOUT) -> Snapshot:
    """The list of accounts in the registry; if it does not answer in time, the copy of this machine.

    Never raises. A registry that is down, slow, empty or of another version costs at most the timeout and no account.

    :param path: the copy, which is replaced if the list has changed.
    :param timeout: seconds to wait for the registry.
    :param first_timeout: seconds to wait while there is no copy.
    """
    known = load_snapshot(path)
    found: list[Snapshot] = []

    def refresh(registry: psycopg.Connection[Any]) -> None:
        row = registry.execute(_QUERIES["registry"]).fetchone()
        snapshot = _merged(known or Snapshot(), row[0] if row else {})
        found.append(snapshot)
        # Here, so that an answer that comes too late for this parse is there for the next one.
        if snapshot != known:
            _write(path, snapshot)

    if run_within(timeout if known else first_timeout, refresh):
        return found[0]
    log.warning("account_snapshot_not_refreshed", known_accounts=len(known.accounts) if known else 0)
    return known or Snapshot()


def _write(path: Path, snapshot: Snapshot) -> None:
    try:
        write_snapshot(path, snapshot.accounts, snapshot.installed_at)
    except (OSError, SyncHostawayError) as error:
        log.warning("account_snapshot_not_written", path=str(path), error=str(error))


def _merged(known: Snapshot, registry: dict[str, Any]) -> Snapshot:
    current = snapshot_of(registry)
    removed = {int(account_id) for account_id in registry["removed"]}
    ids = {account.account_id for account in current.accounts}
    missing = [account for account in known.accounts if account.account_id not in ids | removed]
    if missing:
        log.error(
            "accounts_missing_in_registry",
            accounts=len(missing),
            account_ids=[account.account_id for account in missing[:_MOST_NAMED]],
            way_out="restore the registry, or register them again with `sync-hostaway accounts add`",
        )
    return replace(
        current,
        accounts=sorted([*current.accounts, *missing], key=lambda account: account.account_id),
        missing=[account.account_id for account in missing],
    )
