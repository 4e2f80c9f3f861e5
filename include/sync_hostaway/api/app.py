"""The authenticated app: what operators and host applications use. Webhooks come in through an app of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from sync_hostaway.accounts.refused_credentials import RefusedCredentials
from sync_hostaway.api import (
    calendar,
    conversations,
    health,
    listings,
    operator,
    operator_events,
    operator_webhooks,
    problems,
    reference,
    reservations,
    responses,
    send_message,
)
from sync_hostaway.api.account_rows import make_door_pool, make_pool
from sync_hostaway.api.guarded import require_guards
from sync_hostaway.api.lanes import Lanes
from sync_hostaway.api.middleware import RequestContext
from sync_hostaway.api.rate_limit import RateLimiter
from sync_hostaway.hostaway.budget import RateLimit
from sync_hostaway.settings import get_settings
from sync_hostaway.webhooks.run_trigger import RunTrigger, configured_trigger

_VERSION = "1"
_ABOUT = "Availability, reservations and guest messages of mirrored Hostaway accounts, and the accounts themselves."


def create_app(trigger: RunTrigger | None = None) -> FastAPI:
    """The app, to be mounted at /hostaway. It opens its connections when it starts, and waits for none of them.

    :param trigger: asks for Dag runs; None: the one of the settings.
    :raises ConfigurationError: when a setting it needs is missing or wrong.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool.open(wait=False)
        app.state.door.open(wait=False)
        try:
            yield
        finally:
            app.state.pool.close()
            app.state.door.close()

    app = FastAPI(
        title="sync-hostaway",
        version=_VERSION,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        responses=responses.COMMON,
    )
    settings = get_settings()
    app.state.pool = make_pool()
    app.state.door = make_door_pool()
    app.state.lanes = Lanes(settings.api_connections)
    app.state.refusals = RefusedCredentials(RateLimit.parse(settings.refusal_limit))
    app.state.trigger = trigger or configured_trigger()
    app.state.rate_limiter = RateLimiter(RateLimit.parse(settings.api_rate_limit))
    app.state.health = health.HealthChecks(app.state.door)
    app.add_middleware(RequestContext)
    problems.install(app)
    for resource in (calendar, listings, reservations, conversations):
        app.include_router(resource.router, responses=responses.POLLED)
    app.include_router(send_message.router, responses=responses.SCOPED)
    for router in (operator.router, operator_events.router, operator_webhooks.router, health.router, reference.router):
        app.include_router(router)
    require_guards(app)
    app.openapi = partial(reference.describe, app)  # type: ignore[method-assign]
    return app
