"""The operations, as a process runs them: `python -m chaos.work NAME ARGUMENTS`. The exit code is 0 if all is done."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sync_hostaway import migrations
from sync_hostaway.core.db import connect
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events.worker import run_worker
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.messaging.outbox import Outbox
from sync_hostaway.messaging.outbox_store import Draft
from sync_hostaway.migrations import migrated_warehouse
from sync_hostaway.polling.run import poll_accounts
from sync_hostaway.privacy.erase import erase_guest, purge_account
from sync_hostaway.transforms import run_transform

_APPLICATION = "chaos"


def sync(account: int, mode: str, run_key: str) -> bool:
    """Sync an account, as a task of its Dag does; a second call with the same key is a retry."""
    with migrated_warehouse(_APPLICATION) as connection:
        results = sync_account(connection, account, Mode(mode), run_key=run_key)
    return not any(result.has_failed for result in results)


def delta(run_key: str) -> bool:
    """Process the inbox, as a run of `hostaway_delta` does."""
    run_worker(run_key, linger=0.0, transform=None)
    return True


def poll(run_key: str, accounts: list[int]) -> bool:
    """Poll accounts, as a run of `hostaway_poll` does."""
    result = poll_accounts(run_key, account_ids=accounts, transform=None)
    return not any(account.error for account in result.accounts)


def transform(run_key: str, project: str | None = None) -> bool:
    """Build the core tables and marts, as a run of `hostaway_transform` does."""
    with migrated_warehouse(_APPLICATION) as connection:
        run_transform(connection, requested_by=run_key, project_dir=Path(project) if project else None)
    return True


def send(account: int, key: str, reservation_id: int, text: str) -> bool:
    """Send a message, as the API server does for a host application."""
    with connect(application="sync-hostaway outbox") as connection:
        entry = Outbox(connection, account).send(key, Draft(reservation_id, text, "channel"))
    return entry.state == "sent"


def erase(account: int, guest_id: int) -> bool:
    """Erase a guest, as the command and the API do."""
    with migrated_warehouse(_APPLICATION) as connection:
        erase_guest(connection, account, guest_id)
    return True


def purge(account: int) -> bool:
    """Remove an account, as the command and the API do."""
    with migrated_warehouse(_APPLICATION) as connection:
        purge_account(connection, account)
    return True


def migrate() -> bool:
    """Migrate the schemas, as `sync-hostaway migrate` does."""
    migrations.upgrade(get_settings().warehouse_dsn)
    return True


WORK: dict[str, Callable[..., bool]] = {
    work.__name__: work for work in (sync, delta, poll, transform, send, erase, purge, migrate)
}


def main(name: str, arguments: dict[str, Any]) -> int:
    """Do the work; return the exit code."""
    return 0 if WORK[name](**arguments) else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(sys.argv[2])))
