"""`make demo`: mirrors accounts end to end, through Airflow, on a machine with nothing installed.

It starts the bundled simulator (unless HOSTAWAY_API_URL selects another server), PostgreSQL and Airflow. It registers
the accounts, triggers their Dags, follows the runs, and compares the rows in Hostaway with the rows in the tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from rich.text import Text

from sync_hostaway.accounts.registry import add_account, client_for, list_accounts
from sync_hostaway.core.console import echo as write
from sync_hostaway.core.console import out, print_table
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.exceptions import ConfigurationError, SyncHostawayError
from sync_hostaway.core.home import Home
from sync_hostaway.core.settings import get_settings
from sync_hostaway.demo.progress import Watch
from sync_hostaway.demo.report import DemoReport, EchoText
from sync_hostaway.hostaway.rate_limiter import Priority
from sync_hostaway.local.access import platform, prepare_warehouse, show_access
from sync_hostaway.local.echo import ignoring_broken_pipe
from sync_hostaway.local.platform import Platform
from sync_hostaway.local.signals import ignore_signals, signals_as_keyboard_interrupt
from sync_hostaway.local.simulator_process import ACCOUNTS, DemoSize, SimulatedApi
from sync_hostaway.webhook_admin.registration import ensure_registered

_RESTART = "A platform is already running in this home. The demo stops it and starts it again"
_NEW_DATA = ". The simulator starts with fresh data; messages and changes that it received before are lost."
_WHAT_TO_SEE = (
    "Look at the tables (hostaway.reservations and others), the sync log ops.sync_runs, and the Dags in Airflow."
)
_SEE_A_CHANGE = "`.venv/bin/sync-hostaway demo-event` changes a reservation and measures the time until it arrives."
_NEXT_STEPS = (
    "The platform keeps running; `make stop` ends it. For your own account, see 'Your own account' in README.md."
)
_STOPPED = "All processes are stopped. To see the tables and the Dags in Airflow: `make start`, or KEEP=1 make demo."


def run_demo(size: DemoSize, *, keep: bool) -> bool:
    """Run the demo. Returns whether every row of the source is in the tables.

    :param keep: leave the platform and the simulator running.
    """
    began = time.monotonic()

    def echo(text: str | Text) -> None:
        line = Text.assemble((f"{time.monotonic() - began:6.1f} s", "dim"), "  ", text)
        out.print(line, soft_wrap=True)

    with signals_as_keyboard_interrupt():
        accounts, home = _accounts(), Home.at(get_settings().home)
        is_simulated = get_settings().api_url is None
        home.make()
        if not platform().status().stopped:
            echo(_RESTART + (_NEW_DATA if is_simulated else "."))
            platform().stop()
        simulated = SimulatedApi.chosen(home, size, echo) if is_simulated else None
        running = platform(simulated)
        running.start(echo, prepare=_preparing(simulated, accounts, echo))
        try:
            echo(f"Airflow is healthy: {running.airflow_url}")
            return _mirror(running, list(accounts), echo, began)
        finally:
            _leave(running, echo, keep=keep, is_simulated=is_simulated)


def _accounts() -> dict[int, str]:
    settings = get_settings()
    accounts = settings.account_secrets()
    if settings.api_url and not accounts:
        raise ConfigurationError(
            "HOSTAWAY_API_URL is set, but HOSTAWAY_ACCOUNTS is not; it looks like 701:secret,702:secret"
        )
    if not settings.api_url and not accounts.items() <= ACCOUNTS.items():
        raise ConfigurationError(
            "HOSTAWAY_ACCOUNTS is set, but the simulator has its own accounts. Set HOSTAWAY_API_URL too "
            "(https://api.hostaway.com is the real one), or unset HOSTAWAY_ACCOUNTS."
        )
    return accounts or ACCOUNTS


def _preparing(simulated: SimulatedApi | None, accounts: dict[int, str], echo: EchoText) -> Callable[[str], None]:
    def prepare(dsn: str) -> None:
        prepare_warehouse(dsn)
        if simulated:
            _refuse_among_real_accounts(simulated.home, dsn)
            simulated.start()
            simulated.remember()
        echo(f"Hostaway API: {get_settings().hostaway_url}{' (simulated)' if simulated else ''}")
        _register(dsn, accounts)
        echo(f"Accounts {', '.join(map(str, accounts))} are registered.")

    return prepare


def _refuse_among_real_accounts(home: Home, dsn: str) -> None:
    """Refuse a warehouse with other accounts: the simulator does not have them."""
    if SimulatedApi.remembered(home):
        return
    with connect(dsn) as connection:
        real = [account.account_id for account in list_accounts(connection) if account.account_id not in ACCOUNTS]
    if real:
        raise ConfigurationError(
            f"Account {', '.join(map(str, real))} is registered in this warehouse. The demo's accounts are "
            "simulated, so they need another warehouse. Unset WAREHOUSE_URL, and run "
            "SYNC_HOSTAWAY_HOME=.local/demo make demo."
        )


def _register(dsn: str, accounts: dict[int, str]) -> None:
    def register(item: tuple[int, str]) -> None:
        with connect(dsn) as connection:
            add_account(connection, *item)

    # Side by side: each waits a second until Hostaway accepts its new token.
    with ThreadPoolExecutor(len(accounts)) as pool:
        list(pool.map(register, accounts.items()))


def _mirror(running: Platform, account_ids: list[int], echo: EchoText, began: float) -> bool:
    with running.api() as api, connect(running.warehouse_dsn(), application="sync-hostaway demo") as warehouse:
        _subscribe(warehouse, account_ids, echo)
        since = datetime.now(UTC)
        watch = Watch(api, warehouse, echo)
        run_ids = watch.trigger_syncs(account_ids)
        succeeded = watch.syncs(run_ids)
        watch.transforms(since)
        report = DemoReport.read(warehouse, run_ids, since)
    print_table(report.table())
    for line in report.summary(time.monotonic() - began).splitlines():
        write(line)
    return succeeded and report.complete


def _subscribe(warehouse: Connection, account_ids: list[int], echo: EchoText) -> None:
    """Register webhooks before the first sync, so that no change is missed. The demo also works without webhooks."""
    for account_id in account_ids:
        try:
            with client_for(warehouse, account_id, Priority.DELTA) as client:
                registration = ensure_registered(warehouse, client)
        except SyncHostawayError as error:
            echo(f"Account {account_id} has no webhook, so only syncs read its changes: {error}")
            continue
        where = f"Hostaway delivers changes to {get_settings().webhook_base_url}"
        echo(f"Account {account_id}: {registration.reason or where}.")


def _leave(running: Platform, echo: EchoText, *, keep: bool, is_simulated: bool) -> None:
    if keep:
        show_access(running)
        for line in (_WHAT_TO_SEE, _SEE_A_CHANGE, _NEXT_STEPS) if is_simulated else (_WHAT_TO_SEE, _NEXT_STEPS):
            write(line)
        return
    with ignore_signals():
        running.stop()
        ignoring_broken_pipe(echo)(_STOPPED)
