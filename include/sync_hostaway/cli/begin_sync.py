"""Starts the sync of an account that the command line registered or made active again, as the HTTP API does.

The command uses the first Airflow that it can reach: the one in `AIRFLOW__HOSTAWAY__AIRFLOW_URL` (with `run_trigger`
`rest`), the embedded one of this home, or the one whose database is in the environment. If it reaches none,
`hostaway_maintenance` starts the sync.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from sync_hostaway.accounts.first_sync import SyncRun, catch_up, first_sync, request_sync
from sync_hostaway.accounts.registry import Account
from sync_hostaway.airflow.run_trigger import InProcessTrigger, RestTrigger, configured_trigger
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.run_trigger import RunTrigger
from sync_hostaway.core.settings import get_settings

_LATER = (
    "The Dag hostaway_maintenance starts {what} within 15 minutes. To start it now: "
    "`sync-hostaway sync --account {account} --mode {mode} --transform`."
)


def begin_first_sync(account: Account, echo: Callable[[str], None]) -> bool:
    """Request the account's first sync, and print when it starts. Returns whether Airflow accepted the request.

    A repeated request changes nothing.
    """
    return _begin(first_sync(account.account_id, account.created_at), "its first sync", echo)


def begin_catch_up(account: Account, echo: Callable[[str], None]) -> bool:
    """Request a sync of what an account missed that is active again. Returns whether Airflow accepted the request.

    It does nothing for an account that was active all the time.
    """
    if not account.resumed_at:
        return False
    return _begin(catch_up(account.account_id, account.resumed_at), "a sync of what it missed", echo)


def _begin(run: SyncRun, what: str, echo: Callable[[str], None]) -> bool:
    later = _LATER.format(what=what, account=run.account_id, mode=run.conf["mode"])
    try:
        trigger = _reachable_trigger()
        if trigger is None:
            echo(f"No running Airflow was found. {later}")
            return False
        echo("Waiting until Airflow has read the account's Dag (up to two minutes) …")
        trigger.request_parse(run.account_id)
        taken = request_sync(trigger, run)
    except SyncHostawayError as error:
        echo(f"{error}. {later}")
        return False
    except Exception as error:  # noqa: BLE001 - the account is registered, also if Airflow is broken
        echo(f"Airflow cannot be reached ({type(error).__name__}). {later}")
        return False
    requested = f"{what[0].upper()}{what[1:]} has been requested; until it ends, the account's status is syncing."
    echo(requested if taken else f"Airflow did not accept the request. {later}")
    return taken


def _reachable_trigger() -> RunTrigger | None:
    settings = get_settings()
    if settings.run_trigger == "rest":
        return configured_trigger(settings)
    if any(name.startswith("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") for name in os.environ):
        return InProcessTrigger()
    # Imported here, because most commands do not need the platform.
    from sync_hostaway.local.access import platform
    from sync_hostaway.local.airflow import ADMIN

    embedded = platform()
    return RestTrigger(embedded.airflow_url, ADMIN, embedded.admin_password) if embedded.status().running else None
