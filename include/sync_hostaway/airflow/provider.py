"""Describes the connection type `hostaway` to Airflow: its hook and its form in the UI."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider metadata for the entry point `apache_airflow_provider`."""
    return {
        "package-name": "sync-hostaway",
        "name": "Hostaway",
        "description": "Reads the Hostaway API.",
        "connection-types": [
            {
                "connection-type": "hostaway",
                "hook-class-name": "sync_hostaway.airflow.hook.HostawayHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port", "extra"],
                    "relabeling": {"login": "Account id", "password": "API key", "host": "Base URL"},
                    "placeholders": {"login": "12345", "host": "https://api.hostaway.com"},
                },
            }
        ],
    }
