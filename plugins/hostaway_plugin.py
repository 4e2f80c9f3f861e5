"""Mounts our HTTP apps into Airflow's API server, and shows the operations page in its UI."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin


class HostawayPlugin(AirflowPlugin):
    """The receiver of webhooks, which is public; the authenticated API; the operations page."""

    name = "hostaway"

    # Relative: Airflow may be served below a path. Destinations that this version does not know would drop the plugin.
    external_views: ClassVar[list[dict[str, Any]]] = [
        {
            "name": "Hostaway",
            "href": "hostaway/ui/",
            "destination": "nav",
            "url_route": "hostaway",
            "nav_top_level": True,
            "icon": "hostaway/ui/static/icon.svg",
            "icon_dark_mode": "hostaway/ui/static/icon-dark.svg",
        },
        {
            "name": "Hostaway tables",
            "href": "hostaway/ui/documentation",
            "destination": "nav",
            "url_route": "hostaway-tables",
            "category": "docs",
        },
        {
            "name": "Hostaway account",
            "href": "hostaway/ui/dag/{DAG_ID}",
            "destination": "dag",
            "url_route": "hostaway-account",
        },
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Build the apps when the API server reads this attribute, because Airflow loads plugins in every process."""
        from sync_hostaway.api.fastapi_apps import mounted_apps

        return mounted_apps()

    @cached_property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:
        """Middleware that serves all paths with and without the path of the base URL."""
        from sync_hostaway.airflow.base_path import BasePath

        return [{"name": "hostaway base path", "middleware": BasePath}]
