"""Calls Airflow's auth manager. Airflow is imported at the first call only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync_hostaway.accounts.secrets.airflow import connection_id


async def user_of(token: str) -> Any | None:
    """Return the user of a token, or None if the token is invalid or expired."""
    from airflow.api_fastapi.app import get_auth_manager
    from jwt import InvalidTokenError

    try:
        return await get_auth_manager().get_user_from_token(token)
    except InvalidTokenError:
        return None


def token_in(cookies: Mapping[str, str]) -> str | None:
    """Return the token in the cookie of Airflow's UI, or None."""
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN

    return cookies.get(COOKIE_NAME_JWT_TOKEN)


def may_manage(user: Any, method: Any, account_id: str | None) -> bool:
    """Return whether a user may use this method on the connection of an account, or on connections."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails

    details = ConnectionDetails(conn_id=connection_id(int(account_id))) if account_id else None
    manager = get_auth_manager()
    return bool(manager.is_authorized_connection(method=method, details=details, user=user))


def readable_dags(user: Any, dag_ids: set[str]) -> set[str]:
    """The Dags among these that a user may read."""
    from airflow.api_fastapi.app import get_auth_manager

    found: set[str] = get_auth_manager().filter_authorized_dag_ids(dag_ids=dag_ids, user=user, method="GET")
    return found
