"""Serves Airflow with and without the path of its base URL, and webhooks with the path of PUBLIC_BASE_URL.

With `[api] base_url = https://example.com/airflow`, the apps that Airflow mounts (task API, login, our apps) answer 404
without the prefix. But a reverse proxy may remove the prefix, and tasks in the same network call the API server
directly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.mounts import MOUNT
from sync_hostaway.core.settings import get_settings

# With the base path /hostaway or /api, a path without the prefix seems to have one. No other path begins like these.
_NEVER_A_PREFIX = (f"{MOUNT}/", "/hostaway/v1/", "/api/v2/")

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class BasePath:
    """ASGI middleware that adds to each path the prefix that the server expects.

    :param app: the app; it reads its own prefix from `root_path` in the scope.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._webhook_prefix = _path_of_public_url()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Handle a request."""
        root = scope.get("root_path", "").rstrip("/")
        if scope["type"] in ("http", "websocket"):
            path = self._expected(scope["path"], root)
            if path != scope["path"]:
                # Percent-encoding does not matter, because Starlette routes by `path`.
                scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)

    def _expected(self, path: str, root: str) -> str:
        prefix = self._webhook_prefix
        # Only for webhooks, because a path of PUBLIC_BASE_URL may also be a path of Airflow, such as /api.
        if prefix and prefix != root and path.startswith(f"{prefix}{MOUNT}/"):
            path = path.removeprefix(prefix)
        has_prefix = path == root or path.startswith(f"{root}/")
        if root and has_prefix and path.startswith(_NEVER_A_PREFIX):
            has_prefix = path.removeprefix(root).startswith(_NEVER_A_PREFIX)
        return path if has_prefix else root + path


def _path_of_public_url() -> str:
    try:
        return urlsplit(get_settings().public_base_url or "").path.rstrip("/")
    except (SyncHostawayError, ValueError):
        # The error is reported where the setting is used. Airflow's own pages still work.
        return ""
