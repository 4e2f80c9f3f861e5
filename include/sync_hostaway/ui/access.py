"""The permissions for the page and its buttons. Airflow's auth manager checks both.

A viewer may read the Dag of an account; an operator may also manage its connection (see `api/auth/operator.py`).
Viewers get no guest data and no buttons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from fastapi import HTTPException, Request

from sync_hostaway.airflow import auth_manager
from sync_hostaway.api.auth.operator import account_of_path, user_of_page
from sync_hostaway.api.http.guarded import guards
from sync_hostaway.api.http.problems import Problem
from sync_hostaway.core.dag_ids import sync_dag_id
from sync_hostaway.ui import form_token

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Visitor:
    """A user of Airflow who requests the page.

    :param is_operator: whether they may change the account of the path, or accounts.
    """

    name: str
    is_operator: bool
    user: Any

    def visible(self, account_ids: Iterable[int]) -> frozenset[int]:
        """The accounts among these whose Dags they may read."""
        dags = {sync_dag_id(account_id): account_id for account_id in account_ids}
        return frozenset(dags[dag_id] for dag_id in auth_manager.readable_dags(self.user, set(dags)))


async def _admit(request: Request, _: Sequence[str] = ()) -> None:
    """Admit a user of Airflow who may read the Dag of the account, or some Dag's page.

    :raises Problem: 401 without login, 404 for an account whose Dag they may not read, 503 when Airflow's auth manager
        fails.
    """
    await _visit(request)


async def _admit_change(request: Request, _: Sequence[str] = ()) -> None:
    """Admit an operator whose browser sends the page's form token.

    :raises Problem: 403 without a valid token, or without the permission; else as `_admit`.
    """
    visitor = await _visit(request)
    is_ours = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    if not is_ours or not form_token.is_valid(request.headers.get(form_token.HEADER, ""), visitor.name):
        raise Problem(403, "form-expired", "The page is too old", "Reload the page, then try again. Nothing was done.")
    if not visitor.is_operator:
        detail = "Only a user of Airflow who may manage its connections can do this. Nothing was done."
        raise Problem(403, "not-permitted", "Not permitted", detail)


async def _visit(request: Request) -> Visitor:
    try:
        user = await user_of_page(request)
        account_id = account_of_path(request)
        read_permissions = partial(_permissions_of, user, account_id)
        visitor, may_see = await request.app.state.bulkheads["permissions"].run(None, read_permissions)
    except (Problem, HTTPException):
        raise
    except Exception as error:
        log.exception("visitor_not_authenticated")
        raise Problem(
            503, "auth-unavailable", "Not available", "Airflow's auth manager does not answer. The log has the reason."
        ) from error
    request.state.visitor = visitor
    request.state.caller = {"user": visitor.name}
    if not may_see:
        raise Problem(404, "not-found", "Not found", f"There is no account {account_id} that you may see.")
    found: Visitor = visitor
    return found


def _permissions_of(user: Any, account_id: str | None) -> tuple[Visitor, bool]:
    """The visitor, and whether they may see the account of the path."""
    visitor = Visitor(str(user.get_name()), auth_manager.may_manage(user, "PUT", account_id), user)
    return visitor, visitor.is_operator or account_id is None or bool(visitor.visible([int(account_id)]))


@guards(_admit, bulkhead="operators")
async def visitor(request: Request) -> Visitor:
    """The user of a page."""
    found: Visitor = request.state.visitor
    return found


@guards(_admit_change, bulkhead="slow")
async def acting_operator(request: Request) -> Visitor:
    """The operator who used a button."""
    found: Visitor = request.state.visitor
    return found


def operators_only(found: Visitor) -> None:
    """Refuse viewers.

    :raises Problem: 403.
    """
    if not found.is_operator:
        raise Problem(403, "not-permitted", "Not permitted", "Only users who may manage connections can do it.")
