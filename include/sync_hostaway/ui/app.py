"""The operations page as an app of its own, mounted beside the HTTP API.

Airflow's UI shows it in a frame. Everything is read from the database: the page works while the scheduler or Hostaway
is down. Buttons call the functions of the operator API's routes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import psycopg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from sync_hostaway.accounts.auth_failures import REFUSAL_LIMIT, AuthFailureLimiter
from sync_hostaway.api.account_session import ROW_CONNECTIONS, make_auth_pool, make_pool
from sync_hostaway.api.http.bulkheads import Bulkheads
from sync_hostaway.api.http.guarded import require_guards
from sync_hostaway.api.http.middleware import RequestContext
from sync_hostaway.api.http.problems import Problem, problem_of
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.run_trigger import RunTrigger
from sync_hostaway.core.settings import get_settings
from sync_hostaway.ui import actions, pages
from sync_hostaway.ui.rendering import render

log = structlog.get_logger(__name__)


def create_app(trigger: RunTrigger) -> FastAPI:
    """The app, to be mounted at /hostaway/ui.

    :param trigger: requests Dag runs.
    :raises ConfigurationError: when a setting it needs is missing or wrong.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool.open(wait=False)
        app.state.rows.open(wait=False)
        try:
            yield
        finally:
            app.state.pool.close()
            app.state.rows.close()

    app = FastAPI(
        title="sync-hostaway operations page", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    # It signs the forms. Without a key the page cannot be used, so the error is raised at the start.
    get_settings().fernet_keys()
    app.state.pool = make_auth_pool()
    app.state.rows = make_pool()
    app.state.bulkheads = Bulkheads(ROW_CONNECTIONS)
    app.state.auth_failures = AuthFailureLimiter(REFUSAL_LIMIT)
    app.state.trigger = trigger
    app.add_middleware(RequestContext)
    app.include_router(pages.router)
    app.include_router(actions.router)
    require_guards(app)
    for kind in (Problem, HTTPException, RequestValidationError, SyncHostawayError, psycopg.Error, ValidationError):
        app.add_exception_handler(kind, _show_problem)
    return app


async def _show_problem(request: Request, error: Exception) -> Response:
    """An error as a page, or as a part of one for requests of the page's script."""
    # A form whose fields do not fit together
    problem = problem_of(RequestValidationError(error.errors()) if isinstance(error, ValidationError) else error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("page_problem", kind=problem.kind, status=problem.status, error=type(error).__name__)
    template = "problem_part.html" if request.headers.get("hx-request") else "problem.html"
    response = render(request, template, problem.status, problem=problem)
    for name, value in problem.headers.items():
        response.headers[name] = value
    return response
