"""Accounts: credentials are checked before they are kept, and never kept in clear."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from sync_hostaway.accounts import registry
from sync_hostaway.accounts.secrets.store import DatabaseSecretsStore
from sync_hostaway.accounts.snapshot_refresh import refreshed_snapshot
from sync_hostaway.accounts.token_store import SharedTokenStore
from sync_hostaway.cli import main as cli
from sync_hostaway.core.db import Connection, advisory_lock, connect
from sync_hostaway.core.exceptions import (
    ConfigurationError,
    CredentialsRejected,
    InactiveAccount,
    InvalidValue,
    UnknownAccount,
)
from sync_hostaway.core.settings import get_settings
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration


def ids_with_dag() -> list[int]:
    """The accounts that a Dag processor builds Dags for."""
    return [account.account_id for account in refreshed_snapshot(get_settings().snapshot_file).accounts]


def test_an_account_is_registered_and_gets_a_dag(warehouse: Connection, simulator: RunningSimulator) -> None:
    registry.add_account(warehouse, 702, "secret-702", name="Seaside")
    registry.add_account(warehouse, 701, "secret-701")
    assert [(a.account_id, a.name, a.state) for a in registry.list_accounts(warehouse)] == [
        (701, None, "active"),
        (702, "Seaside", "active"),
    ]
    assert ids_with_dag() == [701, 702]


@pytest.mark.parametrize("account_id", [0, -1, 10**18, 2**63, 10**30])
def test_no_key_is_sent_for_an_id_that_cannot_be_stored(
    warehouse: Connection, simulator: RunningSimulator, account_id: int
) -> None:
    with pytest.raises(InvalidValue, match="account id"):
        registry.add_account(warehouse, account_id, "secret-701")
    result = CliRunner().invoke(cli.app, ["accounts", "add", str(account_id), "--secret", "secret-701"])
    assert result.exit_code == 2
    assert "secret-701" not in result.output
    assert simulator.control.stats()["total"] == 0
    assert registry.list_accounts(warehouse) == []


def test_accounts_registered_at_the_same_moment_all_get_dags(warehouse_dsn: str, simulator: RunningSimulator) -> None:
    accounts = {number: f"secret-{number}" for number in range(703, 711)}
    for number, secret in accounts.items():
        simulator.control.add_account(number, secret, {"listings": 1, "reservations": 1, "conversations": 1})

    def register(item: tuple[int, str]) -> None:
        with connect(warehouse_dsn) as connection:
            registry.add_account(connection, *item)

    with ThreadPoolExecutor(len(accounts)) as pool:
        list(pool.map(register, accounts.items()))
    assert ids_with_dag() == sorted(accounts)


@pytest.mark.parametrize("name", ["a\x00b", "\ud800", "a\nb", "\x1b[2J", "x" * 201, "", " "])
def test_a_name_that_is_no_line_is_refused_and_nothing_is_kept(
    name: str, warehouse: Connection, simulator: RunningSimulator
) -> None:
    with pytest.raises(InvalidValue, match="name of an account"):
        registry.add_account(warehouse, 701, "secret-701", name=name)
    assert registry.list_accounts(warehouse) == []
    registry.add_account(warehouse, 701, "secret-701", name=" Seaside ")
    with pytest.raises(InvalidValue, match="name of an account"):
        registry.rename_account(warehouse, 701, name)
    with pytest.raises(InvalidValue, match="reason of an account"):
        registry.disable_account(warehouse, 701, f"{name}\x00")
    assert [(a.name, a.state) for a in registry.list_accounts(warehouse)] == [("Seaside", "active")]


def test_a_wrong_secret_is_refused_and_nothing_is_kept(warehouse: Connection, simulator: RunningSimulator) -> None:
    with pytest.raises(CredentialsRejected, match="account 701"):
        registry.add_account(warehouse, 701, "wrong")
    assert registry.list_accounts(warehouse) == []
    assert ids_with_dag() == []


def test_a_wrong_new_secret_leaves_the_old_one(warehouse: Connection, account: int) -> None:
    with pytest.raises(CredentialsRejected):
        registry.rotate_secret(warehouse, account, "wrong")
    with registry.client_for(warehouse, account) as client:
        client.check_credentials()


def test_a_rotated_secret_is_used_at_once(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    with registry.client_for(warehouse, account) as client:
        client.get("/v1/listings", {"limit": 1})
    simulator.control.set_secret(account, "renewed")
    registry.rotate_secret(warehouse, account, "renewed")
    with registry.client_for(warehouse, account) as client:
        assert client.get("/v1/listings", {"limit": 1}).result


def test_a_disabled_account_has_no_dag_and_no_client(warehouse: Connection, account: int) -> None:
    registry.disable_account(warehouse, account, "contract ended")
    assert ids_with_dag() == []
    with pytest.raises(InactiveAccount, match="disabled: contract ended"):
        registry.client_for(warehouse, account)
    registry.add_account(warehouse, account, "secret-701")
    assert ids_with_dag() == [account]


@pytest.mark.parametrize("call", [registry.disable_account, registry.get_account, registry.client_for])
def test_an_unknown_account_is_named_with_the_way_out(warehouse: Connection, call: Callable[..., object]) -> None:
    with pytest.raises(UnknownAccount, match=r"999 .*sync-hostaway accounts add 999"):
        call(warehouse, 999)


def test_processes_share_one_token(warehouse: Connection, account: int, simulator: RunningSimulator) -> None:
    simulator.control.reset(only_stats=True)
    for _ in range(3):
        with registry.client_for(warehouse, account) as client:
            client.get("/v1/listings", {"limit": 1})
    stored = DatabaseSecretsStore(warehouse).get(account, "access_token")
    assert stored
    assert simulator.control.stats()["total"] == 3


def test_one_process_at_a_time_renews_a_token_of_any_version(warehouse: Connection) -> None:
    known_to_all = "select pg_try_advisory_lock(hashtextextended('hostaway access token', %s)) as is_free"
    with SharedTokenStore(701).lock():
        assert warehouse.execute(known_to_all, [701]).fetchall() == [{"is_free": False}]
        assert warehouse.execute(known_to_all, [702]).fetchall() == [{"is_free": True}]
    assert warehouse.execute(known_to_all, [701]).fetchall() == [{"is_free": True}]


def test_a_turn_that_cannot_be_had_is_not_waited_for(warehouse: Connection, warehouse_dsn: str) -> None:
    with (
        connect(warehouse_dsn) as other,
        advisory_lock(other, "test", 701),
        advisory_lock(warehouse, "test", 701, wait=False) as ours,
    ):
        assert not ours
    with advisory_lock(warehouse, "test", 701, wait=False) as ours:
        assert ours


def test_a_lost_connection_does_not_hide_what_went_wrong(warehouse: Connection, warehouse_dsn: str) -> None:
    def fail() -> None:
        with connect(warehouse_dsn) as lost, advisory_lock(lost, "test", 701):
            gone = warehouse.execute("select pg_terminate_backend(%s, 60000) as is_so", [lost.info.backend_pid])
            assert gone.fetchone() == {"is_so": True}
            raise ConfigurationError("what went wrong")

    with pytest.raises(ConfigurationError, match="what went wrong"):
        fail()
    with advisory_lock(warehouse, "test", 701, wait=False) as ours:
        assert ours


def test_stored_secrets_are_encrypted(warehouse: Connection, account: int) -> None:
    rows = warehouse.execute("select ciphertext from ops.secrets").fetchall()
    assert rows
    assert all(b"secret-701" not in row["ciphertext"] for row in rows)


def test_the_database_refuses_a_secret_in_clear(warehouse: Connection, account: int) -> None:
    with pytest.raises(Exception, match="secrets_are_encrypted"):
        warehouse.execute("update ops.secrets set ciphertext = 'secret-701'::bytea")


def test_keys_can_be_rotated_and_a_lost_key_is_named(
    warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = get_settings().fernet_keys()[0], Fernet.generate_key().decode()
    assert DatabaseSecretsStore(warehouse, [new, old]).get(account, "client_secret") == "secret-701"
    with pytest.raises(ConfigurationError, match="AIRFLOW__HOSTAWAY__SECRET_KEYS"):
        DatabaseSecretsStore(warehouse, [new]).get(account, "client_secret")
    with pytest.raises(ConfigurationError, match="not a Fernet key"):
        DatabaseSecretsStore(warehouse, ["short"]).get(account, "client_secret")


def test_rotating_the_secret_of_a_disabled_account_does_not_bring_it_back(warehouse: Connection, account: int) -> None:
    registry.disable_account(warehouse, account, "contract ended")
    registry.rotate_secret(warehouse, account, "secret-701")
    assert registry.get_account(warehouse, account).state == "disabled"


def test_a_run_with_the_old_secret_does_not_stop_an_account_that_was_rotated(
    warehouse: Connection, account: int, simulator: RunningSimulator
) -> None:
    with registry.client_for(warehouse, account) as old:
        simulator.control.set_secret(account, "renewed")
        registry.rotate_secret(warehouse, account, "renewed")
        registry.mark_credentials_rejected(warehouse, old, "the old secret was refused")
    assert registry.get_account(warehouse, account).state == "active"


def test_a_warehouse_url_that_cannot_be_read_is_not_shown() -> None:
    password = "".join(["TOP", "SECRET"])  # not in one piece in this file, which a traceback quotes
    with pytest.raises(ConfigurationError) as caught:
        connect(f"postgres//hostaway:{password}@db/warehouse")
    assert password not in "".join(traceback.format_exception(caught.value))
