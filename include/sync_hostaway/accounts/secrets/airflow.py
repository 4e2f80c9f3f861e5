"""API keys in Airflow connections, and thus in the secrets backend of Airflow (Vault, AWS, GCP, …)."""

from __future__ import annotations

import hmac
import os
from typing import Any

from sync_hostaway.accounts.secrets.store import CLIENT_SECRET, DatabaseSecretsStore
from sync_hostaway.core.exceptions import ConfigurationError


def connection_id(account_id: int) -> str:
    """The Airflow connection that holds an account's API key as its password."""
    return f"hostaway_{account_id}"


class AirflowSecretsStore:
    """API keys are the passwords of Airflow connections `hostaway_<account id>`.

    They are read from all places in which Airflow looks for connections, but written only to Airflow's own database. A
    connection in an environment variable or a secrets backend would hide the written one, so writing is then refused;
    the error contains the remedy.

    :param database: keeps the secrets that sync-hostaway generates.
    """

    def __init__(self, database: DatabaseSecretsStore) -> None:
        self._database = database

    def get(self, account_id: int, name: str) -> str | None:
        """A secret; None when the account has none of that name, or the secrets backend does not answer."""
        if name != CLIENT_SECRET:
            return self._database.get(account_id, name)
        connection = _find(connection_id(account_id))
        return connection.password or None if connection else None

    def put(self, account_id: int, name: str, value: str) -> None:
        """Store or replace a secret. If the place already has this secret, it need not be writable.

        :raises ConfigurationError: where Airflow's connections can only be read, or would be stored in clear.
        """
        if name != CLIENT_SECRET:
            self._database.put(account_id, name, value)
            return
        if hmac.compare_digest((self.get(account_id, name) or "").encode(), value.encode()):
            return
        if place := _read_only_place(account_id):
            raise ConfigurationError(
                f"The API key of account {account_id} is kept in {place}, where sync-hostaway only reads. Put it there "
                f"as the connection {connection_id(account_id)} (type hostaway, login {account_id}, password: the API "
                "key), and repeat the command."
            )
        _write(account_id, value)

    def delete(self, account_id: int, name: str) -> str | None:
        """Delete a secret. Returns the place that still has it, if this place can only be read."""
        if name != CLIENT_SECRET:
            self._database.delete(account_id, name)
            return None
        if not (place := _read_only_place(account_id)):
            _delete(connection_id(account_id))
            return None
        is_there = self.get(account_id, name) is not None
        return f"the connection {connection_id(account_id)} in {place}" if is_there else None

    def remedy(self, account_id: int) -> str:
        """The remedy when an account has no API key."""
        place = _read_only_place(account_id) or "Airflow"
        return (
            f"the connection {connection_id(account_id)} (type hostaway, login {account_id}, password: the API key) "
            f"is missing in {place}, or cannot be read there"
        )


def _find(conn_id: str) -> Any | None:
    from airflow.models.connection import Connection as StoredConnection
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        # In tasks, which may not open Airflow's database, and in the API server.
        return Connection.get(conn_id)
    except AirflowNotFoundException:
        pass
    try:
        # In a shell, where the Task SDK reads all places except Airflow's database.
        return StoredConnection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        return None


def _read_only_place(account_id: int) -> str | None:
    """Where the connection comes from, if it is not Airflow's own database."""
    from airflow.configuration import conf

    variable = f"AIRFLOW_CONN_{connection_id(account_id).upper()}"
    if variable in os.environ:
        return f"the environment variable {variable}"
    for section, option in (("secrets", "backend"), ("workers", "secrets_backend")):
        if backend := conf.get(section, option, fallback=None):
            return f"the secrets backend {backend}"
    return None


def _write(account_id: int, value: str) -> None:
    from airflow.models.connection import Connection
    from airflow.models.crypto import get_fernet
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    if not get_fernet().is_encrypted:
        raise ConfigurationError(
            "AIRFLOW__CORE__FERNET_KEY is empty: Airflow would store the API key in clear. "
            "Set it (`sync-hostaway secrets new-key` prints one), and do this once more."
        )
    conn_id = connection_id(account_id)
    try:
        with create_session() as session:
            connection = session.scalar(select(Connection).where(Connection.conn_id == conn_id))
            if connection is None:
                connection = Connection(conn_id=conn_id, conn_type="hostaway", login=str(account_id))
                session.add(connection)
            connection.set_password(value)
    except SQLAlchemyError as error:
        raise _no_database(error) from None


def _delete(conn_id: str) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            session.execute(delete(Connection).where(Connection.conn_id == conn_id))
    except SQLAlchemyError as error:
        raise _no_database(error) from None


def _no_database(error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"Airflow's database cannot be used from here ({type(error).__name__}), and the setting "
        "AIRFLOW__HOSTAWAY__SECRETS_STORE=airflow keeps API keys there. Run this where Airflow runs, with its "
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN."
    )
