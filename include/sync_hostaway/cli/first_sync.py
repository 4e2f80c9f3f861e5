"""Starts the first sync of an account that was registered on the command line, as the HTTP API does.

The command uses the first Airflow that it can reach: the one in `AIRFLOW__HOSTAWAY__AIRFLOW_URL` (with `run_trigger`
`rest`), the embedded one of this home, or the one whose database is in the environment. If it reaches none,
`hostaway_maintenance` starts the sync.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from sync_hostaway.accounts.first_sync import first_sync, request_sync
from sync_hostaway.airflow.run_trigger import InProcessTrigger, RestTrigger, configured_trigger
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.run_trigger import RunTrigger
from sync_hostaway.core.settings import get_settings

_LATER = (
    "The Dag hostaway_maintenance starts its first sync within 15 minutes. To start it now: "
    "`sync-hostaway sync --account {} --mode full --transform`."
)


def begin_first_sync(account_id: int, registered_at: datetime, say: Callable[[str], None]) -> bool:
    """Request the account's first sync, and print when it starts. Returns whether Airflow accepted the request.

    A repeated request changes nothing.
    """
    later = _LATER.format(account_id)
    try:
        trigger = _reachable_trigger()
        if trigger is None:
            say(f"No running Airflow was found. {later}")
            return False
        say("Waiting until Airflow has read the account's new Dag (up to two minutes) …")
        trigger.request_parse(account_id)
        taken = request_sync(trigger, first_sync(account_id, registered_at))
    except SyncHostawayError as error:
        say(f"{error}. {later}")
        return False
    except Exception as error:  # noqa: BLE001 - the account is registered, also if Airflow is broken
        say(f"Airflow cannot be reached ({type(error).__name__}). {later}")
        return False
    say("Its first sync has been requested." if taken else f"Airflow did not accept the request. {later}")
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
