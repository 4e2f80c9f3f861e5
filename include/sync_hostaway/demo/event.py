"""`sync-hostaway demo-event`: changes a reservation in the simulator, and measures the seconds to the core table.

The path is the real one: the simulator delivers a webhook to the API server. The API server requests a run of
`hostaway_delta`. The run fetches the reservation and builds its row.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from sync_hostaway.accounts.registry import client_for
from sync_hostaway.core.db import Connection, connect, load_queries
from sync_hostaway.core.exceptions import LocalPlatformError
from sync_hostaway.core.home import Home
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.local.echo import Echo
from sync_hostaway.local.simulator_process import ACCOUNTS, SimulatedApi
from sync_hostaway.simulator.control.client import SimulatorControl
from sync_hostaway.webhook_admin.registration import ensure_registered

_QUERIES = load_queries(Path(__file__).with_name("event.sql"))
_TIMEOUT = 60.0


def run_demo_event(echo: Echo) -> None:
    """Change a reservation and wait until `hostaway.reservations` shows it.

    :raises LocalPlatformError: when no demo runs here, or when the change does not arrive within a minute.
    """
    simulated = SimulatedApi.remembered(Home.at(get_settings().home))
    if simulated is None or not simulated.process_runs:
        raise LocalPlatformError(
            "No demo is running: `KEEP=1 make demo` leaves one running, and `make start` starts it again"
        )
    with connect() as warehouse, SimulatorControl(simulated.url) as hostaway:
        found = warehouse.execute(_QUERIES["any_reservation"], {"accounts": list(ACCOUNTS)}).fetchone()
        if found is None:
            raise LocalPlatformError("hostaway.reservations is empty: `make demo` fills it")
        account_id, reservation_id = found["account_id"], found["reservation_id"]
        with client_for(warehouse, account_id, Priority.DELTA) as client:
            ensure_registered(warehouse, client)
        note = f"Arrives late, written at {datetime.now(UTC):%H:%M:%S.%f}"
        echo(f'In the simulator, reservation {reservation_id} of account {account_id} gets the note "{note}"')
        began = time.monotonic()
        hostaway.patch("reservations", reservation_id, {"hostNote": note}, account_id=account_id)
        _wait_until_visible(warehouse, {"account_id": account_id, "reservation_id": reservation_id, "note": note})
        echo(f"hostaway.reservations shows it after {time.monotonic() - began:.1f} s.")


def _wait_until_visible(warehouse: Connection, change: dict[str, object]) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not warehouse.execute(_QUERIES["is_visible"], change).fetchone():
        if time.monotonic() > deadline:
            event = warehouse.execute(_QUERIES["newest_event"], change).fetchone()
            what = (
                f"its event is {event['state']}: {event['reason'] or 'no reason given'}"
                if event
                else "no event was delivered"
            )
            raise LocalPlatformError(
                f"The change is not in hostaway.reservations after {_TIMEOUT:.0f} s; {what}. "
                "See the Dag hostaway_delta in Airflow"
            )
        time.sleep(0.02)
