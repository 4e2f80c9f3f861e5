"""Mounts our HTTP apps into Airflow's API server."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class HostawayPlugin(AirflowPlugin):
    """The receiver of webhooks, which is public, and the authenticated API."""

    name = "hostaway"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Built when the API server asks for them: Airflow loads plugins into every scheduler, worker and task too."""
        from sync_hostaway.api.fastapi_apps import mounted_apps

        return mounted_apps()

    @cached_property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:
        """What makes all paths of the API server reachable with and without the path of its base URL."""
        from sync_hostaway.airflow.base_path import BasePath

        return [{"name": "hostaway base path", "middleware": BasePath}]
