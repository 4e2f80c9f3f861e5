"""The stores of secrets have the same contract, and none stores a secret in clear."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from sync_hostaway.accounts import registry
from sync_hostaway.accounts.secrets.store import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    WEBHOOK_PASSWORD,
    DatabaseSecretsStore,
    SecretsStore,
    secrets_store,
)
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import ConfigurationError, UnknownAccount
from sync_hostaway.core.settings import get_settings
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration


class Contract:
    """What every store keeps to."""

    @pytest.fixture
    def store(self, warehouse: Connection) -> SecretsStore:
        warehouse.execute("insert into ops.accounts (account_id) values (701), (702)")
        return secrets_store(warehouse)

    @pytest.mark.parametrize("name", [CLIENT_SECRET, ACCESS_TOKEN, WEBHOOK_PASSWORD])
    def test_a_secret_is_kept_replaced_and_forgotten(self, store: SecretsStore, name: str) -> None:
        assert store.get(701, name) is None
        for value in ("s3cret / with: ünusual @ letters?#%", "another", "another"):
            store.put(701, name, value)
            assert store.get(701, name) == value
        store.delete(701, name)
        assert store.get(701, name) is None
        store.delete(701, name)

    def test_accounts_and_names_do_not_mix(self, store: SecretsStore) -> None:
        store.put(701, CLIENT_SECRET, "of 701")
        store.put(702, CLIENT_SECRET, "of 702")
        store.put(701, ACCESS_TOKEN, "token of 701")
        store.delete(702, CLIENT_SECRET)
        assert (store.get(701, CLIENT_SECRET), store.get(701, ACCESS_TOKEN)) == ("of 701", "token of 701")
        assert store.get(702, CLIENT_SECRET) is None

    def test_an_account_without_a_key_says_where_it_belongs(self, store: SecretsStore, warehouse: Connection) -> None:
        with pytest.raises(UnknownAccount, match="701 has no API key") as caught:
            registry.client_for(warehouse, 701)
        assert store.remedy(701) in str(caught.value)

    def test_an_account_is_registered_rotated_and_used(
        self, warehouse: Connection, store: SecretsStore, simulator: RunningSimulator
    ) -> None:
        registry.add_account(warehouse, 701, "secret-701")
        simulator.control.set_secret(701, "renewed")
        registry.rotate_secret(warehouse, 701, "renewed")
        with registry.client_for(warehouse, 701) as client:
            assert client.get("/v1/listings", {"limit": 1}).result


class TestDatabase(Contract):
    """Fernet tokens in the warehouse."""

    def test_nothing_is_in_clear(self, store: SecretsStore, warehouse: Connection) -> None:
        store.put(701, CLIENT_SECRET, "planted-secret")
        [row] = warehouse.execute("select ciphertext from ops.secrets")
        assert b"planted" not in row["ciphertext"]

    def test_a_missing_key_is_named(self, warehouse: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AIRFLOW__HOSTAWAY__SECRET_KEYS")
        get_settings.cache_clear()
        with pytest.raises(ConfigurationError, match=r"AIRFLOW__HOSTAWAY__SECRET_KEYS .*never stored unencrypted"):
            secrets_store(warehouse).put(701, CLIENT_SECRET, "planted-secret")
        with pytest.raises(ConfigurationError, match="AIRFLOW__HOSTAWAY__SECRET_KEYS"):
            secrets_store(warehouse).get(701, CLIENT_SECRET)


@pytest.fixture
def airflow_store(airflow_that_writes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRETS_STORE", "airflow")
    get_settings.cache_clear()


@pytest.mark.usefixtures("airflow_store")
class TestAirflow(Contract):
    """API keys in Airflow's connections."""

    def test_the_key_is_a_connection_that_airflow_encrypts(self, store: SecretsStore, warehouse: Connection) -> None:
        from airflow.models.connection import Connection as StoredConnection
        from airflow.utils.session import create_session
        from sqlalchemy import select, text

        store.put(701, CLIENT_SECRET, "planted-secret")
        with create_session() as session:
            connection = session.scalar(select(StoredConnection).where(StoredConnection.conn_id == "hostaway_701"))
            assert (connection.conn_type, connection.login) == ("hostaway", "701")
            assert connection.password == "planted-secret"
            assert "planted" not in str(session.execute(text("select * from connection")).all())
        assert warehouse.execute("select 1 from ops.secrets").fetchone() is None

    def test_airflow_without_a_key_stores_nothing(self, store: SecretsStore, monkeypatch: pytest.MonkeyPatch) -> None:
        from airflow.models import crypto

        monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
        crypto.get_fernet.cache_clear()
        try:
            with pytest.raises(ConfigurationError, match="AIRFLOW__CORE__FERNET_KEY is empty"):
                store.put(701, CLIENT_SECRET, "planted-secret")
            assert store.get(701, CLIENT_SECRET) is None
        finally:
            crypto.get_fernet.cache_clear()

    def test_what_can_only_be_read_is_read_and_the_place_to_write_named(
        self, store: SecretsStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_HOSTAWAY_701", json.dumps({"conn_type": "hostaway", "password": "given"}))
        assert store.get(701, CLIENT_SECRET) == "given"
        store.put(701, CLIENT_SECRET, "given")
        with pytest.raises(ConfigurationError, match=r"AIRFLOW_CONN_HOSTAWAY_701.*connection hostaway_701") as caught:
            store.put(701, CLIENT_SECRET, "planted-secret")
        assert "planted" not in str(caught.value)
        store.delete(701, CLIENT_SECRET)
        assert store.get(701, CLIENT_SECRET) == "given"

    def test_a_secrets_backend_is_read_and_never_shadowed(
        self, store: SecretsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vault = tmp_path / "vault.json"
        vault.write_text(json.dumps({"hostaway_701": {"conn_type": "hostaway", "password": "in the vault"}}))
        backend = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
        monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", backend)
        monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps({"connections_file_path": str(vault)}))
        # A process reads its backends once; this one stands for any other.
        read = "from sync_hostaway.accounts.secrets.airflow import _find; print(_find('hostaway_701').password)"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", read],
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == "in the vault"
        with pytest.raises(ConfigurationError, match=backend):
            store.put(701, CLIENT_SECRET, "planted-secret")


def test_keys_are_rotated_one_secret_at_a_time_and_only_once(warehouse: Connection) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    warehouse.execute("insert into ops.accounts (account_id) values (701), (702)")
    before = DatabaseSecretsStore(warehouse, [old])
    for account_id in (701, 702):
        before.put(account_id, CLIENT_SECRET, f"secret-{account_id}")
    both = DatabaseSecretsStore(warehouse, [new, old])
    both.put(702, CLIENT_SECRET, "newer")
    changed = "select account_id, updated_at from ops.secrets order by 1"
    times = warehouse.execute(changed).fetchall()
    assert both.rotate_key() == 1
    assert both.rotate_key() == 0
    after = DatabaseSecretsStore(warehouse, [new])
    assert [after.get(701, CLIENT_SECRET), after.get(702, CLIENT_SECRET)] == ["secret-701", "newer"]
    assert warehouse.execute(changed).fetchall() == times


def test_a_rotation_without_the_old_key_changes_nothing_and_names_the_setting(warehouse: Connection) -> None:
    warehouse.execute("insert into ops.accounts (account_id) values (701)")
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    DatabaseSecretsStore(warehouse, [old]).put(701, CLIENT_SECRET, "secret-701")
    with pytest.raises(ConfigurationError, match=r"client_secret of account 701 .*AIRFLOW__HOSTAWAY__SECRET_KEYS"):
        DatabaseSecretsStore(warehouse, [new]).rotate_key()
    assert DatabaseSecretsStore(warehouse, [old]).get(701, CLIENT_SECRET) == "secret-701"


def test_an_access_token_whose_key_is_gone_is_renewed(warehouse: Connection, account: int) -> None:
    other = Fernet.generate_key().decode()
    DatabaseSecretsStore(warehouse, [other]).put(account, ACCESS_TOKEN, "unreadable")
    with registry.client_for(warehouse, account) as client:
        assert client.get("/v1/listings", {"limit": 1}).result
