"""The pages: all accounts, one account, freshness and budget, data."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from sync_hostaway.api.auth.operator import allow_anyone
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.inputs import Id
from sync_hostaway.api.http.problems import not_found
from sync_hostaway.core.dag_ids import account_of
from sync_hostaway.ui.access import Visitor, operators_only, visitor
from sync_hostaway.ui.account import account_live, account_page, quarantined_payload
from sync_hostaway.ui.data import data_page
from sync_hostaway.ui.documentation import dbt_page, documentation_overview
from sync_hostaway.ui.freshness import freshness_page
from sync_hostaway.ui.overview import AccountFilter, overview
from sync_hostaway.ui.rendering import base_of, render, static_file

router = guarded_router()

Viewer = Annotated[Visitor, Depends(visitor)]
AccountId = Annotated[Id, Path()]
Status = Literal["", "action_required", "failing", "warning", "syncing", "healthy", "paused"]


@router.get("/static/{name}", dependencies=[Depends(allow_anyone)])
async def get_static(name: str) -> Response:
    """Style and scripts: the same for all users, and without any data."""
    found = static_file(name)
    if found is None:
        raise not_found("such file")
    return found


@router.get("/")
def get_overview(
    request: Request,
    viewer: Viewer,
    status: Status = "",
    search: Annotated[str, Query(max_length=100)] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """All accounts."""
    with request.app.state.pool.connection() as connection:
        context = overview(connection, viewer, AccountFilter(status, search, page))
    is_part = request.headers.get("hx-target") == "accounts"
    return render(request, "overview_part.html" if is_part else "overview.html", **context)


@router.get("/freshness")
def get_freshness(request: Request, viewer: Viewer) -> Response:
    """Freshness of the tables, and use of the request budget."""
    with request.app.state.pool.connection() as connection:
        context = freshness_page(connection, viewer)
    is_part = request.headers.get("hx-target") == "freshness"
    return render(request, "freshness_part.html" if is_part else "freshness.html", **context)


@router.get("/documentation")
def get_documentation(request: Request, viewer: Viewer) -> Response:
    """Questions of analysts, and the tables that answer them."""
    with request.app.state.pool.connection() as connection:
        context = documentation_overview(connection)
    return render(request, "documentation.html", **context)


@router.get("/documentation/tables")
async def get_documented_tables(
    request: Request,
    viewer: Viewer,
    name: Annotated[str, Query(pattern="^[a-z_]{0,63}$")] = "",
    view: Literal["", "lineage"] = "",
) -> Response:
    """The page of dbt docs in a frame, at one table or at the lineage of all."""
    anchor = f"#!/model/model.sync_hostaway.{name}" if name else "#!/overview?g_v=1" if view else ""
    response = render(request, "documentation_tables.html", name=name, view=view, anchor=anchor)
    response.headers["Content-Security-Policy"] += "; frame-src 'self'"
    return response


@router.get("/documentation/page")
def get_dbt_page(request: Request, viewer: Viewer) -> Response:
    """The page that dbt makes, in a sandbox."""
    with request.app.state.pool.connection() as connection:
        page = dbt_page(connection, request)
    if page is None:
        raise not_found("documentation yet: `sync-hostaway docs --publish` builds it")
    return page


@router.get("/dag/{dag_id}")
async def get_account_of_dag(dag_id: str, request: Request, viewer: Viewer) -> Response:
    """The page of the account that a Dag mirrors; of all accounts for every other Dag."""
    account_id = account_of(dag_id)
    return RedirectResponse(f"../accounts/{account_id}" if account_id else base_of(request), 303)


@router.get("/accounts/{account_id}")
def get_account(account_id: AccountId, request: Request, viewer: Viewer) -> Response:
    """One account."""
    with request.app.state.pool.connection() as connection:
        context = account_page(connection, account_id, is_operator=viewer.is_operator)
    if context is None:
        raise not_found(f"account {account_id}")
    return render(request, "account.html", **context)


@router.get("/accounts/{account_id}/live")
def get_account_live(account_id: AccountId, request: Request, viewer: Viewer) -> Response:
    """The live part of an account's page."""
    with request.app.state.pool.connection() as connection:
        context = account_live(connection, account_id, is_operator=viewer.is_operator)
    if context is None:
        raise not_found(f"account {account_id}")
    return render(request, "account_live.html", base="../", **context)


@router.get("/accounts/{account_id}/quarantine/{quarantine_id}")
def get_quarantined(
    account_id: AccountId, quarantine_id: Annotated[Id, Path()], request: Request, viewer: Viewer
) -> Response:
    """The payload of a row in quarantine. Only for operators, because it may have personal data."""
    operators_only(viewer)
    with request.app.state.pool.connection() as connection:
        row = quarantined_payload(connection, account_id, quarantine_id)
    if row is None:
        raise not_found("such row in quarantine; it may have been corrected")
    return render(request, "quarantine_part.html", row=row)


@router.get("/accounts/{account_id}/data")
def get_data(account_id: AccountId, request: Request, viewer: Viewer) -> Response:
    """Occupancy, booking pace and unanswered conversations."""
    read = partial(data_page, request.app.state.rows, account_id, is_operator=viewer.is_operator)
    return render(request, "data.html", **read())
