"""Short access to the registry from the parse of a Dag file, which must neither fail nor wait."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import psycopg
import structlog

from sync_hostaway.core.libpq import connection_string
from sync_hostaway.core.settings import get_settings

log = structlog.get_logger(__name__)


def run_within(seconds: float, work: Callable[[psycopg.Connection[Any]], object]) -> bool:
    """Run work on a connection to the registry, and wait for it for a time. Returns whether it succeeded in time.

    Never raises. Work that takes longer is not stopped. It runs in a thread, because a timeout of the driver counts
    neither for the name server nor for all hosts together.

    :param work: gets a plain connection in autocommit mode. Its session has no settings of ours, so that every pooler
        will do.
    """
    succeeded: list[bool] = []

    def run() -> None:
        try:
            dsn = connection_string(get_settings().warehouse_dsn, "sync-hostaway dag processor", connect_timeout=2)
            with psycopg.connect(dsn, autocommit=True, client_encoding="utf8", prepare_threshold=None) as connection:
                work(connection)
        except Exception as error:  # noqa: BLE001 - after any error, the Dags stay
            # Its text may hold the password of the connection.
            log.warning("account_registry_not_reached", error=type(error).__name__)
        else:
            succeeded.append(True)

    thread = Thread(target=run, name="account registry", daemon=True)
    thread.start()
    thread.join(seconds)
    if not succeeded and thread.is_alive():
        log.warning("account_registry_slow", seconds=seconds)
    return bool(succeeded)
