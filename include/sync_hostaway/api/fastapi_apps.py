"""The HTTP apps that Airflow's API server mounts, and their paths."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

import structlog
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from sync_hostaway.airflow.run_trigger import configured_trigger
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.mounts import MOUNT
from sync_hostaway.core.run_trigger import RunTrigger

log = structlog.get_logger(__name__)

# The order matters: the API server uses the first prefix that matches. Only the receiver is public.
_APPS = {
    MOUNT: ("Hostaway webhooks", "sync_hostaway.events.receiver"),
    "/hostaway/ui": ("Hostaway operations page", "sync_hostaway.ui.app"),
    "/hostaway": ("Hostaway API", "sync_hostaway.api.app"),
}


def mounted_apps() -> list[dict[str, Any]]:
    """Return the apps as Airflow's plugin interface expects them: dicts with `app`, `url_prefix` and `name`.

    An app that cannot be built is replaced by one that answers 503 to every request. So Airflow's own API still starts,
    and no request passes that the app would have refused.
    """
    return [
        {"app": _built(name, module), "url_prefix": prefix, "name": name} for prefix, (name, module) in _APPS.items()
    ]


def _built(name: str, module: str) -> FastAPI:
    try:
        create_app: Callable[[RunTrigger], FastAPI] = import_module(module).create_app
        return create_app(configured_trigger())
    except SyncHostawayError as error:
        log.warning("app_not_served", app=name, error=str(error))
    except Exception as error:  # noqa: BLE001 - see mounted_apps; the log has no variables, which hold settings
        at = "".join(traceback.format_tb(error.__traceback__))
        log.warning("app_not_served", app=name, error=type(error).__name__, at=at)
    return _closed()


def _closed() -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    async def unavailable(path: str) -> Response:
        """Answer 503 without a reason. The reason is in the API server's log."""
        return JSONResponse({"status": "try again later"}, 503, headers={"Retry-After": "60"})

    return app
