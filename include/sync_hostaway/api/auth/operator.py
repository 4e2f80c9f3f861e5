"""Authentication of operators: users of Airflow, checked by Airflow's auth manager.

Airflow does not authenticate the apps that plugins mount, so each route here calls the auth manager. An account holds
credentials as an Airflow connection does. So the permissions are the same: a user who may read, create, change or
delete the connection `hostaway_<account id>` may do that with the account. In the simple auth manager these are the
roles op and admin.

This module imports nothing from Airflow before the first request. Every failure after that denies access.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sync_hostaway.airflow import auth_manager
from sync_hostaway.api.http.guarded import guards
from sync_hostaway.api.http.inputs import is_canonical_id
from sync_hostaway.api.http.problems import Problem, invalid

log = structlog.get_logger(__name__)

bearer = HTTPBearer(
    scheme_name="Operator",
    bearerFormat="JWT",
    description="A token of Airflow (`POST /auth/token`) of a user who may manage connections.",
    auto_error=False,
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
_METHODS = {"GET": "GET", "HEAD": "GET", "POST": "POST", "PUT": "PUT", "PATCH": "PUT", "DELETE": "DELETE"}


async def admit_operator(request: Request, _: Sequence[str] = ()) -> None:
    """Admit a user of Airflow with the permission that the request needs, for the account in the path or for all.

    :raises Problem: 401 without a valid token, 403 without the permission, 422 when the account id is not canonical,
        503 when the auth manager fails.
    """
    try:
        user = await _user(request, await bearer(request))
        name = str(user.get_name())
        account_id = account_of_path(request)
        ask = partial(auth_manager.may_manage, user, _METHODS[request.method], account_id)
        is_permitted = await request.app.state.bulkheads["permissions"].run(None, ask)
    except (Problem, HTTPException):
        raise
    except Exception as error:
        log.exception("operator_not_authenticated")
        raise Problem(
            503, "auth-unavailable", "Not available", "Airflow's auth manager failed; see the server's log."
        ) from error
    if not is_permitted:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "not-permitted",
            "Not permitted",
            "The Airflow user needs the permission to manage connections.",
        )
    request.state.caller = {"operator": name}


@guards(None, bulkhead=None)
async def allow_anyone() -> None:
    """Guard of a route that needs no credentials."""


@guards(admit_operator, bulkhead="operators")
async def require_operator(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
    """Return the name of the operator."""
    name: str = request.state.caller["operator"]
    return name


async def _user(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Any:
    token = credentials.credentials if credentials else _token_of_page(request)
    if not token:
        raise _unauthorized("Send a token of Airflow; `POST /auth/token` issues one.")
    user = await auth_manager.user_of(token)
    if user is None:
        raise _unauthorized("The token is invalid or expired.")
    return user


async def user_of_page(request: Request) -> Any:
    """The user of Airflow who is logged in to its UI in this browser, or whose token the request has.

    The cookie counts for every method here. So a route that changes data must also check that our own page sent the
    request.

    :raises Problem: 401 without a valid token.
    """
    credentials = await bearer(request)
    token = credentials.credentials if credentials else auth_manager.token_in(request.cookies)
    user = await auth_manager.user_of(token) if token else None
    if user is None:
        raise _unauthorized("Log in to Airflow, then reload this page.")
    return user


def _token_of_page(request: Request) -> str | None:
    """Return the token in the cookie of Airflow's UI, for requests that change nothing.

    A browser also sends the cookie with a request from another site's page. So a cookie cannot authorize a change; a
    header can.
    """
    return auth_manager.token_in(request.cookies) if _METHODS[request.method] == "GET" else None


def account_of_path(request: Request) -> str | None:
    """Return the account id in the path. Permissions are checked by this text, so only one spelling is accepted."""
    account_id: str | None = request.path_params.get("account_id")
    if account_id is not None and not is_canonical_id(account_id):
        raise invalid("path.account_id", "an id has digits without sign, blanks or leading zeros")
    return account_id


def _unauthorized(detail: str) -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED, "unauthorized", "Unauthorized", detail, headers={"WWW-Authenticate": "Bearer"}
    )
