"""A running platform whose accounts are mirrored, and a simulated Hostaway that delivers webhooks to it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import structlog

from benchmarks.environment import ACCOUNT, SECRET, Simulator, as_settings, simulated
from benchmarks.process import environment
from sync_hostaway.accounts.registry import add_account, client_for
from sync_hostaway.core.dag_ids import DELTA_DAG_ID
from sync_hostaway.core.db import connect
from sync_hostaway.core.home import Home
from sync_hostaway.core.home_secrets import Secrets
from sync_hostaway.core.resources import Mode
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.local import ports
from sync_hostaway.local.access import PROJECT_ROOT, prepare_warehouse
from sync_hostaway.local.platform import Platform
from sync_hostaway.simulator.config import Sizes
from sync_hostaway.transforms import run_transform
from sync_hostaway.webhook_admin.registration import ensure_registered

_TIMEOUT = 120.0


class MirroredPlatform:
    """A context manager. Inside, this process has the platform's settings; at the end, everything is removed."""

    simulator: Simulator
    platform: Platform

    def __init__(self, say: Callable[[str], None], options: Mapping[str, str | float] | None = None) -> None:
        """options: further options of `sync-hostaway simulator`, without the dashes."""
        self._say = say
        self._options = options

    def __enter__(self) -> MirroredPlatform:
        with ExitStack() as stack:
            scratch = Path(tempfile.mkdtemp(prefix="sync-hostaway-bench-"))
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            smallest = Sizes(listings=1, reservations=1, conversations=1)
            self.simulator = stack.enter_context(simulated(scratch, smallest, options=self._options))
            home = Home.at(scratch / "home")
            home.make()
            self.platform = Platform(home.root, PROJECT_ROOT, api_url=self.simulator.url)
            port = ports.choose(home, "airflow")
            settings = {
                "SYNC_HOSTAWAY_HOME": str(home.root),
                "AIRFLOW_PORT": str(port),
                "HOSTAWAY_API_URL": self.simulator.url,
                "AIRFLOW__HOSTAWAY__SECRET_KEYS": Secrets.ensure(home).hostaway_secret_keys,
            }
            stack.enter_context(as_settings(environment(settings)))
            self._say("starting the platform")
            stack.callback(self.platform.stop)
            self.platform.start(prepare=_prepare)
            self._api = stack.enter_context(self.platform.api())
            self._api.wait_for_dags({DELTA_DAG_ID}, _TIMEOUT)
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def mirror(self, accounts: Mapping[int, Sizes]) -> None:
        """Make accounts at the source, register and mirror them, and have their changes delivered."""
        self._say(f"mirroring {len(accounts)} account(s)")

        def one(item: tuple[int, Sizes]) -> None:
            account_id, sizes = item
            self.simulator.control.add_account(account_id, f"secret-{account_id}", asdict(sizes))
            with connect() as connection:
                add_account(connection, account_id, f"secret-{account_id}")
                sync_account(connection, account_id, Mode.FULL)
                with client_for(connection, account_id) as client:
                    ensure_registered(connection, client)

        # Side by side: each waits a second until its new token is accepted.
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, accounts.items()))
        run_transform(requested_by="benchmark")

    def count_runs(self, dag_id: str) -> int:
        """Runs of a Dag so far."""
        return len(self._api.dag_runs(dag_id))


def _prepare(dsn: str) -> None:
    prepare_warehouse(dsn)
    # Common Dags start on the day of the first account. Without one, the nightly build of today would run at once, and
    # keep every transform waiting.
    with connect(dsn) as connection:
        add_account(connection, ACCOUNT, SECRET)
