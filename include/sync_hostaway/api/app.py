"""The authenticated app for operators and host applications. Webhooks have their own app, `events.receiver`."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from sync_hostaway.accounts.auth_failures import REFUSAL_LIMIT, AuthFailureLimiter
from sync_hostaway.api import reference
from sync_hostaway.api.account_session import ROW_CONNECTIONS, make_auth_pool, make_pool
from sync_hostaway.api.http import openapi_errors, problems
from sync_hostaway.api.http.bulkheads import Bulkheads
from sync_hostaway.api.http.guarded import require_guards
from sync_hostaway.api.http.middleware import RequestContext
from sync_hostaway.api.http.rate_limit import RateLimiter
from sync_hostaway.api.routes import (
    account_webhook,
    accounts,
    calendar,
    conversations,
    health,
    listings,
    metrics,
    reservations,
    send_message,
    webhook_events,
)
from sync_hostaway.core.run_trigger import RunTrigger
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.rate_limiter import RateLimit

_ABOUT = "Availability, reservations and guest messages of mirrored Hostaway accounts, and the accounts themselves."


def _exempt_loaded_objects() -> None:
    """Exempt the objects of this moment from all later searches for garbage.

    They stay until the process ends: modules, routes and models, also those of Airflow. Python would search all of
    them, more than half a million, in the middle of every tenth list of 1,000 accounts. This takes half a second.
    """
    gc.collect()
    gc.freeze()


def create_app(trigger: RunTrigger) -> FastAPI:
    """Build the app that is mounted at /hostaway. It opens its connections at startup without waiting for them.

    :param trigger: requests Dag runs.
    :raises ConfigurationError: when a required setting is missing or wrong.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool.open(wait=False)
        app.state.auth_pool.open(wait=False)
        _exempt_loaded_objects()
        try:
            yield
        finally:
            app.state.pool.close()
            app.state.auth_pool.close()

    app = FastAPI(
        title="sync-hostaway",
        version=version("sync-hostaway"),
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        responses=openapi_errors.COMMON,
    )
    settings = get_settings()
    app.state.pool = make_pool()
    app.state.auth_pool = make_auth_pool()
    app.state.bulkheads = Bulkheads(ROW_CONNECTIONS)
    app.state.auth_failures = AuthFailureLimiter(REFUSAL_LIMIT)
    app.state.trigger = trigger
    app.state.rate_limiter = RateLimiter(RateLimit.parse(settings.api_rate_limit))
    app.state.health = health.HealthChecks(app.state.auth_pool)
    app.state.figures = metrics.Figures(app.state.auth_pool)
    app.add_middleware(RequestContext)
    problems.install(app)
    for resource in (calendar, listings, reservations, conversations):
        app.include_router(resource.router, responses=openapi_errors.POLLED)
    app.include_router(send_message.router, responses=openapi_errors.SCOPED)
    for module in (accounts, webhook_events, account_webhook, health, metrics, reference):
        app.include_router(module.router)
    require_guards(app)
    app.state.reference = reference.Reference(app)
    app.openapi = partial(reference.describe, app)  # type: ignore[method-assign]  # FastAPI documents this
    return app
