"""The path below which Airflow is published, for requests that come without it and for webhooks that come with another.

With `[api] base_url = https://example.com/airflow`, what Airflow mounts (the API of tasks, the login, our apps) is
404 without the prefix. But a reverse proxy may take it off, and tasks in the same network call the API server directly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.mounts import MOUNT
from sync_hostaway.core.settings import get_settings

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class BasePath:
    """ASGI middleware: gives each path the prefix that the server expects.

    :param app: what answers; it finds its own prefix in `root_path` of the scope.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._webhook_prefix = _path_of_public_url()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass a request on."""
        root = scope.get("root_path", "").rstrip("/")
        if scope["type"] in ("http", "websocket"):
            path = self._expected(scope["path"], root)
            if path != scope["path"]:
                # Percent-encoding does not matter here: Starlette routes by `path`.
                scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)

    def _expected(self, path: str, root: str) -> str:
        prefix = self._webhook_prefix
        # Webhooks alone: a path of PUBLIC_BASE_URL may be one of Airflow's own, such as /api.
        if prefix and prefix != root and path.startswith(f"{prefix}{MOUNT}/"):
            path = path.removeprefix(prefix)
        return path if path == root or path.startswith(f"{root}/") else root + path


def _path_of_public_url() -> str:
    try:
        return urlsplit(get_settings().public_base_url or "").path.rstrip("/")
    except (SyncHostawayError, ValueError):
        # Reported where it is used; Airflow serves its own pages all the same.
        return ""
