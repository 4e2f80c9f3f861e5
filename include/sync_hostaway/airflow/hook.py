"""The Airflow hook for Hostaway."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from sync_hostaway.core.exceptions import ConfigurationError, SyncHostawayError
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.auth import Credentials
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.hostaway.rate_limiter import Priority


class HostawayHook(BaseHook):
    """Creates a client for a registered account, or for a Hostaway connection.

    A connection of type `hostaway` has

    * login: the account id,
    * password: the API key,
    * host: the base URL without /v1 (optional; the setting `api_url` by default).

    :param account_id: a registered account. Its stored credentials are used, and the connection is ignored.
    :param hostaway_conn_id: the connection to use if no account is given.
    :param priority: priority of the account's requests in the rate limiter.
    """

    conn_name_attr = "hostaway_conn_id"
    default_conn_name = "hostaway_default"
    conn_type = "hostaway"
    hook_name = "Hostaway"

    def __init__(
        self,
        account_id: int | None = None,
        hostaway_conn_id: str = default_conn_name,
        *,
        priority: Priority = Priority.FULL,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.account_id = account_id
        self.priority = priority
        self.hostaway_conn_id = hostaway_conn_id

    def get_conn(self) -> HostawayClient:
        """Return a client. Close it, or use it as a context manager.

        :raises InactiveAccount: when the account is disabled or its credentials were rejected.
        :raises ConfigurationError: when the connection lacks account id or API key.
        """
        if self.account_id is None:
            return self._client_of_connection()
        from sync_hostaway.accounts.registry import client_for
        from sync_hostaway.core.db import connect

        with connect() as connection:
            return client_for(connection, self.account_id, self.priority)

    def test_connection(self) -> tuple[bool, str]:
        """Exchange the credentials for an access token. Airflow's Test button calls this."""
        try:
            with self.get_conn() as client:
                client.check_credentials()
        except SyncHostawayError as error:
            return False, str(error)
        return True, "Hostaway accepts the credentials"

    def _client_of_connection(self) -> HostawayClient:
        connection = self.get_connection(self.hostaway_conn_id)
        if not (connection.login or "").isdigit() or not connection.password:
            raise ConfigurationError(
                f"Connection {self.hostaway_conn_id} needs the account id as login and the API key as password"
            )
        settings = get_settings()
        if connection.host:
            settings = settings.model_copy(update={"api_url": connection.host.rstrip("/").removesuffix("/v1")})
        return HostawayClient(Credentials(int(connection.login), connection.password), settings=settings)
