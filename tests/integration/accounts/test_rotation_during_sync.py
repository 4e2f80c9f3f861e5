"""Keys and API keys change while a sync runs; nothing is lost, and no sync fails for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
import requests
from cryptography.fernet import Fernet

from sync_hostaway.accounts import registry
from sync_hostaway.accounts.secrets.store import ACCESS_TOKEN, CLIENT_SECRET, DatabaseSecretsStore, secrets_store
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.context import Progress
from sync_hostaway.extract.engine import sync_resource
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration


def while_messages_are_read(dsn: str, account_id: int, happens: Callable[[], None]) -> None:
    """Sync all messages; after the first threads have been read, something happens. The sync has to be complete."""
    with connect(dsn) as connection, registry.client_for(connection, account_id) as client:
        sync_resource(connection, client, Resource.CONVERSATIONS, Mode.FULL, run_key="rotation")
        once = threading.Event()
        threads = "select count(distinct parent_id) as threads from landing.messages where account_id = %s"

        def on_progress(progress: Progress) -> None:
            if progress.seen and not once.is_set():
                once.set()
                with connect(dsn) as other:
                    landed = other.execute(threads, [account_id]).fetchone()
                assert landed is not None
                assert landed["threads"] < 40, "too late to disturb anything"
                happens()

        result = sync_resource(
            connection, client, Resource.MESSAGES, Mode.FULL, run_key="rotation", on_progress=on_progress
        )
        assert once.is_set()
        assert result.is_complete
        assert connection.execute(threads, [account_id]).fetchone() == {"threads": 40}


def test_keys_are_rotated_by_another_process_while_a_sync_runs(
    warehouse_dsn: str, warehouse: Connection, account: int
) -> None:
    old, new = get_settings().fernet_keys()[0], Fernet.generate_key().decode()

    def rotate() -> None:
        environment = {**os.environ, "AIRFLOW__HOSTAWAY__SECRET_KEYS": f"{new},{old}"}
        code = "from sync_hostaway.cli.main import app; app()"
        command = [sys.executable, "-c", code, "secrets", "rotate-key"]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)

    while_messages_are_read(warehouse_dsn, account, rotate)
    assert DatabaseSecretsStore(warehouse, [new]).get(account, CLIENT_SECRET) == "secret-701"


def test_an_api_key_is_replaced_while_a_sync_runs(
    warehouse_dsn: str, warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    def replace() -> None:
        simulator.control.set_secret(account, "renewed")
        with connect(warehouse_dsn) as connection:
            # The token that the running sync uses ends with the key that it came from.
            token = json.loads(secrets_store(connection).get(account, ACCESS_TOKEN) or "")["value"]
            ended = requests.delete(f"{simulator.url}/v1/accessTokens", params={"token": token}, timeout=10)
            assert ended.status_code == 200, ended.text
            registry.rotate_secret(connection, account, "renewed")

    while_messages_are_read(warehouse_dsn, account, replace)
    assert registry.get_account(warehouse, account).state == "active"
